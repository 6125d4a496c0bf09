"""What a session tells those who subscribed: events, meters, leases, and what was missed."""

from typing import Any

import pytest

from diegetic.live.news import (
    CueChanged,
    DeviceChanged,
    EventPlanned,
    JobProgress,
    Late,
    Meters,
    SegmentEnd,
    SegmentReady,
    SegmentStart,
    StateChanged,
    Trouble,
    Underrun,
)
from diegetic.story import Event
from diegetic_bridges.clients import LEASE_S
from diegetic_bridges.codec import time_tag
from diegetic_bridges.event_log import KEPT
from diegetic_bridges.outgoing import event_of
from diegetic_bridges.registry import BY_MESSAGE, MESSAGES, ROOT
from fake_engine import FakeEngine
from wire_stage import WALL_S, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


NEWS = [
    JobProgress(1, "plan", 1, 3, 2.0),
    EventPlanned("storm", Event("e1", "rain", 0, 4)),
    SegmentReady("storm", Event("e1", "rain", 0, 4), "slam"),
    SegmentStart("storm", "e1", 101.5),
    SegmentEnd("storm", "e1", 105.5),
    CueChanged(FakeEngine().cues[0]),
    StateChanged("busy"),
    Late("slam", 0.25, "wait"),
    Underrun(1, 7),
    DeviceChanged("null", "lost", 48_000),
    Trouble(503, "the generator is being started again"),
]


def test_every_news_is_an_event_of_the_registry_and_none_is_missing(stage: Stage) -> None:
    stage.send("/notify", "i", 1)
    stage.got.clear()
    for news in NEWS:
        stage.engine.tell_news(news)
    assert {ROOT + address for address, _, _ in stage.got} == {message.address for message in MESSAGES if message.event}
    assert [values[0] for _, _, values in stage.got] == list(range(1, len(NEWS) + 1))
    for news in NEWS:
        event = event_of(news)
        assert event is not None
        assert len(event.values) + 1 == len(BY_MESSAGE[f"{ROOT}/{event.path}"].arguments)


def test_meters_go_to_who_asked_for_them_unnumbered_and_are_not_sent_again(stage: Stage) -> None:
    others: list[Any] = []
    other = stage.another("there", others)
    stage.send("/notify", "isi", 1, "", 1)
    stage.send("/notify", "i", 1, peer=other)
    stage.got.clear(), others.clear()
    stage.engine.tell_news(Meters((("bed", 0.5, 0.25), ("foreground", 1.0, 0.0))))
    assert stage.got == [("/meters", "sff", ("bed", 0.5, 0.25)), ("/meters", "sff", ("foreground", 1.0, 0.0))]
    assert others == []
    assert stage.send("/resync", "i", 0) == [("/resync.reply", (0, 0, 0))]
    stage.send("/notify", "i", 1)
    stage.got.clear()
    stage.engine.tell_news(Meters((("bed", 0.5, 0.25),)))
    assert stage.got == []


@pytest.mark.parametrize(
    ("types", "tag", "value"), [("", "f", 1.5), ("d", "d", WALL_S + 1.5), ("hdt", "t", time_tag(WALL_S + 1.5))]
)
def test_times_go_in_the_type_that_the_client_takes(stage: Stage, types: str, tag: str, value: float) -> None:
    stage.send("/notify", "is", 1, types)
    stage.got.clear()
    stage.engine.tell_news(SegmentStart("storm", "e1", 101.5))
    assert stage.got == [("/segment/start", f"iss{tag}s", (1, "storm", "e1", value, ""))]


def test_events_go_to_subscribers_until_their_lease_ends_and_any_message_renews_it(stage: Stage) -> None:
    assert stage.send("/notify", "i", 1) == [("/notify.reply", (1, LEASE_S))]
    stage.now += LEASE_S - 1
    stage.send("/status")
    stage.now += LEASE_S - 1
    stage.got.clear()
    stage.engine.tell_news(StateChanged("busy"))
    assert len(stage.got) == 1
    stage.now += 2
    stage.engine.tell_news(StateChanged("ready"))
    assert len(stage.got) == 1
    stage.send("/status")
    stage.got.clear()
    stage.engine.tell_news(StateChanged("busy"))
    assert stage.got == []


def test_a_connection_has_no_lease_and_ends_when_it_is_closed(stage: Stage) -> None:
    peer = stage.another("tcp", stage.got, leased=False)
    assert stage.send("/notify", "i", 1, peer=peer) == [("/notify.reply", (1, 0.0))]
    stage.now += 10 * LEASE_S
    stage.got.clear()
    stage.engine.tell_news(StateChanged("busy"))
    assert len(stage.got) == 1
    stage.session.forget("tcp")
    stage.engine.tell_news(StateChanged("ready"))
    assert len(stage.got) == 1


def test_missed_events_are_sent_again_with_their_numbers_and_lost_ones_show(stage: Stage) -> None:
    for _ in range(3):
        stage.engine.tell_news(StateChanged("busy"))
    answers = stage.send("/resync", "i", 2)
    assert answers[0] == ("/resync.reply", (2, 3, 2))
    assert [values[0] for _, values in answers[1:]] == [2, 3]
    assert stage.send("/resync", "i", 4) == [("/resync.reply", (0, 0, 0))]
    for _ in range(KEPT):
        stage.engine.tell_news(StateChanged("ready"))
    assert stage.send("/resync", "i", 1)[0] == ("/resync.reply", (4, KEPT + 3, KEPT))


def test_a_fired_cue_that_fails_is_told_to_subscribers(stage: Stage) -> None:
    stage.send("/notify", "i", 1)
    stage.send("/cue/slam", "f", 1.0)
    stage.engine.end(1, 500, "slam: can't be rendered")
    assert stage.got[-1] == ("/error", "iiss", (1, 500, "internal", "slam: can't be rendered"))
