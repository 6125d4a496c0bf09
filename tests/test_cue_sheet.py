"""Cue sheets: what is read, what is refused and with which words, and what follows an edit."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import live_models
from diegetic.engine import Engine, LiveConfig
from diegetic.errors import InputError
from diegetic.live.cue_sheet import VERBS, CueSheet, SheetCue, read_sheet, sheet_path
from diegetic.live.cue_watch import CueSheets
from diegetic.live.news import CueChanged, News, SegmentReady, Trouble
from diegetic_bridges.midi_map import Fires, MidiMap, notes_of
from diegetic_bridges.registry import RESERVED_CUES
from fake_engine import FakeEngine

PRESETS = Path(__file__).parents[1] / "presets" / "cues"

DOOR = '[[cue]]\nname = "door"\ntext = "a door slams"\n'
BELL = '[[cue]]\nname = "bell"\ntext = "a bell"\nslot = 3\nnote = 60\nhold = true\ngain_db = -6\n'


def write(path: Path, text: str) -> None:
    """As editors do: a new file in the place of the old one."""
    path.with_suffix(".new").write_text(text, encoding="utf-8")
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize("name", ["default", "harbour"])
def test_the_sheets_in_the_box_can_be_read(name: str) -> None:
    sheet = read_sheet(sheet_path(name, PRESETS))
    assert len(sheet.cue) >= 3
    assert all(cue.slot for cue in sheet.cue)


def test_the_default_sheet_explains_every_key_at_its_default() -> None:
    first = read_sheet(PRESETS / "default.toml").cue[0]
    plain = SheetCue(first.name, first.text, slot=1, note=60)
    assert first == plain
    text = (PRESETS / "default.toml").read_text(encoding="utf-8")
    for key in SheetCue.__dataclass_fields__:
        assert f"\n{key} = " in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DOOR + 'polcy = "drop"', "cue 1: unknown key 'polcy'; did you mean 'policy'?"),
        ('stori = "x"\n' + DOOR, "unknown key 'stori'; did you mean 'story'?"),
        (DOOR + 'policy = "later"', "policy must be one of wait, drop, next_bar"),
        (DOOR + "slot = 17", "cue door: slot must be 1..16, got 17"),
        (DOOR + "note = 128", "cue door: note must be 0..127, got 128"),
        (DOOR + "gain_db = 40\nslot = 1", "cue door: gain_db must be -60..12, got 40"),
        (DOOR + "gain_db = -3", "gain_db is the level of its slot"),
        (DOOR + "hold = true", "hold is about a note"),
        (DOOR + "seconds = 0.2", "seconds: must be 1..324, got 0.2"),
        (DOOR + 'lane = "My Lane"', "lane must be a lower-case letter"),
        ('[[cue]]\nname = "door"\ntext = " "', "text: must say what is to be heard"),
        ('[[cue]]\nname = "a/b"\ntext = "x"', "cue: name must be 1..64 of a-z, A-Z, 0-9, - and _"),
        ('[[cue]]\nname = "arm"\ntext = "x"', "name must be no verb of cues"),
        (DOOR + DOOR, "name door: two cues have it"),
        (BELL + BELL.replace('"bell"', '"gong"'), "slot 3: two cues have it"),
        ("[[cue]\n", "is not valid TOML"),
    ],
)
def test_a_sheet_that_breaks_a_rule_is_refused_by_file_key_and_rule(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "sheet.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_sheet(path)
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_sheet_is_found_by_name_or_by_path(tmp_path: Path) -> None:
    assert sheet_path("harbour", PRESETS) == PRESETS / "harbour.toml"
    assert sheet_path("my/own.toml", PRESETS) == Path("my/own.toml")
    with pytest.raises(InputError, match="did you mean 'harbour'"):
        sheet_path("harbor", PRESETS)


def test_reserved_names_are_those_of_the_wire() -> None:
    assert RESERVED_CUES - {"<name>"} == VERBS


def test_notes_of_a_sheet_come_before_those_of_the_map() -> None:
    sheet = CueSheet(cue=(SheetCue("bell", "a bell", note=60, hold=True), SheetCue("door", "a door")))
    assert notes_of(sheet) == (Fires(60, cue="bell", hold=True),)
    both = MidiMap(note=(Fires(60, slot=1), Fires(61, slot=2))).with_notes(notes_of(sheet))
    assert both.note == (Fires(60, cue="bell", hold=True), Fires(61, slot=2))


class Watched:
    """A sheet at work on an engine that only answers."""

    def __init__(self, path: Path) -> None:
        self.path, self.engine = path, FakeEngine(at_once=True)
        self.engine.cues.clear()
        self.sheets: list[CueSheet] = []
        self.news: list[News] = []
        self.engine.subscribe(self.news.append)

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0.005)

    @property
    def troubles(self) -> list[str]:
        return [each.text for each in self.news if isinstance(each, Trouble)]


def watch(path: Path, scene: Callable[[Watched], Awaitable[None]]) -> None:
    async def whole() -> None:
        watched = Watched(path)
        async with CueSheets(path, watched.engine, watched.sheets.append, every_s=0.01), asyncio.timeout(20):
            await scene(watched)

    asyncio.run(whole())


def test_all_cues_are_defined_with_slots_and_gains_and_armed_where_they_say_so(tmp_path: Path) -> None:
    path = tmp_path / "sheet.toml"
    write(path, 'story = "hall"\n' + DOOR + 'arm = true\nlane = "bed"\nseconds = 8\n' + BELL)

    async def scene(watched: Watched) -> None:
        assert watched.engine.calls == [
            ("cue/define", "door", "hall", "a door slams", "wait", None, "bed", 8.0),
            ("cue/arm", "door"),
            ("cue/define", "bell", "hall", "a bell", "wait", 3),
            ("slot_gain", 3, -6.0),
        ]
        assert [len(sheet.cue) for sheet in watched.sheets] == [2]

    watch(path, scene)


def test_an_edit_defines_what_changed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "sheet.toml"
    write(path, DOOR + BELL)

    async def scene(watched: Watched) -> None:
        watched.engine.calls.clear()
        write(path, DOOR.replace("a door slams", "a door creaks") + '[[cue]]\nname = "owl"\ntext = "an owl"\n')
        await watched.until(lambda: len(watched.sheets) == 2)
        assert watched.engine.calls == [
            ("cue/define", "door", "cues", "a door creaks", "wait", None),
            ("cue/define", "owl", "cues", "an owl", "wait", None),
            ("cue/define", "bell", "cues", "a bell", "wait", None),  # out of its slot
        ]
        assert not watched.troubles

    watch(path, scene)


def test_an_edited_level_leaves_what_is_armed_as_it_sounds(tmp_path: Path) -> None:
    path = tmp_path / "sheet.toml"
    armed = BELL + "arm = true\n"
    write(path, armed)

    async def scene(watched: Watched) -> None:
        for edited, arms in ((armed.replace("-6", "-9"), 0), (armed.replace("a bell", "a gong"), 1)):
            watched.engine.calls.clear()
            before = len(watched.sheets)
            write(path, edited)
            await watched.until(lambda: len(watched.sheets) > before)  # noqa: B023
            assert watched.engine.calls.count(("cue/arm", "bell")) == arms

    watch(path, scene)


def test_a_bad_edit_keeps_what_was_there_and_says_why_and_a_good_one_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "sheet.toml"
    write(path, DOOR)

    async def scene(watched: Watched) -> None:
        watched.engine.calls.clear()
        write(path, DOOR + "sloot = 3")
        await watched.until(lambda: bool(watched.troubles))
        (said,) = watched.troubles
        assert said.startswith(f"{path}, cue 1: unknown key 'sloot'; did you mean 'slot'?")
        assert said.endswith("the cues stay as they were")
        assert not watched.engine.calls
        path.unlink()
        await watched.until(lambda: len(watched.troubles) == 2)
        assert "no such file" in watched.troubles[1]
        write(path, DOOR + "slot = 3")
        await watched.until(lambda: len(watched.sheets) == 2)
        assert watched.engine.calls[0] == ("cue/define", "door", "cues", "a door slams", "wait", 3)

    watch(path, scene)


def test_a_sheet_that_cant_be_read_at_the_start_is_refused(tmp_path: Path) -> None:
    async def whole() -> None:
        with pytest.raises(InputError, match="no such file"):
            await CueSheets(tmp_path / "none.toml", FakeEngine()).start()

    asyncio.run(whole())


def test_a_cue_of_a_sheet_is_rendered_into_the_lane_it_names(tmp_path: Path) -> None:
    path = tmp_path / "sheet.toml"
    write(path, DOOR + 'lane = "doors"\narm = true\nseconds = 2\nslot = 1\n')

    async def whole() -> list[News]:
        engine = Engine(LiveConfig(tmp_path / "project", "mock", "null", 24_000, 64), live_models.quick)
        news: list[News] = []
        engine.subscribe(news.append)
        async with engine, CueSheets(path, engine), asyncio.timeout(40):
            while not any(isinstance(each, CueChanged) and each.cue.state == "armed" for each in news):
                await asyncio.sleep(0.01)
            await engine.ended(engine.slot_go(1).id)
            while not engine.dump().stories:
                await asyncio.sleep(0.01)
            assert {event.lane for event in engine.dump().stories[0][1].events} == {"doors"}
        return news

    news = asyncio.run(whole())
    assert {each.event.lane for each in news if isinstance(each, SegmentReady)} == {"doors"}
