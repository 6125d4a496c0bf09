"""What a cue sounds like, rendered ahead; and how the story takes it up once it was heard.

Knows nothing of jobs or voices.
"""

from dataclasses import dataclass, replace

from diegetic.generator.tasks import ReadyEvent
from diegetic.remembered import with_room
from diegetic.story import Event, Story, check_story, event_seed, free_ids, milliseconds


@dataclass(frozen=True, slots=True)
class Armed:
    """Rendered events, in order. before: the story that they come after, None: they begin it. after: with them."""

    ready: tuple[ReadyEvent, ...]
    before: Story | None
    after: Story

    @property
    def from_s(self) -> float:
        """When in `after` the first of them begins."""
        return min(each.event.start_s for each in self.ready)

    @property
    def length_s(self) -> float:
        """From the beginning of the first of them to the end of the last."""
        return milliseconds(max(each.event.end_s for each in self.ready) - self.from_s)


def taken_up(armed: Armed, now: Story | None) -> Story:
    """The story with what was heard: as it was rendered, or at its end where the story has gone on since then.

    Events keep the seeds they were rendered with, so that their takes are found again. A story that would be too long
    goes on from its last events. Raises InputError where that doesn't do.
    """
    now = now and with_room(now, armed.length_s)
    if now == armed.before:
        return armed.after
    now = replace(armed.after, seconds=0.0, events=()) if now is None else now  # what was before it was never heard
    heard = [each.event for each in armed.ready]
    shift_s = now.seconds - armed.from_s
    ids = free_ids([event.id for event in now.events])
    added = [_moved(event, event_id, shift_s, armed.after.seed) for event, event_id in zip(heard, ids, strict=False)]
    end_s = max(event.end_s for event in added)
    return check_story(replace(now, seconds=milliseconds(end_s), events=(*now.events, *added)))


def _moved(event: Event, event_id: str, shift_s: float, story_seed: int) -> Event:
    seed = event_seed(story_seed, event)
    return replace(event, id=event_id, start_s=milliseconds(event.start_s + shift_s), seed=seed)
