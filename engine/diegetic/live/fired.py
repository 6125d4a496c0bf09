"""Cues that were fired and aren't part of their story yet, and the story as it will be once they are.

A cue is rendered as what comes after these, so that two that are fired at once don't both begin the story.

Knows nothing of jobs or voices.

Threads: all in the event loop's.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from diegetic.errors import InputError
from diegetic.live.armed import Armed, taken_up
from diegetic.story import Story


@dataclass(slots=True, eq=False)
class Fired:
    """A cue that was fired. at_s: when it is to sound, None: at once. armed: what it sounds like, once known.

    heard: whether it was; one that isn't armed is, before all of it is known.
    """

    story: str
    at_s: float | None
    armed: Armed | None = None
    heard: bool = False
    known: asyncio.Event = field(default_factory=asyncio.Event)  # whether it is rendered, or won't be

    def become(self, armed: Armed) -> None:
        """It is rendered."""
        self.armed = armed
        self.known.set()


class FiredCues:
    """Those of one engine, in the order they were fired in."""

    def __init__(self) -> None:
        self._of: defaultdict[str, list[Fired]] = defaultdict(list)

    def add(self, fired: Fired) -> None:
        self._of[fired.story].append(fired)

    def settle(self, fired: Fired) -> None:
        """It is part of its story now, or won't be."""
        fired.known.set()
        if fired in self._of[fired.story]:
            self._of[fired.story].remove(fired)

    def before(self, story: str, by_s: float, fired: Fired | None = None) -> tuple[Fired, ...]:
        """Those that sound by a time, and were fired before this one."""
        all_of = self._of[story]
        earlier = all_of[: all_of.index(fired)] if fired in all_of else all_of
        return tuple(each for each in earlier if each.at_s is None or each.at_s <= by_s)

    def then(self, now: Story | None, before: Sequence[Fired]) -> Story | None:
        """What a story will be when those before are part of it; those that won't be are left out."""
        seen: list[Armed] = []
        for each in before:
            if each.armed is None or each not in self._of[each.story] or any(each.armed is other for other in seen):
                continue
            seen.append(each.armed)
            with suppress(InputError):  # too long: it won't be taken up
                now = taken_up(each.armed, now)
        return now
