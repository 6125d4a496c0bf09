"""manifest.json: what made each file of a story.

It is written before the first take, so that a folder says whose it is from the start, and again when all is done.

Knows nothing of models or samples.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from diegetic import __version__
from diegetic.atomic import write_atomically
from diegetic.audio.loudness import CEILING_DBTP
from diegetic.audio.meter import Loudness
from diegetic.errors import Failure, InputError
from diegetic.project.timeline import Timeline
from diegetic.schema import read_strict
from diegetic.story import Event
from diegetic.takes import FOLDER, Made, Take

NAME = "manifest.json"
MIX = "mix"

_PACKAGES = ("torch", "transformers", "diffusers", "numpy", "soxr", "soundfile")


@dataclass(frozen=True, slots=True)
class Source:
    """One event as it went into the files, and the lineage of its sound.

    take, file: key and file of its take; number: which of the event's takes that is; continues: key of the take that it
    goes on from; before: keys of the event's older takes, oldest first; made: what rendered it, and when.
    """

    event: str
    caption: str
    lane: str
    start_s: float
    duration_s: float
    gain_db: float
    seed: int
    take: str
    file: str
    number: int
    variation: float | None
    continues: str | None
    before: tuple[str, ...]
    made: Made
    loop: bool = False


@dataclass(frozen=True, slots=True)
class Laid:
    """One file that was laid out: its path in the folder, what it is, the events that sound in it, and how loud it is.

    kind: mix, lane, event or loop. loudness: as measured.
    """

    path: str
    kind: str
    events: tuple[str, ...]
    loudness: Loudness | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """How loud the mix is, what the limiter took off it at most, and by how much all stems were turned down.

    story_gain_db, lane_gains_db: what was given to reach the loudness asked for: story_target_lufs, lane_targets_lufs.
    ceiling_dbtp: the true peak that the mix was kept under. How loud each stem came out is said where it is listed.
    """

    true_peak_dbtp: float
    loudness_lufs: float | None
    limited_db: float
    stems_gain_db: float
    story_gain_db: float = 0.0
    lane_gains_db: dict[str, float] = field(default_factory=dict)
    story_target_lufs: float | None = None
    lane_targets_lufs: dict[str, float] = field(default_factory=dict)
    ceiling_dbtp: float = CEILING_DBTP


@dataclass(frozen=True, slots=True)
class Appended:
    """A story that comes after in the project: its folder below, and where it was put; at_s None: after all before."""

    folder: str
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What made each file. finished_at is None while the story is being rendered, and files then has those too
    that are about to be written. Times are UTC, ISO 8601.

    output: how it was laid out, as a table of what `bounce.Output` has. digests: SHA-256 of each of `files`, by path.
    timeline: what the project files say. projects: a digest of each as it was written, by path, or, where that was
    stopped, of how it was and is to be. appended: what else is in the project. bounce_of: the live story that is laid
    out here as a bounce; None for a story's own folder.
    """

    instruction: str
    seconds: float
    seed: int
    model: str
    model_digest: str
    begun_at: str
    finished_at: str | None = None
    rate_hz: int | None = None
    level: Level | None = None
    files: tuple[Laid, ...] = ()
    events: tuple[Source, ...] = ()
    output: dict[str, object] | None = None
    digests: dict[str, str] = field(default_factory=dict)
    timeline: Timeline | None = None
    projects: dict[str, str] = field(default_factory=dict)
    appended: tuple[Appended, ...] = ()
    bounce_of: str | None = None
    versions: dict[str, str] = field(default_factory=lambda: installed())

    @property
    def mix(self) -> str:
        """The path of the mix in the folder. Raises InputError where there is none yet."""
        return mix_of(self.files)


def mix_of(files: Sequence[Laid]) -> str:
    """The path of the mix among the files of a folder. Raises InputError where there is none."""
    for laid in files:
        if laid.kind == MIX:
            return laid.path
    raise InputError("mix: isn't rendered yet; render the story first")


def source(event: Event, take: Take, kept: Sequence[Take] = ()) -> Source:
    """How an event went into the files. kept: all takes there are."""
    recipe = take.recipe
    return Source(
        event=event.id,
        caption=event.caption,
        lane=event.lane,
        start_s=event.start_s,
        duration_s=event.duration_s,
        gain_db=event.gain_db,
        seed=recipe.seed,
        take=take.key,
        file=f"{FOLDER}/{take.file}",
        number=take.number,
        variation=recipe.variation,
        continues=recipe.continues,
        before=tuple(other.key for other in kept if other.event == take.event and other.number < take.number),
        made=take.made,
        loop=event.loop,
    )


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises InputError where it is damaged."""
    try:
        return read_strict(Manifest, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error}); delete it and render again") from None


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest. Raises Failure."""
    write_atomically(path, (json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n").encode())


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits. Raises Failure where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Failure(f"{path}: can't be read ({error.strerror}); render again") from error


def installed() -> dict[str, str]:
    """Versions of the engine and of what its sound depends on."""
    versions = {"diegetic": __version__}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
