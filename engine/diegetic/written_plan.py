"""A plan written by something else, in AudioStory's own text: read as a story, and repaired where it is broken.

    reasoning <|/think|> <|gen|>rain on a roof <timestamp>9.8</timestamp> ... <|/gen|> ... <|im_end|>

The released model's output, or that of any LLM that was told the format. A malformed or truncated event is repaired or
dropped, with a warning in the log; it never costs the rest of the story.

Knows nothing of models.
"""

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from diegetic.errors import InputError
from diegetic.model.grammar import read_plan
from diegetic.story import MAX_CAPTION_CHARACTERS, Event, Story, check_story, milliseconds
from diegetic.text_file import read_text

MARK = "<|gen|>"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """A plan's text in a file, and what it doesn't say: model, seed, length (None: as long as its events)."""

    path: Path
    model: str
    seed: int = 0
    seconds: float | None = None


def read_written_plan(written: Written) -> Story:
    """The story of a written plan. Raises InputError where no event can be read of it, or none is in it."""
    try:
        text = read_text(written.path)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{written.path}: can't be read ({error}); give a UTF-8 text file with a plan") from None
    if MARK not in text:
        raise InputError(f"{written.path}: has no {MARK} in it; give a plan in AudioStory's format, or a story.toml")
    reasoning, events, warnings = read_plan(text, _length_s(text) if written.seconds is None else written.seconds)
    for warning in warnings:
        _log.warning("%s: %s", written.path, warning)
    if not events:
        raise InputError(
            f"{written.path}: no event in it can be read; an event is {MARK}caption<timestamp>9.8</timestamp>"
        )
    planned = tuple(
        Event(
            f"e{number}",
            event.caption[:MAX_CAPTION_CHARACTERS],
            milliseconds(event.start_s),
            milliseconds(milliseconds(event.end_s) - milliseconds(event.start_s)),
            event.lane,
        )
        for number, event in enumerate(events, start=1)
    )
    instruction = written.path.stem.replace("_", " ").replace("-", " ")
    seconds = written.seconds or max(event.end_s for event in planned)
    return check_story(Story(instruction, milliseconds(seconds), written.seed, written.model, reasoning, planned))


def is_written_plan(path: str) -> bool:
    """Whether there is a text file of this name with a plan in it."""
    try:
        return path.lower().endswith(".txt") and MARK in read_text(Path(path))
    except (OSError, ValueError):
        return False


def _length_s(text: str) -> float:
    """How long a plan is by its own times: the sum of its durations, or its furthest end."""
    times = re.findall(r"<timestamp>[^<\d]*(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?", text)
    ends = [float(last) for _, last in times if last]
    return max([sum(float(first) for first, last in times if not last), *ends, 1.0])
