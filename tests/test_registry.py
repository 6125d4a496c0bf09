"""The wire's one table, and what is made from it."""

import json
import re
import sys
from pathlib import Path

import pytest

from diegetic.live.jobs import Refused
from diegetic_bridges.failures import SYMBOLS, code_of
from diegetic_bridges.oscquery import host_info, live_of, tree
from diegetic_bridges.reaper_osc import reaper_osc
from diegetic_bridges.registry import BY_MESSAGE, BY_NAME, MESSAGES, RESERVED_CUES, ROOT, VERBS
from fake_engine import FakeEngine

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
import wire_table

DESIGNED = {
    "/diegetic/tell": "issf",
    "/diegetic/plan": "issf",
    "/diegetic/render": "is",
    "/diegetic/continue": "iss",
    "/diegetic/cue/define": "isss",
    "/diegetic/cue/arm": "is",
    "/diegetic/cue/go": "is",
    "/diegetic/cue/stop": "is",
    "/diegetic/event/set": "isiss",
    "/diegetic/event/retake": "isii",
    "/diegetic/bounce": "iss",
    "/diegetic/job/get": "i",
    "/diegetic/job/cancel": "i",
    "/diegetic/jobs": "",
    "/diegetic/state/save": "iss",
    "/diegetic/state/load": "iss",
    "/diegetic/model/load": "is",
    "/diegetic/model/unload": "is",
    "/diegetic/sync": "i",
    "/diegetic/status": "",
    "/diegetic/dump": "",
    "/diegetic/quit": "",
}


def test_addresses_and_types_are_those_of_the_contract() -> None:
    types = {verb.address: verb.types for verb in VERBS}
    assert {address: types[address].partition("[")[0] for address in DESIGNED} == DESIGNED
    assert {f"{ROOT}/slot/<slot>/{what}" for what in ("go", "stop", "gain")} <= set(types)
    assert {f"{ROOT}/param/<name>", f"{ROOT}/cue/<name>", f"{ROOT}/panic", f"{ROOT}/transport/stop"} <= set(types)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in (wire_table.README, wire_table.REAPER)])
def test_files_made_from_the_registry_are_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == wire_table.made()[path], "run python scripts/wire_table.py"


def test_the_readme_lists_the_files_that_there_are() -> None:
    listed = re.findall(r"^    (\w+\.py) ", wire_table.README.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(p.name for p in (wire_table.BRIDGES / "diegetic_bridges").glob("[!_]*.py"))


def test_a_slow_verb_takes_its_request_number_first() -> None:
    for verb in VERBS:
        assert verb.slow == (verb.arguments[:1] == (BY_NAME["tell"].arguments[0],)), verb.address
        assert not verb.slow or verb.reply == ("ack", "done")


def test_every_reply_is_a_message_and_every_event_begins_with_its_sequence_number() -> None:
    assert {f"{ROOT}/{reply}" for verb in VERBS for reply in verb.reply} <= set(BY_MESSAGE)
    assert all(message.event == (message.arguments[0].name == "seq") for message in MESSAGES)


def test_optional_arguments_come_last() -> None:
    for verb in VERBS:
        optional = [argument.optional for argument in verb.arguments]
        assert optional == sorted(optional), verb.address


def test_cue_names_that_would_hide_a_verb_are_reserved() -> None:
    assert set(RESERVED_CUES) == {"define", "arm", "go", "stop", "fire", "<name>"}


def test_the_oscquery_tree_holds_every_verb_with_types_and_ranges() -> None:
    engine = FakeEngine()
    live = live_of(engine.dump(), engine.parameters())
    found = {node["FULL_PATH"]: node for node in _walk(json.loads(json.dumps(tree(live))))}
    assert {verb.address for verb in VERBS if "<" not in verb.address} <= set(found)
    assert found["/diegetic/slot/16/gain"] | {"DESCRIPTION": ""} == {
        "FULL_PATH": "/diegetic/slot/16/gain",
        "DESCRIPTION": "",
        "ACCESS": 3,
        "TYPE": "f",
        "RANGE": [{"MIN": 0, "MAX": 1}],
        "VALUE": [1.0],
    }
    assert found["/diegetic/param/intensity"]["VALUE"] == [0.5]
    assert found["/diegetic/param/gain"]["UNIT"] == ["dB"]
    assert found["/diegetic/param/place"]["TYPE"] == "s"
    assert found["/diegetic/cue/slam"]["TYPE"] == "f"
    assert found["/diegetic/cue"]["ACCESS"] == 0
    host = host_info("Diegetic", "127.0.0.1", 9777)
    assert (host["OSC_IP"], host["OSC_PORT"]) == ("127.0.0.1", 9777)
    assert "OSC_IP" not in host_info("Diegetic", "0.0.0.0", 9777)


def test_reapers_file_only_sends_to_addresses_that_are_taken() -> None:
    patterns = [line.split()[1] for line in reaper_osc().splitlines() if "/" in line and not line.startswith("#")]
    assert patterns
    for pattern in patterns:
        assert pattern[0] in "nbtsf"
        assert pattern[1:].replace("@", "<slot>") in {verb.address for verb in VERBS}


def test_errors_have_codes_of_the_table() -> None:
    assert [code_of(error) for error in (Refused(423, ""), MemoryError(), ValueError())] == [423, 507, 500]
    assert {400, 404, 405, 409, 410, 413, 422, 423, 429, 499, 500, 503, 507} <= set(SYMBOLS)


def _walk(node: dict) -> list[dict]:
    return [node, *(each for child in node.get("CONTENTS", {}).values() for each in _walk(child))]
