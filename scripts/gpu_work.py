"""The pieces of work that bench_gpu.py times: planning, drawing and decoding at a given shape, with random weights.

A plan of random weights says nothing, so its length is fixed: so many tokens of reasoning, so many of each event. The
tokens are chosen greedily all the same, one at a time, as a narrator does.
"""

import math
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import DynamicCache

from diegetic.model.audiostory import AudioStory
from diegetic.model.capture import Captured
from diegetic.model.codec import Drawn
from diegetic.model.config import ModelConfig
from diegetic.model.draft import Step
from diegetic.model.drafting import fastest_step
from diegetic.model.fewer_launches import in_fewer_launches
from diegetic.model.flow import Solver, Velocity, event_noise, sample
from diegetic.model.meta import rebuild_rotary
from diegetic.model.oobleck import CHUNK_FRAMES, FIRST_FRAMES, Oobleck, OobleckCodec
from diegetic.model.placement import Placement
from diegetic.model.reader import Reader
from diegetic.model.transformer import FlowTransformer
from diegetic.protocol import Hear, Samples, unheard
from diegetic.story import OVERLAP_S, Event

_NO_NAME = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many tokens a story has (prompt, reasoning, each event's caption and time), and how long an event is."""

    events: int = 4
    prompt: int = 60
    reasoning: int = 100
    written: int = 28
    seconds: float = 10.0


class Work:
    """A model with random weights on one device, and what it is asked to do."""

    def __init__(self, config: ModelConfig, device: torch.device, plan: Plan, type_: torch.dtype) -> None:
        self.config, self.device, self.plan, self.type = config, device, plan, type_
        types = Placement(device, device, self.type, self.type)
        with torch.device("meta"):
            network, codec = AudioStory(config), Oobleck(config.codec.oobleck)
        self.network = cast(AudioStory, filled(network, device, types.dtype_of))
        in_fewer_launches(self.network)
        self.plain = as_diffusers_has_it(self.network, type_)
        self.codec = cast(Oobleck, filled(codec, device, lambda name: torch.float32))
        self._reader = Reader(self.network.llm)
        self.velocity: Velocity = self.network.flow
        self.token: Step | None = None
        """Where set, tokens are drafted by it."""
        self._ids = torch.randint(0, 200, (512,), device=device)

    @contextmanager
    def as_the_engine(self) -> Iterator[None]:
        """A context in which a denoise step and a plan's tokens are the engine's: recorded where that is possible."""
        if self.device.type == "cuda":
            self.velocity, self.token = self.recorded, self.drafting
        try:
            yield
        finally:
            self.velocity, self.token = self.network.flow, None

    @cached_property
    def recorded(self) -> Captured:
        """The denoise step, recorded when it is first called."""
        return Captured(self.network.flow)

    @cached_property
    def drafting(self) -> Step | None:
        """What reads a plan's tokens one by one on a GPU; None where it can't be recorded."""
        return fastest_step(self.network.llm)

    # Planning.

    def read(self, cache: Any, tokens: int) -> Tensor:
        """States [tokens, width] of tokens that are known, in one pass."""
        return self._reader.read(cache, self._ids[:tokens])

    def write(self, cache: Any, tokens: int, state: Tensor) -> Tensor:
        """Choose tokens one at a time, each by the one before; the states [tokens, width] of all.

        Where there is a token step, the cache is only copied.
        """
        if self.token is not None:
            self.token.begin(cache)
        states = []
        for _ in range(tokens):
            chosen = int(self._reader.scores(state).argmax())
            state = self.token.read(chosen) if self.token else self._reader.read(cache, [chosen])[0]
            states.append(state)
        return torch.stack(states)

    @property
    def block(self) -> int:
        """Tokens of an event that are the same in every plan: query tokens and the markers around them."""
        return self.config.bridge.semantic + self.config.bridge.residual + 6

    def begun(self) -> tuple[Any, Tensor]:
        """A cache that has read the prompt, and its last state."""
        cache = DynamicCache()
        return cache, self.read(cache, self.plan.prompt)[-1]

    def conditions(self) -> Iterator[Tensor]:
        """The conditions [1, S, F] of a story as the engine plans it: drafted, cut back, read again in one pass."""
        cache, state = self.begun()
        state = self._part(cache, self.plan.reasoning, 1, state)[-1]
        for _ in range(self.plan.events):
            states = self._part(cache, self.plan.written, self.block, state)
            state = states[-1]
            yield self._condition(states)

    def conditions_token_by_token(self) -> list[Tensor]:
        """The same as the reference plans it: every token by itself, and the whole plan before anything is drawn."""
        cache, state = self.begun()
        state = self.write(cache, self.plan.reasoning, state)[-1]
        found = []
        for _ in range(self.plan.events):
            states = self.write(cache, self.plan.written + self.block, state)
            state = states[-1]
            found.append(self._condition(states))
        return found

    def _part(self, cache: Any, drafted: int, forced: int, state: Tensor) -> Tensor:
        self.write(cache, drafted, state)
        if self.token is None:
            cache.crop(-drafted)
        return self.read(cache, drafted + forced)

    def _condition(self, states: Tensor) -> Tensor:
        bridge, like = self.config.bridge, self.network.null
        semantic = states[-self.block : -self.block + bridge.semantic].to(like)
        residual = states[-bridge.residual :].to(like)
        return self.network.condition(semantic[None], residual[None])

    # Drawing.

    def window(
        self,
        condition: Tensor,
        velocity: Velocity | None = None,
        steps: int = 50,
        solver: Solver = "euler",
        guided_above: float = 0.0,
    ) -> Tensor:
        """Latents [B, T, C] of whole windows, one of each condition."""
        shape = self.config.transformer
        noise = event_noise(0, shape.max_latent_frames, shape.in_channels).to(self.device)
        noise = noise.expand(len(condition), -1, -1)
        run = self.velocity if velocity is None else velocity
        null, seconds = self.network.null, self.plan.seconds
        return sample(
            run, condition, null, seconds, noise, steps, guidance=4.0, solver=solver, guided_above=guided_above
        )

    def one_by_one(self, latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        """The velocity with every element of the batch in a pass of its own."""
        rows = range(len(latents))
        return torch.cat(
            [self.velocity(latents[k, None], sigma[k, None], condition[k, None], duration_s[k, None]) for k in rows]
        )

    def step_inputs(self) -> tuple[Tensor, Tensor]:
        """Latents and conditions as one denoise step of a window takes them: with and without guidance."""
        shape = self.config.transformer
        latents = torch.randn(2, shape.max_latent_frames, shape.in_channels, device=self.device)
        return latents, self.network.null.expand(2, -1, -1).clone()

    def step(self, velocity: Velocity) -> Tensor:
        """One denoise step of a window."""
        latents, condition = self.step_inputs()
        return velocity(
            latents, torch.full((2,), 0.5, device=self.device), condition, torch.ones(2, device=self.device)
        )

    # Decoding.

    def first_sound(self, latents: Tensor) -> Tensor:
        """The first chunk of samples."""
        return next(self.codec.decode_chunks(latents, CHUNK_FRAMES, FIRST_FRAMES))

    def chunk(self, decoder: Callable[[Tensor], Tensor]) -> Tensor:
        """Samples [1, 2, frames] of as many latents as the codec's decoder is given in the middle of an event."""
        frames = CHUNK_FRAMES + 2 * self.codec.reach
        return decoder(torch.randn(1, self.codec.channels, frames, device=self.device))

    def sounds(self, latents: Tensor) -> Iterator[Tensor]:
        """All samples in chunks."""
        return self.codec.decode_chunks(latents, CHUNK_FRAMES)

    def event_sound(self, latents: Tensor, hear: Hear = unheard) -> Samples:
        """The samples of an event, by the engine's codec: of a window only what the event lasts, in chunks."""
        codec = OobleckCodec(self.codec)
        drawn = latents[0, : math.ceil((self.plan.seconds + OVERLAP_S) * codec.latent_rate_hz)].float().cpu().numpy()
        return codec.decode(Drawn(drawn, _NO_NAME, 0), Event("e1", "a sound", 0.0, self.plan.seconds), hear)

    # Stories: told is called when the first event can be heard: ours where the rest is decoded in time.

    def story(self, told: Callable[[], None], steps: int, solver: Solver = "euler") -> None:
        """Each event drawn as soon as it is planned."""
        for number, condition in enumerate(self.conditions()):
            self._sound(condition, number, told, steps, solver)

    def story_overlapped(self, told: Callable[[], None], steps: int) -> None:
        """The same, with the next events planned while one is drawn.

        Threads: one plans, on a stream of its own where there is a GPU; the caller's draws.
        """
        planned: queue.Queue[Tensor | None] = queue.Queue()

        def plan() -> None:
            try:
                with torch.inference_mode(), _own_stream(self.device) as finished:
                    for condition in self.conditions():
                        finished()
                        planned.put(condition)
            finally:
                planned.put(None)

        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(plan)
            for number, condition in enumerate(iter(planned.get, None)):
                self._sound(condition, number, told, steps, "euler")
            done.result()

    def story_in_reference_order(self, told: Callable[[], None], steps: int) -> None:
        """The whole plan token by token, then each event drawn; its window is decoded whole, and cut."""
        for number, condition in enumerate(self.conditions_token_by_token()):
            samples = self.codec.decode(self.window(condition, self.plain, steps))
            if not number:
                samples.cpu()
                told()
        samples.cpu()

    def _sound(self, condition: Tensor, number: int, told: Callable[[], None], steps: int, solver: Solver) -> None:
        """told: of the first event."""
        heard: list[Samples] = []

        def hear(samples: Samples) -> None:
            if not number and not heard:
                told()
            heard.append(samples)

        hear(self.event_sound(self.window(condition, None, steps, solver), hear))


class _own_stream:  # noqa: N801
    """A context in which a GPU's work goes to a stream of its own; what it gives waits until that is done."""

    def __init__(self, device: torch.device) -> None:
        stream: Any = torch.cuda.Stream
        self._stream: Any = stream() if device.type == "cuda" else None
        self._context: Any = torch.cuda.stream(self._stream) if self._stream else None

    def __enter__(self) -> Callable[[], None]:
        if self._context is None:
            return lambda: None
        self._context.__enter__()
        return cast("Callable[[], None]", self._stream.synchronize)

    def __exit__(self, *error: object) -> None:
        if self._context is not None:
            self._context.__exit__(*error)


def as_diffusers_has_it(network: AudioStory, type_: torch.dtype) -> FlowTransformer:
    """A flow in fewer launches as it was before, its blocks in a type, on the same weights."""
    fused, config = network.flow, network.config
    with torch.device("meta"):
        plain = FlowTransformer(config.transformer, config.duration, config.bridge.feature_dim)
    weights: dict[str, Tensor] = {}
    for name, weight in fused.state_dict().items():
        name = name.replace("time_text_embed._embedding.", "time_text_embed.")
        together = next((part for part in _APART if part in name), "")
        apart = _APART.get(together, ("",))
        for part, piece in zip(apart, weight.chunk(len(apart)), strict=True):
            weights[name.replace(together, part)] = piece.to(type_) if ".attn.norm_" in name else piece
    plain.load_state_dict(weights, assign=True)
    return plain.requires_grad_(False).eval()


_APART = {
    ".to_qkv.": (".to_q.", ".to_k.", ".to_v."),
    ".to_added_qkv.": (".add_q_proj.", ".add_k_proj.", ".add_v_proj."),
}


def launches(run: Callable[[], object]) -> int:
    """How many operations there are in a piece of work, views left out: on a GPU most are a kernel each."""
    counted = _Counted()  # type: ignore[no-untyped-call]
    with counted:
        run()
    return int(counted.launches)


class _Counted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    launches = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        given = {_place(each) for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        made = [each for each in tree_leaves(found) if isinstance(each, Tensor)]
        is_view = not func._schema.is_mutable and all(_place(each) in given for each in made)
        self.launches += bool(made) and not is_view
        return found


def _place(tensor: Tensor) -> int:
    return int(tensor.untyped_storage().data_ptr())


def filled(network: nn.Module, device: torch.device, type_of: Callable[[str], torch.dtype]) -> nn.Module:
    """A network from the meta device with random weights, small enough that nothing overflows."""
    kept: dict[int, nn.Parameter] = {}
    for place, part in network.named_modules():
        for name, weight in list(part.named_parameters(recurse=False)):
            if id(weight) not in kept:
                value = torch.empty(weight.shape, device=device, dtype=type_of(f"{place}.{name}"))
                value.fill_(1.0) if weight.dim() == 1 and name.endswith("weight") else value.normal_(std=0.02)
                kept[id(weight)] = nn.Parameter(value, requires_grad=False)
            setattr(part, name, kept[id(weight)])
        for name, buffer in list(part.named_buffers(recurse=False)):
            if name == "null":
                setattr(part, name, torch.zeros(buffer.shape, device=device))
    rebuild_rotary(network)
    return network.to(device).eval()
