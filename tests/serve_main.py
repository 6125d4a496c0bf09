"""The command line with models that cost nothing, as a process of its own: `python serve_main.py quick serve ...`."""

import logging
import sys

import live_models
from diegetic.__main__ import midi_ports, replay, serve
from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.errors import InputError
from diegetic.protocol import StoryModel
from diegetic.settings import Settings


def quick(name: str, settings: Settings) -> StoryModel:
    return live_models.quick(name)


def slow(name: str, settings: Settings) -> StoryModel:
    return live_models.slow(name)


def missing(name: str, settings: Settings) -> StoryModel:
    return live_models.missing(name)


def check_installed(name: str, settings: Settings) -> None:
    if name == "nobody":
        raise InputError(f"model: unknown model {name!r}; known: mock")


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="note: %(message)s")
    load = {"quick": quick, "slow": slow, "missing": missing}[sys.argv[1]]
    outside = Outside(
        load=load,
        check_name=lambda name, settings: None,
        check_installed=check_installed,
        serve=serve,
        replay=replay,
        midi_ports=midi_ports,
    )
    sys.exit(run(sys.argv[2:], outside))
