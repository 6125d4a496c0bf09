"""Cue sheets: cues in TOML (presets/cues/default.toml explains every key), as values.

Knows nothing of the running engine, and of MIDI only the numbers of notes.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from diegetic.errors import DiegeticError, InputError
from diegetic.live.cues import SLOTS, Cue, Policy, check_name
from diegetic.schema import read_strict, read_toml, unknown
from diegetic.story import GAIN_RANGE_DB, Told, check_lane, check_told

VERBS = frozenset(("define", "arm", "go", "stop", "fire"))
"""A cue of such a name could not be fired by its own address."""

_NOTES = range(128)


@dataclass(frozen=True, slots=True)
class SheetCue:
    """One cue. story: "" takes the sheet's. lane: "" leaves it to the model. note: 0..127, of any channel.

    hold: whether it stops when its note is let go. arm: whether it is rendered ahead once it is read.
    """

    name: str
    text: str
    story: str = ""
    seconds: float = 4.0
    lane: str = ""
    policy: Policy = "wait"
    slot: int | None = None
    gain_db: float = 0.0
    note: int | None = None
    hold: bool = False
    arm: bool = False

    def __post_init__(self) -> None:
        _as_rule(lambda: check_name("cue", self.name))
        subject = f"cue {self.name}"
        if self.name in VERBS:
            raise ValueError(f"{subject}: name must be no verb of cues ({', '.join(sorted(VERBS))}); choose another")
        _as_rule(lambda: check_told(Told(self.text, self.seconds)))
        if self.story:
            _as_rule(lambda: check_name("story", self.story))
        if self.lane:
            _as_rule(lambda: check_lane(subject, self.lane))
        if self.slot is not None and self.slot not in SLOTS:
            raise ValueError(f"{subject}: slot must be {SLOTS[0]}..{SLOTS[-1]}, got {self.slot}")
        if self.note is not None and self.note not in _NOTES:
            raise ValueError(f"{subject}: note must be {_NOTES[0]}..{_NOTES[-1]}, got {self.note}")
        if not GAIN_RANGE_DB[0] <= self.gain_db <= 12:
            raise ValueError(f"{subject}: gain_db must be {GAIN_RANGE_DB[0]:g}..12, got {self.gain_db:g}")
        if self.gain_db and self.slot is None:
            raise ValueError(f"{subject}: gain_db is the level of its slot; give it one")
        if self.hold and self.note is None:
            raise ValueError(f"{subject}: hold is about a note; give it one")


@dataclass(frozen=True, slots=True)
class CueSheet:
    """All cues of a sheet. story: of those that name none."""

    story: str = "cues"
    cue: tuple[SheetCue, ...] = ()

    def __post_init__(self) -> None:
        _as_rule(lambda: check_name("story", self.story))
        for what in ("name", "slot", "note"):
            given = [getattr(cue, what) for cue in self.cue if getattr(cue, what) is not None]
            twice = _twice(given)
            if twice is not None:
                raise ValueError(f"{what} {twice}: two cues have it; give each its own")

    def story_of(self, cue: SheetCue) -> str:
        return cue.story or self.story

    def defined(self, cue: SheetCue) -> Cue:
        """The cue as the engine knows it; its gain is its slot's."""
        story = self.story_of(cue)
        return Cue(cue.name, story, cue.text, cue.policy, cue.slot, seconds=cue.seconds, lane=cue.lane)


def read_sheet(path: Path) -> CueSheet:
    """Read a sheet. Raises InputError with file, key and the nearest right one."""
    return read_strict(CueSheet, read_toml(path), str(path))


def sheet_path(given: str, folder: Path) -> Path:
    """The file that is meant: a path, or the name of a sheet in the presets' folder. Raises InputError."""
    if Path(given).suffix == ".toml" or Path(given).exists():
        return Path(given)
    known = {path.stem: path for path in sorted(folder.glob("*.toml"))}
    if given not in known:
        raise InputError(f"cues: {unknown('sheet', given, list(known))}; or give a file that ends in .toml")
    return known[given]


def _twice(values: Iterable[object]) -> object:
    return next((value for value, count in Counter(values).items() if count > 1), None)


def _as_rule(check: Callable[[], object]) -> None:
    """A rule of the engine as one of this file: what it raises gets the file's name from the reader."""
    try:
        check()
    except DiegeticError as error:
        raise ValueError(str(error)) from None
