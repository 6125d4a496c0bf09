"""memory.bin: what a model remembers of a story, so that the story goes on where it ended.

One line of JSON (whose memory of what it is), then the model's own bytes. A memory of another model, or of a story that
was edited since, is as good as none: the plan is then read again.

Knows nothing of what is remembered.
"""

import hashlib
import json
from pathlib import Path

from diegetic.atomic import write_atomically
from diegetic.story import Story


def write_memory(path: Path, state: bytes, digest: str, story: Story) -> None:
    """Keep the state of the model with this digest after this story. Raises Failure."""
    header = json.dumps({"model": digest, "story": _fingerprint(story)}).encode()
    write_atomically(path, header + b"\n" + state)


def read_memory(path: Path, digest: str, story: Story) -> bytes | None:
    """The state kept for exactly this model and story, or None."""
    try:
        header, _, state = path.read_bytes().partition(b"\n")
        kept = json.loads(header)
    except (OSError, ValueError):
        return None
    return state if kept == {"model": digest, "story": _fingerprint(story)} else None


def _fingerprint(story: Story) -> str:
    """A hash of all that a model reads of a story."""
    read = [(event.caption, event.lane, event.start_s, event.duration_s) for event in story.events]
    content = json.dumps([story.instruction, story.seconds, story.reasoning, read])
    return hashlib.sha256(content.encode()).hexdigest()
