"""JSON messages of the registry: as they are, damaged, and any JSON at all."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diegetic_bridges.clients import Peer
from diegetic_bridges.json_messages import ADDRESS, AT, pack_json, read_message
from diegetic_bridges.registry import MESSAGES, VERBS
from diegetic_bridges.session import Session
from fake_engine import FakeEngine

VALID = [
    {ADDRESS: verb.address.replace("<slot>", "3").replace("<name>", "gain")}
    | {each.name: {"i": 1, "s": "wait", "f": 1.0, "d": 1.0, "fs": 1.0}[each.type] for each in verb.arguments}
    for verb in VERBS
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=8
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A message of the registry with something of it changed, left out or cut off; or any JSON at all."""
    message: Any = dict(draw(st.sampled_from(VALID)))
    key = draw(st.sampled_from([*message, AT, "more"]))
    match draw(st.sampled_from(["change", "leave out", "cut", "anything"])):
        case "change":
            message[key] = draw(ANYTHING)
        case "leave out":
            message.pop(key, None)
        case "anything":
            message = draw(ANYTHING)
    text = json.dumps(message)
    return text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


def test_any_json_at_all_is_answered_or_counted_and_raises_nothing() -> None:
    engine = FakeEngine(at_once=True)
    session = Session(engine)
    sent: list[bytes] = []
    peer = Peer("ws", sent.append, leased=False, pack=pack_json)

    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated())
    def take(text: str) -> None:
        session.take(peer, [read_message(text)])
        assert all(json.loads(packed).get("code") != 500 for packed in sent)
        sent.clear()

    take()
    assert session.counts["messages"] == session.counts["packets"]
    assert session.counts["refused"] > 50


def test_no_argument_has_a_name_that_json_messages_need() -> None:
    for each in (*VERBS, *MESSAGES):
        assert ADDRESS not in {argument.name for argument in each.arguments}
    assert all(AT not in {argument.name for argument in verb.arguments} for verb in VERBS)
