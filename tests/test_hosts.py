"""The files in bridges/<host>/: every message in them is one that the registry takes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import py2tosc
import pytest

import touchosc_layout
from diegetic.live.parameters import BY_NAME as PARAMETERS
from diegetic_bridges.arguments import find, read
from diegetic_bridges.codec import Incoming
from diegetic_bridges.registry import ROOT, SLOTS, Value

BRIDGES = Path(__file__).parents[1] / "bridges"
HOSTS = sorted(path.parent.name for path in BRIDGES.glob("*/README.md"))

Message = tuple[str, tuple[Value, ...]]


def literals(text: str) -> tuple[Value, ...]:
    """Arguments as code writes them: strings in quotes, numbers, floats with an f behind them."""
    found: list[Value] = []
    for word, number in re.findall(r'"([^"]*)"|(-?\d+\.?\d*)f?', text):
        found.append((float(number) if "." in number else int(number)) if number else word)
    return tuple(found)


def in_godot() -> Iterator[Message]:
    text = (BRIDGES / "godot/hello.gd").read_text(encoding="utf-8")
    for address, arguments in re.findall(r'send_osc\("(/[^"]+)", \[(.*?)\]\)', text):
        yield address, literals(arguments)


def in_unity() -> Iterator[Message]:
    text = (BRIDGES / "unity/DiegeticHello.cs").read_text(encoding="utf-8")
    for address, arguments in re.findall(r'Send\("(/[^"]+)"(.*?)\);', text):
        yield address, literals(arguments)


def in_supercollider() -> Iterator[Message]:
    text = (BRIDGES / "supercollider/hello.scd").read_text(encoding="utf-8")
    for address, arguments in re.findall(r'(?:sendMsg\(|, \[)"(/[^"]+)"(.*?)[\])]', text):
        yield address, literals(arguments)


def in_puredata() -> Iterator[Message]:
    """Each [oscformat] with the message box, or the number box, before it."""
    boxes, wires = [], {}
    for record in re.split(r";\n", (BRIDGES / "puredata/hello.pd").read_text(encoding="utf-8")):
        if found := re.match(r"#X (?:obj|msg|text|floatatom) \d+ \d+ ?(.*)", record, re.DOTALL):
            boxes.append((record.split()[1], found[1]))
        elif found := re.match(r"#X connect (\d+) 0 (\d+) 0", record):
            wires[int(found[2])] = int(found[1])
    for number, (_, text) in enumerate(boxes):
        if text.startswith("oscformat "):
            kind, before = boxes[wires[number]]
            words = re.split(r"(?<!\\) ", before) if kind == "msg" else ["0.5"]
            numbers = [float(word) if re.fullmatch(r"-?[\d.]+", word) else word.replace("\\ ", " ") for word in words]
            yield text.split()[1], tuple(numbers)


def in_ableton() -> Iterator[Message]:
    patch = json.loads((BRIDGES / "ableton/hello.maxpat").read_text(encoding="utf-8"))["patcher"]
    for box in (each["box"] for each in patch["boxes"]):
        if box["maxclass"] == "message":
            address, _, rest = box["text"].partition(" ")
            words = re.findall(r'"([^"]*)"|(\S+)', rest)
            yield address, tuple(quoted or (literals(word) or (word,))[0] for quoted, word in words)


def in_touchosc() -> Iterator[Message]:
    """What each control sends, at both of its ends."""
    for control in py2tosc.load(touchosc_layout.PATH).walk():
        for message in control.messages:
            address = "".join(str(part.value) for part in message.path)
            (value,) = message.arguments
            for end in (value.scale_min, value.scale_max):
                yield address, (float(end),)


FILES = {
    "godot": (in_godot, 3),
    "unity": (in_unity, 3),
    "supercollider": (in_supercollider, 4),
    "puredata": (in_puredata, 4),
    "ableton": (in_ableton, 5),
    "touchosc": (in_touchosc, 2 * (2 * SLOTS + len(PARAMETERS) + 2)),
}


@pytest.mark.parametrize("host", FILES)
def test_every_message_of_a_hosts_file_is_taken(host: str) -> None:
    messages, count = FILES[host]
    found = list(messages())
    assert len(found) == count
    for address, values in found:
        call = read(Incoming(address, "", values))
        if call.verb.name == "param_name":
            known = PARAMETERS[str(call.values[0])]
            assert isinstance(call.values[1], float)
            assert known.low <= call.values[1] <= known.high


@pytest.mark.parametrize("host", HOSTS)
def test_every_address_that_a_hosts_readme_names_is_one(host: str) -> None:
    text = (BRIDGES / host / "README.md").read_text(encoding="utf-8")
    named = re.findall(rf"{ROOT}/[a-z/0-9*<>]+", text)
    assert named
    for address in named:
        find(address.replace("*", "1"))  # raises what an unknown address is answered by


def test_the_touchosc_layout_is_what_its_script_writes_and_without_a_fault() -> None:
    assert touchosc_layout.main(["--check"]) == 0, "run python scripts/touchosc_layout.py"
    assert py2tosc.load(touchosc_layout.PATH).validate() == []


def test_a_max_patch_wires_every_message_to_the_sender() -> None:
    patch = json.loads((BRIDGES / "ableton/hello.maxpat").read_text(encoding="utf-8"))["patcher"]
    boxes = {each["box"]["id"]: each["box"] for each in patch["boxes"]}
    sender = next(name for name, box in boxes.items() if box.get("text") == "udpsend 127.0.0.1 9777")
    wired = {line["patchline"]["source"][0] for line in patch["lines"]}
    assert {line["patchline"]["destination"][0] for line in patch["lines"]} == {sender}
    assert wired == {name for name, box in boxes.items() if box["maxclass"] == "message"}


def test_the_readme_lists_the_hosts_that_there_are() -> None:
    readme = (BRIDGES / "README.md").read_text(encoding="utf-8")
    there = {path.name for path in BRIDGES.iterdir() if path.is_dir()} - {"diegetic_bridges", "__pycache__"}
    assert set(re.findall(r"^    (\w+)/ ", readme, re.MULTILINE)) == there
