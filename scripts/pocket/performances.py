"""Music for pocket's bank, and applause: the tunes of tunes.abc, played by the samples of a General MIDI SoundFont.

abc2midi makes MIDI of them, a player's unevenness is added, and FluidSynth plays it without a room of its own. Both are
Debian's packages (abcmidi, fluidsynth); so is the SoundFont (fluid-soundfont-gm), whose licence is MIT's.

Knows nothing of concepts' words, banks or files that ship.
"""

import random
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mido  # type: ignore[import-untyped]
import numpy as np
import soundfile

from diegetic.model.bank.describe import SAMPLE_RATE, UNIT_FRAMES, UNITS_PER_S
from procedural import Made, Samples

TUNES = Path(__file__).with_name("tunes.abc")
ORIGIN = {
    "source": "FluidR3 GM",
    "original_name": "FluidR3_GM.sf2",
    "licence": "MIT",
    "author": "Frank Wen and contributors",
    "link": "https://packages.debian.org/stable/fluid-soundfont-gm",
}
"""Whose samples play."""
_HEARD_DB = 40.0
_UNEVEN_S, _UNEVEN_VELOCITY = 0.006, 7
_FADE_FRAMES = 960


@dataclass(frozen=True, slots=True)
class Tune:
    """A tune in ABC. number: its X; concept: what it is of; is_groove: it ends with its last bar, to go on in time."""

    number: int
    title: str
    concept: str
    composer: str
    is_groove: bool
    abc: str


def read_tunes(path: Path = TUNES) -> tuple[Tune, ...]:
    """The tunes of a tunebook. Raises ValueError for one without number, title, group or composer."""
    return tuple(map(_read, re.split(r"(?m)^(?=X:)", path.read_text(encoding="utf-8"))[1:]))


def play_all(soundfont: Path, variant: int = 0) -> Iterator[Made]:
    """All tunes as recordings. variant: 0 as they are written, others in another key and tempo.

    Raises CalledProcessError where a program fails, FileNotFoundError where one is missing.
    """
    for tune in read_tunes():
        name = f"{tune.concept.replace(' ', '-')}-{tune.number}"
        yield Made(name, tune.concept, play(tune, soundfont, variant), (), ORIGIN)


def play(tune: Tune, soundfont: Path, variant: int = 0) -> Samples:
    """Mono samples at 48 kHz of one tune."""
    with tempfile.TemporaryDirectory() as folder:
        abc, midi, wav = (Path(folder) / name for name in ("tune.abc", "tune.mid", "tune.wav"))
        abc.write_text(tune.abc, encoding="utf-8")
        _run("abc2midi", str(abc), "-o", str(midi))
        score = mido.MidiFile(midi)
        _play_unevenly(score, random.Random(f"{tune.number} {variant}"), variant)
        score.save(midi)
        dry = ("-R", "0", "-C", "0", "-g", "0.4")
        _run("fluidsynth", "-ni", "-q", "-r", str(SAMPLE_RATE), *dry, "-O", "float", "-T", "wav", "-F", str(wav),
             str(soundfont), str(midi))  # fmt: skip
        samples = soundfile.read(wav, dtype="float32")[0].mean(1)
    units = int(score.length * UNITS_PER_S)  # MIDI ends some ticks behind the last bar
    return _whole(samples, units * UNIT_FRAMES if tune.is_groove else None)


def _play_unevenly(score: mido.MidiFile, rng: random.Random, variant: int) -> None:
    """Notes a little late and not all as loud, as people play; a further variant in another key and tempo."""
    key, speed = (rng.randint(-4, 4), rng.uniform(0.85, 1.15)) if variant else (0, 1.0)
    tempo = next((message.tempo for track in score.tracks for message in track if message.type == "set_tempo"), 500_000)
    most = mido.second2tick(_UNEVEN_S, score.ticks_per_beat, tempo)
    for track in score.tracks:
        late = 0  # how much later than written the message before was
        for message in track:
            if message.type == "set_tempo":
                message.tempo = round(message.tempo / speed)
            moved = rng.randint(0, most) if message.type == "note_on" and message.velocity else 0
            written = message.time
            message.time = max(0, written - late + moved)
            late += message.time - written
            if message.type == "note_on" and message.velocity:
                message.velocity = min(127, max(1, message.velocity + rng.randint(-_UNEVEN_VELOCITY, _UNEVEN_VELOCITY)))
            if message.type in ("note_on", "note_off") and message.channel != 9:
                message.note = min(127, max(0, message.note + key))


def _whole(samples: Samples, frames: int | None) -> Samples:
    """From the first note to where the last has faded, or for so many frames, half as loud as it can be."""
    peak = float(np.abs(samples).max())
    heard = np.flatnonzero(np.abs(samples) > peak * 10 ** (-_HEARD_DB / 20))
    lasts = int(heard[-1] - heard[0]) if frames is None else frames
    whole = samples[heard[0] : heard[0] + lasts] * np.float32(0.5 / peak)
    fade = min(_FADE_FRAMES, len(whole))
    whole[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return whole


def _read(abc: str) -> Tune:
    fields = dict(reversed(re.findall(r"(?m)^([XTGCR]):\s*(.+?)\s*$", abc)))  # of one given twice the first counts
    if missing := set("XTGC") - fields.keys():
        raise ValueError(f"a tune must have the fields {', '.join(sorted(missing))}: {abc[:60]!r}")
    is_groove = fields.get("R") == "groove"
    return Tune(int(fields["X"]), fields["T"], fields["G"], fields["C"], is_groove, abc)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
