"""Cues: what can be fired, and what is done with one that isn't ready in time.

Knows nothing of sound or protocols.
"""

import re
from dataclasses import dataclass
from typing import Literal

from diegetic.live.jobs import Refused

Policy = Literal["wait", "drop", "next_bar"]
"""Not ready at its time: sound as soon as it is; not at all; or at the next bar after that."""
CueState = Literal["idle", "arming", "armed", "pending", "sounding"]
"""idle: fired, it is rendered first. pending: fired, not yet heard."""

SLOTS = range(1, 17)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Cue:
    """A named text in a story: its next sound.

    slot: 1..16 or None. gain_db: of what it plays. seconds: its length. lane: "" leaves it to the model.
    """

    name: str
    story: str
    text: str
    policy: Policy = "wait"
    slot: int | None = None
    gain_db: float = 0.0
    seconds: float = 4.0
    lane: str = ""
    state: CueState = "idle"

    @property
    def sound(self) -> tuple[str, str, float, str]:
        """What is rendered of it depends on this: for a level or a slot it isn't rendered anew."""
        return self.story, self.text, self.seconds, self.lane


def check_name(kind: str, name: str) -> str:
    """The name itself. Raises Refused (422): names of stories become folders, names of cues addresses."""
    if not _NAME.fullmatch(name):
        raise Refused(422, f"{kind}: name must be 1..64 of a-z, A-Z, 0-9, - and _, got {name[:70]!r}; choose another")
    return name
