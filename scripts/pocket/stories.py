"""Training stories for pocket's planner: hand-written scenes at many lengths, and scenes made from captions.

A scene is a block of text (scripts/pocket/scenes/*.txt): the told text, its place, and events with spans in percent of
the whole. A story is a scene at a length in seconds, in whole seconds, every event 1 to 27 s: longer beds become
chained windows.

Knows nothing of tokens or audio.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from diegetic.model.grammar import Timed
from diegetic.story import BED, FOREGROUND, MAX_EVENT_S

SCENES = Path(__file__).parent / "scenes"
MAX_EVENTS = 12
LENGTHS_S = (5, 6, 8, 10, 12, 15, 15, 18, 20, 20, 24, 25, 30, 30, 30, 35, 40, 40, 40, 45, 50, 60, 60, 75, 90, 120)
PLACES = {
    "outdoors": "field street harbour forest garden camp road beach bridge village yard mountain battlefield swamp",
    "indoors": "house kitchen tavern office workshop castle shop barn bedroom library",
    "large hall": "hall church station throne room",
    "cave": "cave dungeon mine crypt",
    "small room": "cell closet bathroom cabin",
}
# {a}, {b}, {c}: happenings in order; {bed}: what goes on.
TEMPLATES = (
    "{a}, then {b}", "{a}. {b}. {c}.", "{a}, {b}, {c}", "First {a}, then {b} and finally {c}.",
    "{bed}, and {a}.", "{bed} while {a}, then {b}", "In the {place}: {bed}. {a}. {b}.",
    "AMB: {bed}; SFX: {a}, {b}", "{bed} goes on in the {place}, then {a}, then {b}, then {c}",
    "{a} and after a while {b}", "we hear {bed} and in it {a}", "{place}. {bed}, {a}, {b}, {c}.",
    "Give me {bed} with {a}", "sounds: {a} / {b} / {c}", "{a} is followed by {b}",
    "Over {bed}, {a}; a moment later {b}.", "need {a} then {b} for the {place} level", "{bed}", "{a}", "{a}; {b}",
    "A {place}. There is {bed}. Suddenly {a}.", "{bed} stops when {a}, then {bed2}",
    "{bed} gives way to {bed2}, and {a}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """A told text and its plan; spans are fractions of the whole."""

    text: str
    place: str
    events: tuple[tuple[str, str, float, float], ...]  # lane, caption, start, end


@dataclass(frozen=True, slots=True)
class TrainingStory:
    """One example: what is asked, and the plan that answers; a continuation is a last event asked for by itself."""

    instruction: str
    seconds: float
    reasoning: str
    events: tuple[Timed, ...]
    continuation: str = ""


def read_scenes(folder: Path = SCENES) -> list[Scene]:
    """Read every scene of a folder. Raises ValueError with file and line where a scene breaks the rules."""
    scenes = []
    for path in sorted(folder.glob("*.txt")):
        for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
            lines = [line.strip() for line in block.strip().splitlines() if line.strip() and not line.startswith("#")]
            if lines:
                scenes.append(_read_scene(lines, path))
    return scenes


def made_scene(rng: random.Random, beds: Sequence[str], happenings: Sequence[str]) -> Scene:
    """Make a scene from captions by a template of TEMPLATES."""
    template = rng.choice(TEMPLATES)
    kind = rng.choice(list(PLACES))
    place = rng.choice(PLACES[kind].split())
    words = {key: rng.choice(happenings) for key in ("a", "b", "c")} | {
        key: rng.choice(beds) for key in ("bed", "bed2")
    }
    order = sorted(
        (key for key in words if "{" + key + "}" in template), key=lambda key: template.index("{" + key + "}")
    )
    happening = [key for key in order if not key.startswith("bed")]
    text = template.format(place=place, **words)
    text = text if rng.random() < 0.5 else text[0].upper() + text[1:]
    if "bed" not in order:
        return Scene(text, f"{place}, {kind}", tuple(_in_sequence(rng, [words[key] for key in happening])))
    change = rng.uniform(0.45, 0.7) if "bed2" in order else 1.0
    events = [(BED, words["bed"], 0.0, change)]
    events += [(BED, words["bed2"], change, 1.0)] if "bed2" in order else []
    slot = 0.9 / max(1, len(happening))
    for index, key in enumerate(happening):
        start = 0.08 + slot * (index + rng.uniform(0.0, 0.35))
        events.append((FOREGROUND, words[key], start, min(0.99, start + slot * rng.uniform(0.3, 0.6))))
    return Scene(text, f"{place}, {kind}", tuple(sorted(events, key=lambda event: event[2])))


def at_length(scene: Scene, seconds: int, rng: random.Random) -> TrainingStory | None:
    """Lay a scene out over `seconds`; None where that takes more than 12 events."""
    events: list[Timed] = []
    for index, (lane, caption, first, last) in enumerate(scene.events):
        start = min(round(first * seconds), seconds - 1)
        end = min(seconds, max(start + 1, round(last * seconds)))
        covered = any(o[2] <= first and o[3] >= last for i, o in enumerate(scene.events) if i != index)
        if lane != BED and covered:
            end = min(end, start + rng.randint(4, 9))
        windows = -(-(end - start) // int(MAX_EVENT_S - 2))
        edges = [start + (end - start) * k // windows for k in range(windows + 1)]
        events += [Timed(caption, lane, a, b) for a, b in pairwise(edges)]
    events.sort(key=lambda event: event.start_s)
    if len(events) > MAX_EVENTS:
        return None
    return TrainingStory(scene.text, seconds, f"{scene.place}. {len(events)} events.", tuple(events))


def stories(captions_json: Path | None, seed: int) -> Iterator[TrainingStory]:
    """Draw training stories for ever: 7 of 10 hand-written, the rest made; one of 12 ends with a continuation."""
    rng = random.Random(seed)
    rows = json.loads(captions_json.read_text(encoding="utf-8")) if captions_json else []
    beds = sorted({c for row in rows if row["kind"] == "bed" for c in row["captions"]}) or ["rain"]
    happenings = sorted({c for row in rows if row["kind"] != "bed" for c in row["captions"]}) or ["dog barking"]
    while True:
        scenes = read_scenes()
        rng.shuffle(scenes)
        for scene in scenes:
            drawn = scene if rng.random() < 0.7 else made_scene(rng, beds, happenings)
            story = at_length(drawn, rng.choice(LENGTHS_S), rng)
            if story is not None:
                yield _with_continuation(story, rng)


def _with_continuation(story: TrainingStory, rng: random.Random) -> TrainingStory:
    if rng.random() > 1 / 12 or len(story.events) > MAX_EVENTS - 1:
        return story
    source = rng.choice(story.events)
    lead = rng.choice(("", "then ", "now ", "and then ", "suddenly, ", "next: "))
    added = Timed(source.caption, source.lane, story.seconds, story.seconds + rng.randint(1, 15))
    return TrainingStory(
        story.instruction, story.seconds, story.reasoning, (*story.events, added), lead + source.caption
    )


def _in_sequence(rng: random.Random, captions: Sequence[str]) -> Iterator[tuple[str, str, float, float]]:
    weights = [rng.uniform(0.5, 1.5) for _ in captions]
    clock = 0.0
    for caption, weight in zip(captions, weights, strict=True):
        share = weight / sum(weights)
        yield FOREGROUND, caption, clock, clock + share
        clock += share


def _read_scene(lines: list[str], path: Path) -> Scene:
    text, place, *rows = lines
    where = f"{path.name}: {text[:60]!r}"
    if not text.startswith("> ") or not place.startswith("place: ") or not rows:
        raise ValueError(f"{where}: a scene is '> text', 'place: ...' and events")
    events, reached = [], 0
    for row in rows:
        lane, _, rest = row.partition(" ")
        caption, _, span = rest.rpartition(" ")
        first, _, last = span.partition("-")
        start, end = int(first), int(last)
        if lane not in ("bed", "fg") or not 0 <= start < end <= 100 or start > reached or not caption:
            raise ValueError(f"{where}: {row!r} leaves a gap or has a bad lane or span")
        reached = max(reached, end)
        events.append((BED if lane == "bed" else FOREGROUND, caption, start / 100, end / 100))
    if reached != 100:
        raise ValueError(f"{where}: ends at {reached}, not at 100")
    return Scene(text[2:].strip(), place.removeprefix("place: ").strip(), tuple(events))
