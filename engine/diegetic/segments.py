"""Events into takes: what is kept is found, the rest is imagined, decoded and kept.

A sound that goes on in the next window of its lane is imagined from the latents of the window before. Latents aren't
kept on disk: where the earlier take is, but its latents are gone, the story is read and they are imagined again, which
takes the longer the more windows the sound has; so whoever stays on keeps the last ones.

Knows nothing of plans, folders or layout.
"""

import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, replace

from diegetic import __version__
from diegetic.clock import now
from diegetic.errors import Failure
from diegetic.handles import read_handles, render_handles, write_handles
from diegetic.progress import Progress, Report
from diegetic.protocol import Condition, Hear, Latents, Listening, Samples, StoryModel, unheard
from diegetic.story import OVERLAP_S, Event, Story, continues, event_seed, milliseconds
from diegetic.takes import AHEAD, Made, Recipe, Take, TakeStore

RECORDED = "recording"
"""What a take says made it where nothing did: somebody brought it."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """An event that can be heard: samples [frames, channels] that are to be kept, or the take that they are kept as."""

    event: Event
    recipe: Recipe
    found: Samples | Take
    made: Made


@dataclass(slots=True)
class Segments:
    """The takes of one story, as they come into being.

    takes: by event id. recall: conditions of earlier events by id, where a memory that has read them was loaded.
    handles_s: how much is rendered around every take (see handles.py). latents: by path of their take. ahead: whether
    they are a cue's, and so no events of the story yet.
    """

    model: StoryModel
    story_seed: int
    store: TakeStore
    report: Report
    recall: Callable[[], Mapping[str, Condition]] = dict
    handles_s: float = 0.0
    latents: MutableMapping[str, Latents] = field(default_factory=dict)
    ahead: bool = False
    events: list[Event] = field(default_factory=list)
    takes: dict[str, Take] = field(default_factory=dict)
    rendered: list[str] = field(default_factory=list)
    first_audio_at: float | None = None
    _conditions: dict[str, Condition] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)

    def follow(self, event: Event) -> None:
        """Take note of an earlier event, which others may go on from; its take isn't looked for before it is needed."""
        self._keys[event.id] = self._recipe(event).key
        self.events.append(event)

    def add(self, event: Event, condition: Condition | None) -> Take:
        """Find or render the take of the next event, and keep it; raises as both."""
        return self.keep(self.render(event, condition))

    def render(self, event: Event, condition: Condition | None, hear: Hear = unheard) -> Rendering:
        """Find or render the next event, for `keep`; condition None: recall it if it is needed. Raises Failure.

        hear: given what is decoded before the rest of it is (see StoryModel.decode).
        """
        if condition is not None:
            self._conditions[event.id] = condition
        recipe = self._recipe(event)
        began = time.monotonic()
        found = self.store.find(recipe.key) or self._render(event, recipe, hear)
        took_s = round(time.monotonic() - began, 3)
        self.first_audio_at = self.first_audio_at or time.monotonic()
        return Rendering(event, recipe, found, Made(self.model.name, __version__, now(), took_s))

    def samples(self, rendering: Rendering) -> Samples:
        """What is heard of a rendering, [frames, channels] at the model's rate. Raises Failure."""
        return self.store.samples(rendering.found) if isinstance(rendering.found, Take) else rendering.found

    def keep(self, rendering: Rendering) -> Take:
        """The take of a rendering; what is rendered next may go on from it. Raises Failure."""
        event, found = rendering.event, rendering.found
        if isinstance(found, Take):
            take = found if self.ahead else self.store.given_to(event.id, found)
        else:
            whose = AHEAD if self.ahead else event.id
            take = self.store.add(whose, rendering.recipe, found, self.model.sample_rate, rendering.made)
            self.rendered.append(event.id)
        self._keys[event.id] = rendering.recipe.key
        self.events.append(event)
        self.takes[event.id] = take
        self.report(Progress("decode", 1, 1, event, kept=isinstance(found, Take)))
        self._add_handles(event, take)
        return take

    def kept(self) -> tuple[str, ...]:
        """Ids of the events whose takes were there already."""
        return tuple(event.id for event in self.events if event.id not in self.rendered)

    def keep_recording(self, event: Event, samples: Samples) -> None:
        """Keep a recording [frames, channels] at the model's rate, for `add` to find as the event's. Raises Failure."""
        made = Made(RECORDED, __version__, now(), 0.0)
        self.store.add(event.id, self._recipe(event), samples, self.model.sample_rate, made)

    def _render(self, event: Event, recipe: Recipe, hear: Hear) -> Samples:
        latents = self._imagine(event)
        self.report(Progress("decode", 0, 1, event))
        return self.model.decode(latents, self._condition(event), _whole(event), recipe.seed, hear)

    def _add_handles(self, event: Event, take: Take) -> None:
        """Render what is around a take, where it is asked for and not there yet."""
        if not self.handles_s or read_handles(self.store, take, self.handles_s) is not None:
            return
        handles = render_handles(
            self.model,
            self._condition(event),
            event,
            take.recipe.seed,
            self._imagine(event),
            self.handles_s,
            lambda done, total: self.report(Progress("diffuse", done, total, event)),
        )
        write_handles(self.store, take, self.handles_s, handles)

    def _imagine(self, event: Event) -> Latents:
        """Latents of an event, from those of the window before where the sound goes on."""
        key = self._recipe(event).key
        path = str(self.store.folder / key)
        if path not in self.latents:
            take = self.store.find(key) if event in self.events else None  # what is rendered now has none yet
            recorded = take is not None and take.made.model == RECORDED
            self.latents[path] = self._listen(event, take) if recorded and take else self._draw(event)
        return self.latents[path]

    def _draw(self, event: Event) -> Latents:
        earlier = self._continued(event)
        held = self._imagine(earlier) if earlier is not None else None
        return self.model.imagine(
            self._condition(event),
            _whole(event),
            event_seed(self.story_seed, event),
            held,
            lambda done, total: self.report(Progress("diffuse", done, total, event)),
        )

    def _listen(self, event: Event, take: Take) -> Latents:
        """Latents of a take that was recorded, not rendered."""
        if not isinstance(self.model, Listening):
            raise Failure(f"event {event.id}: is a recording, and {self.model.name} can't listen; use --model pocket")
        return self.model.listen(
            self.store.samples(take), self._condition(event), event, event_seed(self.story_seed, event)
        )

    def _recipe(self, event: Event) -> Recipe:
        earlier = self._continued(event)
        return recipe(event, self.story_seed, self.model.digest, self._keys[earlier.id] if earlier else None)

    def _continued(self, event: Event) -> Event | None:
        return next((earlier for earlier in self.events if continues(event, earlier)), None)

    def _condition(self, event: Event) -> Condition:
        if event.id not in self._conditions:
            self._conditions.update(self.recall())
        return self._conditions[event.id]


def recipes(story: Story, model_digest: str) -> dict[str, Recipe]:
    """What every event of a story is rendered from, by its id."""
    found: dict[str, Recipe] = {}
    for place, event in enumerate(story.events):
        earlier = next((other for other in story.events[:place] if continues(event, other)), None)
        found[event.id] = recipe(event, story.seed, model_digest, found[earlier.id].key if earlier else None)
    return found


def recipe(event: Event, story_seed: int, model_digest: str, continued: str | None) -> Recipe:
    """What one event is rendered from. continued: key of the take that it goes on from."""
    seed, length_s = event_seed(story_seed, event), _whole(event).duration_s
    return Recipe(event.caption, length_s, event.lane, seed, event.variation, model_digest, continued)


def _whole(event: Event) -> Event:
    """The event as it is rendered: with the time in which the next one fades in."""
    return replace(event, duration_s=milliseconds(event.duration_s + OVERLAP_S))
