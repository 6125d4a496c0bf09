"""A story that begins with a recording: it is the first event, what it is goes on as the same sound, and more is told.

    recording |-------------e1-------------|0.8|
    goes on                                |===|------e2------|   begins with the recording's last 0.8 s, as latents
    told                                       |--e3--|  |-e4-|   what the model plans of the text

The recording is kept as e1's take, so the folder is a story like any other: edited, continued, rendered again.

Knows nothing of files' formats or commands.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain

from diegetic.bounce import Output
from diegetic.director import Rendered, begin, plan_after, read_again, recall, tell_planned
from diegetic.errors import Failure, InputError
from diegetic.folder import StoryFolder
from diegetic.progress import Report
from diegetic.protocol import Heard, Listening, Planned, Samples, StoryModel
from diegetic.segments import Segments
from diegetic.story import (
    GAIN_RANGE_DB,
    MAX_CAPTION_CHARACTERS,
    MAX_EVENT_S,
    MAX_TEXT_CHARACTERS,
    MIN_EVENT_S,
    OVERLAP_S,
    Event,
    Story,
    Told,
    check_told,
    milliseconds,
)

LONGEST_S = MAX_EVENT_S + OVERLAP_S
"""How much of a recording's end is taken: what one event may last."""


@dataclass(frozen=True, slots=True)
class FromRecording:
    """What is asked for. samples: [frames, channels] at the model's rate; caption: "" for what the model hears; text:
    what happens next, "" for what the model thinks of; seconds: how long it goes on."""

    samples: Samples
    caption: str
    text: str
    seconds: float
    seed: int = 0


def continue_recording(
    model: StoryModel, asked: FromRecording, folder: StoryFolder, output: Output, report: Report
) -> Rendered:
    """Go on from a recording, into a folder. Raises InputError, Failure, and whatever `report` raises."""
    listening = can_listen(model)
    with folder.held():
        if folder.story.exists():
            raise InputError(f"{folder.path}: has a story in it already; continue that one, or give another folder")
        heard = listening.hear_whole(asked.samples)
        caption = asked.caption or heard.caption
        event, samples = _first(model, asked, replace(heard, caption=caption[:MAX_CAPTION_CHARACTERS]))
        following = list(_windows(event, heard, asked.seconds))
        text = (asked.text or listening.what_follows(asked.samples))[:MAX_TEXT_CHARACTERS]
        instruction = f"{caption}, then {text}" if text else caption
        check_told(Told(instruction[:MAX_TEXT_CHARACTERS], asked.seconds, asked.seed))
        story = Story(instruction[:MAX_TEXT_CHARACTERS], event.duration_s, asked.seed, model.name, "", (event,))
        longer = replace(story, seconds=milliseconds(event.duration_s + asked.seconds), events=(event, *following))
        memory = begin(model, story)
        for _ in recall(model, memory, story):
            pass
        conditions = read_again(model, longer)[1]
        added: Iterator[Planned] = iter(())
        if text:
            beside = replace(story, events=longer.events)
            added = _told(plan_after(model, memory, beside, Told(text, asked.seconds), (), report), longer)
        segments = Segments(model, asked.seed, folder.takes, report, handles_s=output.handles_s)
        segments.keep_recording(event, samples)
        known = (Planned(each, conditions[each.id], "") for each in longer.events)
        return tell_planned(model, memory, folder, output, report, longer, chain(known, added), segments)


def can_listen(model: StoryModel) -> Listening:
    """The same model. Raises Failure where it can't listen."""
    if not isinstance(model, Listening):
        raise Failure(f"{model.name}: can't listen to recordings; use --model pocket")
    return model


def _first(model: StoryModel, asked: FromRecording, heard: Heard) -> tuple[Event, Samples]:
    """The recording's end as an event, and its samples: just as long as a segment of it. Raises InputError."""
    rate_hz = model.sample_rate
    samples = asked.samples[-math.floor(LONGEST_S * rate_hz) :]
    # Whole seconds, in which plans are written; what is too much is taken from the beginning.
    duration_s = float(math.floor(len(samples) / rate_hz - OVERLAP_S + 1e-3))
    if duration_s < MIN_EVENT_S:
        needed = MIN_EVENT_S + OVERLAP_S
        raise InputError(
            f"recording: must last {needed:g} s or more to go on from, got {len(samples) / rate_hz:.2f} s; "
            "give a longer one"
        )
    seed = int.from_bytes(sha256(samples.tobytes()).digest()[:8], "big") >> 1
    frames = round(milliseconds(duration_s + OVERLAP_S) * rate_hz)
    return Event("e1", heard.caption, 0.0, duration_s, heard.lane, seed), samples[-frames:]


def _told(planned: Iterator[Planned], story: Story) -> Iterator[Planned]:
    """What is planned beside the sound that goes on: not that sound again, and nothing beyond the story's end."""
    going_on = {event.caption for event in story.events}
    for each in planned:
        end_s = min(each.event.end_s, story.seconds)
        start_s = min(each.event.start_s, story.seconds - MIN_EVENT_S)
        if each.event.caption not in going_on:
            length = milliseconds(max(MIN_EVENT_S, end_s - start_s))
            yield replace(each, event=replace(each.event, start_s=start_s, duration_s=length))


def _windows(first: Event, heard: Heard, seconds: float) -> Iterator[Event]:
    """The same sound after the recording, in windows of one event each, at the recording's level."""
    count = math.ceil(seconds / MAX_EVENT_S - 1e-9)
    low, high = GAIN_RANGE_DB
    gain_db = round(min(high, max(low, heard.gain_db)), 1)
    for number in range(count):
        start, end = (milliseconds(first.end_s + seconds * place / count) for place in (number, number + 1))
        length = milliseconds(end - start)
        yield Event(f"e{number + 2}", first.caption, start, length, first.lane, gain_db=gain_db)
