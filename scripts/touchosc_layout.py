"""Write bridges/touchosc/Diegetic.tosc from the registry: pads, faders, parameters. Needs py2tosc (the extra "test").

python scripts/touchosc_layout.py            writes it
python scripts/touchosc_layout.py --check    exit code 1 where it isn't what would be written
"""

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import py2tosc
from py2tosc import ui

from diegetic.live.parameters import PARAMETERS, Parameter
from diegetic_bridges.registry import BY_NAME, ROOT, SLOTS

PATH = Path(__file__).parents[1] / "bridges" / "touchosc" / "Diegetic.tosc"

_FRAME = (0, 0, 1024, 768)
_COLUMNS = 4


def layout() -> py2tosc.Document:
    """The whole layout. Ids are made of names, so that the file is the same each time."""
    root = ui.column(
        ui.tiles(*(_pad(slot) for slot in range(1, SLOTS + 1)), columns=_COLUMNS, gap=6, name="pads"),
        ui.row(*(_gain(slot) for slot in range(1, SLOTS + 1)), gap=6, name="levels"),
        ui.row(*(_parameter(each) for each in PARAMETERS), *_stops(), gap=6, name="below"),
        gap=12,
        pad=12,
        frame=_FRAME,
        name="Diegetic",
    )
    document = py2tosc.Document(root=root)
    document.resolve()
    for number, control in enumerate(document.walk()):
        control.id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"diegetic/{number}/{control.name}"))
    return document


def _pad(slot: int) -> py2tosc.Control:
    return _labelled(py2tosc.button(name=f"go {slot}", messages=[_osc("slot_go", slot)]), str(slot))


def _gain(slot: int) -> py2tosc.Control:
    return _labelled(py2tosc.fader(name=f"gain {slot}", messages=[_osc("slot_gain", slot)]), str(slot))


def _parameter(parameter: Parameter) -> py2tosc.Control:
    value = ui.value("x", scale=(parameter.low, parameter.high))
    message = ui.osc(f"{ROOT}/param/{parameter.name}", args=[value])
    return _labelled(py2tosc.fader(name=parameter.name, messages=[message]), parameter.name)


def _stops() -> Iterator[py2tosc.Control]:
    for name in ("transport_stop", "panic"):
        yield _labelled(py2tosc.button(name=name, messages=[ui.osc(BY_NAME[name].address)]), name.rpartition("_")[2])


def _labelled(control: py2tosc.Control, text: str) -> py2tosc.Control:
    return ui.labelled(control, text, size=18, name=f"{control.name} and its label")


def _osc(verb: str, slot: int) -> py2tosc.OscMessage:
    return ui.osc(BY_NAME[verb].address.replace("<slot>", str(slot)))


def main(arguments: list[str]) -> int:
    made = layout()
    if arguments == ["--check"]:
        same = PATH.exists() and py2tosc.dumps(py2tosc.load(PATH)) == py2tosc.dumps(made)
        return 0 if same else 1
    py2tosc.save(made, PATH)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
