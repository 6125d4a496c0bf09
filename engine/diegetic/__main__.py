"""`diegetic` and `python -m diegetic`: the command line, and what is logged where."""

import logging
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diegetic.cli.outside import Listening, Replaying
    from diegetic.live.config import LiveConfig, Loader


def main() -> None:
    """Run the command line and exit with its code."""
    logging.basicConfig(level=logging.ERROR, format="note: %(message)s")
    logging.getLogger("diegetic").setLevel(logging.WARNING)  # what the user should know, such as a repaired plan
    logging.captureWarnings(True)  # the libraries' own are for developers: logged below the level, not shown
    try:
        from diegetic.cli.app import run
        from diegetic.cli.outside import Outside
        from diegetic.cli.wildcards import expanded

        arguments = expanded(sys.argv[1:]) if sys.platform == "win32" else sys.argv[1:]
        code = run(arguments, Outside(midi_ports=midi_ports, serve=serve, replay=replay))
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def serve(config: "LiveConfig", loader: "Loader", listening: "Listening") -> None:
    """The engine with its bridges, and its diary on stderr."""
    from diegetic_bridges import serve as bridges

    _keep_diary()
    bridges.serve(config, loader, listening)


def replay(config: "LiveConfig", loader: "Loader", replaying: "Replaying") -> int:
    """A capture played again, with the same diary; how many of its commands failed."""
    from diegetic_bridges import serve as bridges

    _keep_diary()
    return bridges.replay_file(config, loader, replaying)


def _keep_diary() -> None:
    for handler in logging.getLogger().handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    logging.getLogger("diegetic").setLevel(logging.INFO)
    logging.getLogger("diegetic_bridges").setLevel(logging.INFO)


def midi_ports() -> list[str]:
    from diegetic_bridges import serve as bridges

    return bridges.midi_ports()


if __name__ == "__main__":
    main()
