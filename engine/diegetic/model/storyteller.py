"""AudioStory at work: the narrator's states become conditions, conditions latents, latents samples.

    plan      narrator -> semantic and residual states -> projectors -> fusion -> condition
    imagine   condition + duration + noise of the event's own generator -> flow -> latents
    decode    latents -> codec -> samples

The same for every size: what differs is which LLM, how large the transformer is, and which codec the preset names. This
is the engine's StoryModel.

Threads: one thread at a time may use it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory
from diegetic.model.belonging import Belonging
from diegetic.model.codec import Codec, Drawn, Samples, finite
from diegetic.model.flow import Velocity, event_noise, sample
from diegetic.model.grammar import Timed
from diegetic.model.memory import out_of_memory
from diegetic.model.narrator import Narrated, Narrator
from diegetic.model.story_memory import StoryMemory
from diegetic.protocol import Hear, Heard, Look, Planned, Watch, go_on, unheard
from diegetic.story import BED, OVERLAP_S, Event


class Ears(Protocol):
    """How a model understands recordings [frames, channels] at its rate: see protocol.Listening."""

    def hear(self, samples: Samples) -> tuple[Heard, ...]: ...

    def hear_whole(self, samples: Samples) -> Heard: ...

    def ask(self, samples: Samples, question: str) -> str: ...

    def what_follows(self, samples: Samples) -> str: ...

    def listen(self, samples: Samples, called: NDArray[np.float32], caption: str, seed: int) -> Drawn: ...


@dataclass(frozen=True, slots=True)
class Condition:
    """What an event is imagined under: fused features [1, S, F], the semantic feature [F] it is called by, the place.

    place: what the plan's reasoning says of it. belongs: the direction of its story (see belonging.py), or empty.
    """

    fused: Tensor
    called: NDArray[np.float32]
    place: str
    belongs: NDArray[np.float32]


class Storyteller:
    """One loaded model. digest: of its preset and weights; ears, belonging: None where it has none.

    velocity: of the network's flow, where it is computed in a way of its own.
    """

    def __init__(
        self,
        name: str,
        digest: str,
        narrator: Narrator,
        network: AudioStory,
        codec: Codec,
        ears: Ears | None = None,
        belonging: Belonging | None = None,
        velocity: Velocity | None = None,
    ) -> None:
        self.name, self.digest = name, digest
        self._heard_by = ears
        self.sample_rate = codec.sample_rate
        self.codec = codec
        self._narrator, self._network = narrator, network.eval()
        self._belonging, self._sampler = belonging, network.config.sampler
        self._velocity: Velocity = velocity or network.flow

    def begin(self, instruction: str, seconds: float) -> StoryMemory:
        """Read the told text."""
        return self._narrator.begin(instruction, seconds)

    def plan(self, memory: StoryMemory, look: Look = go_on) -> Iterator[Planned]:
        """Write the plan event by event."""
        return self._planned(memory, self._narrator.plan(memory, look))

    def recall(self, memory: StoryMemory, reasoning: str, events: Sequence[Event]) -> Iterator[Condition]:
        """Read a given plan in place of writing one."""
        self._narrator.reason(memory, reasoning)
        for event in events:
            timed = Timed(event.caption, event.lane, event.start_s, event.end_s)
            yield self._condition(self._narrator.read(memory, timed), memory)

    def continue_(
        self, memory: StoryMemory, text: str, seconds: float, beds: Sequence[str] = (), look: Look = go_on
    ) -> Iterator[Planned]:
        """Write what comes next."""
        return self._planned(memory, self._narrator.continue_(memory, text, seconds, beds, look))

    @torch.inference_mode()
    def imagine(self, condition: Condition, event: Event, seed: int, held: Drawn | None, watch: Watch) -> Drawn:
        """Draw latents for the whole of the event's duration; what is held is at its start."""
        if held is None:
            latents = self._draw(condition, event, seed, None, 0, watch)
            return Drawn(latents, condition.called, seed, condition.place, condition.belongs)
        known = held.latents[-self._overlap() :]
        latents = self._draw(condition, event, seed, known, 0, watch)
        if event.lane == BED:
            latents = self.codec.steady(latents, len(known), held.latents)
        return replace(held, latents=latents, window="after", begins=held.begins + len(held.latents) - len(known))

    @torch.inference_mode()
    def imagine_before(self, condition: Condition, event: Event, seed: int, following: Drawn, watch: Watch) -> Drawn:
        """Draw latents of what leads to `following`, whose beginning is at their end."""
        known = following.latents[: self._overlap()]
        at = self._frames(event) - len(known)
        drawn = self._draw(condition, event, seed, known, at, watch)
        return replace(following, latents=drawn, window="before", begins=following.begins - at)

    def _draw(
        self, condition: Condition, event: Event, seed: int, known: NDArray[np.float32] | None, at: int, watch: Watch
    ) -> NDArray[np.float32]:
        """Latents [frames, channels] of an event, with the known ones [K, channels] from frame `at` on."""
        frames = self._frames(event)
        null, like = self._network.null, condition.fused
        sampler, flow = self._sampler, self._velocity
        window = self._network.config.transformer.max_latent_frames if sampler.whole_window else frames
        noise = event_noise(seed, window, self.codec.channels, sampler.seed_policy).to(like)
        held = None if known is None else torch.from_numpy(known).to(like)
        with out_of_memory(f"event {event.id}"):
            latents = sample(
                flow, like, null, event.duration_s, noise, sampler.steps, sampler.guidance, held, watch, at,
                sampler.solver, sampler.guided_above,
            )  # fmt: skip
        drawn: NDArray[np.float32] = latents[0, :frames].float().cpu().numpy()
        return drawn

    def _frames(self, event: Event) -> int:
        return math.ceil(event.duration_s * self.codec.latent_rate_hz - 1e-6)

    def _overlap(self) -> int:
        return round(OVERLAP_S * self.codec.latent_rate_hz)

    def decode(self, latents: Drawn, condition: Condition, event: Event, seed: int, hear: Hear = unheard) -> Samples:
        """Samples [frames, channels] of the event's duration."""
        frames = round(event.duration_s * self.sample_rate)
        with out_of_memory(f"event {event.id}"):
            samples = self.codec.decode(latents, event, lambda piece: hear(finite(piece, event)))
        finite(samples, event)
        whole = np.zeros((frames, samples.shape[1]), np.float32)
        whole[: len(samples)] = samples[:frames]
        return whole

    def hear(self, samples: Samples) -> tuple[Heard, ...]:
        """What sounds when in a recording. Raises Failure where the model can't listen, as all of these do."""
        return self._ears.hear(samples)

    def hear_whole(self, samples: Samples) -> Heard:
        """What a recording sounds like as a whole."""
        return self._ears.hear_whole(samples)

    def ask(self, samples: Samples, question: str) -> str:
        """Answer a question about a recording."""
        return self._ears.ask(samples, question)

    def what_follows(self, samples: Samples) -> str:
        """What may come next; empty for more of the same."""
        return self._ears.what_follows(samples)

    def listen(self, samples: Samples, condition: Condition, event: Event, seed: int) -> Drawn:
        """Latents of a recording, to go on from."""
        return self._ears.listen(samples, condition.called, event.caption, seed)

    @property
    def _ears(self) -> Ears:
        if self._heard_by is None:
            raise Failure(
                f"{self.name}: has nothing to listen with; its files lack an audio encoder: use --model pocket"
            )
        return self._heard_by

    def save(self, memory: StoryMemory) -> bytes:
        """The memory, exactly."""
        return self._narrator.save(memory)

    def load(self, state: bytes) -> StoryMemory:
        """A memory that was saved. Raises Failure where it is damaged."""
        try:
            return self._narrator.load(state)
        except ValueError as error:
            raise Failure(str(error)) from error

    def _planned(self, memory: StoryMemory, narrated: Iterator[Narrated]) -> Iterator[Planned]:
        for number, each in enumerate(narrated, start=1):
            told = each.event
            event = Event(f"e{number}", told.caption, told.start_s, told.end_s - told.start_s, told.lane)
            yield Planned(event, self._condition(each, memory), memory.reasoning)

    @torch.inference_mode()
    def _condition(self, narrated: Narrated, memory: StoryMemory) -> Condition:
        network = self._network
        like = network.null
        semantic, residual = network.features(narrated.semantic.to(like)[None], narrated.residual.to(like)[None])
        called = semantic[0, 0].float().cpu().numpy()
        belongs = np.zeros(0, np.float32)
        if self._belonging is not None and memory.first is not None:
            belongs = self._belonging.direction(memory.first)
        return Condition(network.fusion(semantic, residual), called, memory.reasoning, belongs)
