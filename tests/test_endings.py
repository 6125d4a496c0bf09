"""What stops, what falls silent, and when, by the text."""

import pytest

from diegetic.model.agenda import Agenda
from diegetic.model.clauses import Stop, parts, stopping
from diegetic.model.grammar import PlanStyle, frontier
from diegetic.model.often import Due
from diegetic.model.when import When
from diegetic.story import BED
from told_clauses import AT, event, said


def test_what_the_text_says_stops_is_no_sound_but_the_end_of_one() -> None:
    rain, birds = parts("Rain. After ten seconds the rain stops and birds sing")
    assert rain.stop == Stop(1, When(10, "either"))
    assert birds.text == "birds sing"
    agenda = Agenda.of("Rain. After ten seconds the rain stops and birds sing", 30.0)
    assert agenda.times.stops_s(agenda.owed[0]) == 10
    assert agenda.begins_s(agenda.owed[1]) == 10


def test_what_stops_without_a_time_sounds_until_the_next_is_told() -> None:
    agenda = Agenda.of("a crowd cheers, a radio plays; everything falls silent, a glass breaks", 30.0)
    crowd, radio, glass = agenda.owed
    assert [agenda.times.stops_s(each) for each in (crowd, radio, glass)] == [20, 20, None]
    assert agenda.begins_s(glass) == 20
    assert agenda.ends(crowd, "a crowd cheers", BED, 0, 30, AT, 1.0) == [20]
    crowd, whistle = Agenda.of("a crowd cheers, a whistle blows and the crowd falls silent", 30.0).owed
    assert crowd.stop == Stop(2)
    assert whistle.stop is None


@pytest.mark.parametrize(
    ("text", "seconds", "stops_s", "begins_s"),
    [
        ("rain for five seconds, then five seconds of silence, then a gunshot", 20.0, 5.0, 10.0),
        ("footsteps, then nothing for three seconds, then a knock", 20.0, 7.0, 10.0),
        ("a phone rings, and after a pause of four seconds it rings again", 30.0, 11.0, 15.0),
        ("crickets. Silence. A wolf howls", 20.0, 8.0, 10.0),
        ("a machine hums. After ten seconds everything falls silent. At twenty seconds a bird", 30.0, 10.0, 20.0),
    ],
)
def test_what_sounds_before_told_silence_is_over_and_the_next_begins_behind_it(
    text: str, seconds: float, stops_s: float, begins_s: float
) -> None:
    agenda = Agenda.of(text, seconds)
    first, after = agenda.owed
    at = frontier(seconds, PlanStyle())
    assert agenda.ends(first, first.text, BED, 0, at.total, at, 1.0) == [stops_s]
    agenda.tell(event(first.text, BED, 0.0, stops_s), first)
    assert agenda.begins_s(after) == begins_s
    assert agenda.is_after_silence(after)
    assert agenda.lasts_until_s(first, 0.0) == 0.0


def test_a_text_may_end_in_silence() -> None:
    assert Agenda.of("heavy footsteps, then five seconds of silence", 16.0).times.seconds == 11
    assert Agenda.of("a woman screams. Silence.", 20.0).times.seconds == 18
    assert Agenda.of("rain. After ten seconds the rain stops", 20.0).times.seconds == 10
    assert Agenda.of("rain, then the rain stops", 20.0).times.seconds == 20
    assert Agenda.of("rain and wind. After ten seconds the rain stops", 20.0).times.seconds == 20


def test_silence_ends_a_bed_that_the_text_does_not_name() -> None:
    agenda = Agenda.of("a twig snaps, silence, a wolf howls", 30.0)
    agenda.tell(event("a forest at night", BED, 0, 10))
    assert agenda.due(AT.after(0, 10), 1.0, None) == Due("a forest at night", BED, 10, 13)
    agenda.tell(event("a forest at night", BED, 10, 13))
    assert agenda.due(AT.after(10, 13), 1.0, None) is None
    assert Agenda.of("a twig snaps, silence, a wolf howls", 30.0).ends(
        None, "a forest at night", BED, 0, 30, AT, 1.0
    ) == [13]
    assert agenda.ends(None, "another forest", BED, 20, 30, AT.after(0, 20), 1.0)[-1] > 25


def test_what_is_switched_off_is_heard_by_what_it_runs() -> None:
    bath, drip = parts("the bath fills with water, the tap is turned off, drip drip drip")
    assert bath.stop == Stop(1)
    assert drip.stop is None


def test_the_music_stops_whoever_plays() -> None:
    for player in ("a bard plays the lute", "an old jukebox plays", "bagpipes on the hill", "the choir sings"):
        played, rain, chair = parts(f"{player}, rain falls, the music stops, a chair scrapes")
        assert played.stop == Stop(2)
        assert rain.stop is None
        assert chair.stop is None


def test_what_sets_the_scene_may_stop() -> None:
    rails, door, brakes = parts("Inside a train: rails clack steadily, a door slams, brakes squeal, the train stops")
    assert rails.stop == Stop(3)
    assert (door.stop, brakes.stop) == (None, None)


def test_silence_but_for_a_sound_is_none_before_it() -> None:
    (_, tick) = parts("a storm rages, then silence, only a clock ticks")
    assert tick.silent_s == 0.0
    (_, tick) = parts("a storm rages, then silence, a clock ticks")
    assert tick.silent_s > 0.0


def test_when_everyone_falls_silent_what_is_no_sound_of_theirs_goes_on() -> None:
    told = parts("rain falls, people chatter, children laugh, everyone falls silent, a chair creaks")
    assert [part.stop is not None for part in told] == [False, True, True, False]


def test_a_sound_that_nothing_comes_after_is_heard_to_the_end_though_it_stops() -> None:
    agenda = Agenda.of("rain, then the rain stops", 30.0)
    assert agenda.times.stops_s(agenda.owed[0]) is None


def test_what_dies_down_is_over_when_the_next_begins_and_is_heard_so() -> None:
    rain, birds = parts("rain falls, it dies down, birds sing")
    assert rain.how == "it dies down"
    assert rain.stop == Stop(1)
    assert birds.text == "birds sing"


def test_of_what_stops_and_was_never_told_nothing_is_heard_but_how_it_ends() -> None:
    assert said("a phone rings, the typing stops, someone sighs") == ["a phone rings", "someone sighs"]
    assert said("a phone rings, a car stops") == ["a phone rings", "a car stops"]
    assert said("a phone rings, a van turns off the road") == ["a phone rings", "a van turns off the road"]
    assert said("the rain stops, birds sing") == ["the rain stops", "birds sing"]
    assert said("a door slams, the wind dies down") == ["a door slams", "the wind dies down"]
    assert said("the street is quiet again, a bell rings") == ["a bell rings"]
    assert said("the room is quiet except for a clock") == ["the room is quiet except for a clock"]


def test_a_bed_goes_on_in_windows_until_it_stops() -> None:
    agenda = Agenda.of("rain for forty seconds, then birds sing", 60.0)
    rain, birds = agenda.owed
    agenda.tell(event("rain", BED, 0, 27), rain)
    at = frontier(60.0, PlanStyle()).after(0, 27)
    assert agenda.begins_s(birds) == 40
    assert agenda.due(at, 1.0, event("birds sing", BED, 27, 54)) == Due("rain", BED, 27, 40)
    start = frontier(60.0, PlanStyle())
    assert agenda.ends(rain, "rain", BED, 0, 60, start, 1.0) == [20], "in two equal windows"
    assert agenda.ends(None, "rain", BED, 20, 60, start.after(0, 20), 1.0) == [40]


def test_a_bed_of_the_story_stops_where_what_comes_next_says_so() -> None:
    beds = ["rain on a roof", "wind in the trees"]
    assert stopping("the rain stops, a bell rings", beds) == ["rain on a roof"]
    assert stopping("everything falls silent", beds) == beds
    assert stopping("a bell rings", beds) == []
    assert [part.text for part in parts("the rain stops, a bell rings", ["rain on a roof"])] == ["a bell rings"]
    assert [part.text for part in parts("the foghorn stops, a bell rings", [])] == ["a bell rings"]
