"""Events of one task, played as they become ready: of a story that is told, of a cue that is fired before it is armed.

Knows nothing of jobs or stories.

Threads: all in the event loop's.
"""

from collections.abc import Callable

from diegetic.generator.tasks import ReadyEvent
from diegetic.live.schedule import Playing, Schedule
from diegetic.story import Event

Begin = Callable[[Event], Playing | None]
"""Gives the play whose first event it is that can be heard; None: nothing of it is to be heard."""


class Streamed:
    """Plays a task's events from the first that can be heard on; those planned until then are told to the play."""

    def __init__(self, schedule: Schedule, begin: Begin) -> None:
        self._schedule, self._begin = schedule, begin
        self._planned: list[Event] = []
        self._asked = False
        self._play: Playing | None = None

    def plan(self, event: Event) -> None:
        """An event is planned."""
        self._planned.append(event)
        if self._play is not None:
            self._schedule.plan(self._play, event)

    def hear(self, ready: ReadyEvent) -> None:
        """An event can be heard; one that was there before the generator crashed sounds on as it is."""
        if not self._asked:
            self._asked, self._play = True, self._begin(ready.event)
            if self._play is not None:
                for event in self._planned:
                    self._schedule.plan(self._play, event)
        if self._play is not None and ready.event.id not in self._play.placed:
            self._schedule.add(self._play, ready)

    def whole(self, ready: ReadyEvent) -> None:
        """An event is decoded to its end."""
        self.hear(ready)
        if self._play is not None:
            self._schedule.complete(self._play, ready)

    def end(self) -> None:
        """Nothing more comes."""
        if self._play is not None:
            self._schedule.finish(self._play)
