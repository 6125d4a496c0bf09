"""Told scenes: whether each sound that a text names is planned, in its order and lane, and heard in its window.

Planned by pocket, and beside it by the untuned LLM and by rules. Heard: what pocket makes of the one event that stands
for a told sound, by YAMNet's five best of what sounds in the window's first seconds. Beside it what a user would do by
hand: one clip for each clause, found by a text search in the recordings that the bank was made from; what a search of
the bank itself would give, by the captions that were written for it; and random clips.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.model.clauses import parts
from diegetic.protocol import Planned, StoryModel
from diegetic.story import Event, event_seed
from ear import Ear
from evaluation.context import Context
from evaluation.planners import Untuned, by_pocket, by_rules
from evaluation.row import Row
from evaluation.scenes import LATER, Judged, ToldScene, ToldSound, judge, read_scenes
from evaluation.search import FolderSearch, Search

Samples = NDArray[np.float32]
BEST = 5
HEARD_S = 8.0
"""How much of a window is rendered and heard: planning and hearing 60 whole scenes would take hours."""
BLOCK, HUSHED_DB = 12_000, 40.0
"""What is so much quieter than the loudest quarter of a second is silence: a short sound in a long window counts."""
CLEARLY = 0.05
BY_HAND = ("search of the folder by names", "the same, by names and a tagger's guesses")
WAYS = (*BY_HAND, "search of the bank", "the same, any of those as near", "the same, by the very words", "random")
"""Clips that a told sound is heard in: of the folder's recordings the one called most like its clause; of the bank's
the first of those as near as each other, or any; the nearest to the sound's own words; a random one."""
QUICK = 6
UNTUNED_EVERY = 3
"""The untuned LLM plans every third scene: it never stops early, and takes longest."""


@dataclass(frozen=True, slots=True)
class Told:
    """A scene as pocket planned it, with what it made of the event of each told sound (None where there is none)."""

    scene: ToldScene
    events: tuple[Event, ...]
    judged: Judged
    heard: tuple[bool, ...]


def measure(context: Context) -> list[Row]:
    """Plans, then sounds."""
    scenes = read_scenes()[:: len(read_scenes()) // QUICK if context.quick else 1]
    told = [tell(context, scene) for scene in scenes]
    if context.keep is not None:
        _keep(context, told)
    plans = {"pocket": [each.judged for each in told]}
    plans["rules"] = [judge(scene, by_rules(scene.text, scene.seconds)) for scene in scenes]
    if context.base_llm is not None:
        untuned = Untuned(context.base_llm)
        every = scenes[::UNTUNED_EVERY]
        plans["untuned LLM"] = [judge(scene, untuned.plan(scene.text, scene.seconds)) for scene in every]
    return [*plan_rows(plans), later_row(context), heard_row(context, told)]


def later_row(context: Context) -> Row:
    """Told sounds in the plans of scenes that were written after the planner's rules."""
    scenes = read_scenes(LATER)[:: 5 if context.quick else 1]
    plans: dict[str, list[Judged]] = {"pocket": [], "rules": []}
    for scene in scenes:
        events = [each.event for each in by_pocket(context.model, scene.text, scene.seconds)]
        plans["pocket"].append(judge(scene, events))
        plans["rules"].append(judge(scene, by_rules(scene.text, scene.seconds)))
    shares = _shares(plans, _found)
    sounds = sum(len(scene.sounds) for scene in scenes)
    note = f"{sounds} sounds of {len(scenes)} scenes written after the planner's rules"
    return Row(
        "stories: told sounds in the plan, later scenes", shares["pocket"], {"rules": shares["rules"]}, 0.9, True, note
    )


def tell(context: Context, scene: ToldScene) -> Told:
    """Plan a scene, and hear the event of each told sound."""
    planned = by_pocket(context.model, scene.text, scene.seconds)
    events = tuple(each.event for each in planned)
    judged = judge(scene, events)
    heard = []
    for sound, event in zip(scene.sounds, judged.found, strict=True):
        if event is None:
            heard.append(False)
            continue
        samples = render(context.model, next(each for each in planned if each.event.id == event.id))
        heard.append(is_heard(context.ear, samples, sound))
        if context.keep is not None:
            context.keep.mkdir(parents=True, exist_ok=True)
            name = "".join(c if c.isalnum() else "-" for c in f"{scene.text[:24]}_{event.caption}")
            soundfile.write(context.keep / f"{name}.wav", samples, context.model.sample_rate)
    missed = [sound.says for sound, event in zip(scene.sounds, judged.found, strict=True) if event is None]
    print(f"{scene.text[:60]!r}: {sum(heard)} of {len(heard)} heard, not planned: {missed}", flush=True)
    return Told(scene, events, judged, tuple(heard))


def render(model: StoryModel, planned: Planned) -> Samples:
    """The first seconds of a planned event by itself, [frames, channels]."""
    event = replace(planned.event, duration_s=min(HEARD_S, planned.event.duration_s))
    seed = event_seed(0, event)
    latents = model.imagine(planned.condition, event, seed, None, lambda done, total: None)
    return model.decode(latents, planned.condition, event, seed)


def is_heard(ear: Ear, samples: Samples, sound: ToldSound) -> bool:
    """Whether one of a sound's labels is among the ear's best, silence left out."""
    return bool(best_labels(ear, samples) & sound.labels)


def best_labels(ear: Ear, samples: Samples) -> set[str]:
    """The ear's best labels of samples, silence left out."""
    return {label for label, _ in ear.guesses(ear.hear(sounding(samples), 48_000), BEST)}


def sounding(samples: Samples) -> Samples:
    """Samples [frames, channels] without the blocks in which next to nothing sounds."""
    blocks = [samples[start : start + BLOCK] for start in range(0, len(samples), BLOCK)]
    levels = [10 * np.log10(float(np.mean(block**2)) + 1e-12) for block in blocks]
    return np.concatenate([b for b, level in zip(blocks, levels, strict=True) if level >= max(levels) - HUSHED_DB])


def plan_rows(plans: Mapping[str, Sequence[Judged]]) -> list[Row]:
    """Rows of what can be seen in plans: ours is `pocket`, the others stand beside."""

    def row(name: str, share: Mapping[str, float], aim: float, note: str) -> Row:
        beside = {other: figure for other, figure in share.items() if other != "pocket"}
        return Row(f"stories: {name}", share["pocket"], beside, aim, True, note)

    count = len(plans["pocket"])
    sounds = sum(len(judged.found) for judged in plans["pocket"])
    return [
        row("told sounds in the plan", _shares(plans, _found), 0.9, f"{sounds} sounds of {count} scenes"),
        row("scenes that nothing contradicts", _shares(plans, lambda j: [not j.contradictions]), 0.95, ""),
        row("told order kept", _shares(plans, lambda j: j.in_order), 0.9, "pairs of planned sounds"),
        row("beds where things go on", _shares(plans, lambda j: j.beds), 0.9, "of those planned"),
        row("scenes whose times sum", _shares(plans, lambda j: [j.sums]), 1.0, "no gap, to the end"),
        row("events that stand for a told sound", _shares(plans, lambda j: [j.told]), 0.8, "mean over scenes"),
    ]


def heard_row(context: Context, told: Sequence[Told]) -> Row:
    """What is heard of the told sounds, beside searches by hand; the aim is clearly more than the better of them."""
    ours = float(np.mean([heard for each in told for heard in each.heard]))
    beside, aim = {}, 0.0
    if context.text_encoder is not None:
        folders = [FolderSearch(context.text_encoder, context.sounds, tagged) for tagged in (False, True)]
        ways = list(searched(context.ear, Search(context.text_encoder), folders, [each.scene for each in told]))
        beside = {way: float(np.mean(column)) for way, column in zip(WAYS, zip(*ways, strict=True), strict=True)}
        aim = max(beside[way] for way in BY_HAND) + CLEARLY
    planned = [heard for each in told for heard, event in zip(each.heard, each.judged.found, strict=True) if event]
    note = f"{float(np.mean(planned)):.2f} of those planned; among YAMNet's {BEST} best"
    return Row("stories: told sounds heard in their window", ours, beside, aim, True, note)


def searched(
    ear: Ear, search: Search, folders: Sequence[FolderSearch], scenes: Sequence[ToldScene]
) -> Iterator[tuple[float, ...]]:
    """For each told sound how often it is heard: see `WAYS`."""
    rng = np.random.default_rng(0)

    @cache
    def best(clip: int) -> set[str]:
        return best_labels(ear, search.clip(clip, HEARD_S))

    def heard(sound: ToldSound, clips: Sequence[int]) -> float:
        return float(np.mean([bool(best(clip) & sound.labels) for clip in clips])) if clips else 0.0

    for scene in scenes:
        clauses = [part.text for part in parts(scene.text)] or [scene.text]
        clips = search.nearest(clauses)
        in_folders = [(folder, folder.nearest(clauses)) for folder in folders]
        for sound in scene.sounds:
            told = next((k for k, clause in enumerate(clauses) if sound.is_named_in(clause)), None)
            by_hand = [
                told is not None and bool(best_labels(ear, folder.clip(found[told], HEARD_S)) & sound.labels)
                for folder, found in in_folders
            ]
            named = [] if told is None else clips[told]
            (worded,) = search.nearest([sound.says])
            at_random = [int(rng.integers(search.bank.index.recordings))]
            in_bank = [heard(sound, each) for each in (named[:1], named, worded[:1], at_random)]
            yield *map(float, by_hand), *in_bank


def _found(judged: Judged) -> Sequence[bool]:
    return [event is not None for event in judged.found]


def _shares(plans: Mapping[str, Sequence[Judged]], of: Callable[[Judged], Sequence[float]]) -> dict[str, float]:
    shares = {}
    for name, judged in plans.items():
        values = [value for each in judged for value in of(each)]
        shares[name] = float(np.mean(values)) if values else 1.0
    return shares


def _keep(context: Context, told: Sequence[Told]) -> None:
    """Write the plans beside the sounds, to be read."""
    assert context.keep is not None
    context.keep.mkdir(parents=True, exist_ok=True)
    said = [
        {
            "text": each.scene.text,
            "events": [f"{e.lane} {e.start_s:g}-{e.end_s:g} {e.caption}" for e in each.events],
            "sounds": {
                sound.says: [event.caption if event else None, heard]
                for sound, event, heard in zip(each.scene.sounds, each.judged.found, each.heard, strict=True)
            },
        }
        for each in told
    ]
    (context.keep / "stories.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
