"""Another renderer under the same plan: pocket's LLM plans, a text-to-audio pipeline of diffusers renders each caption.

    plan      the planner's, with its memory and its grammar
    imagine   caption, duration, seed -> pipeline -> samples, which are all the latents there are
    decode    samples, cut to length

A pipeline has no memory of a story. A sound that goes on is held by an inpainting pipeline where the preset names one;
else it begins as what it goes on from ends, and fades into what was drawn.

Threads: one thread at a time may use it.
"""

import hashlib
import inspect
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from diegetic.audio.joins import crossfade
from diegetic.errors import Failure, InputError
from diegetic.model.codec import finite
from diegetic.model.config import PipelineConfig, PipelinePreset
from diegetic.model.device import pick_device
from diegetic.model.memory import out_of_memory
from diegetic.model.release_files import ORIGIN, PIPELINE
from diegetic.protocol import Hear, Look, Memory, Planned, StoryModel, Watch, go_on, unheard
from diegetic.schema import unknown
from diegetic.settings import Settings
from diegetic.story import OVERLAP_S, Event

Samples = NDArray[np.float32]

_ALWAYS = ("prompt", "num_inference_steps", "generator")
_HELD = ("audio", "mask_start_seconds", "mask_end_seconds")


@dataclass(frozen=True, slots=True)
class Caption:
    """What an event is imagined under: there is nothing but words."""

    text: str


class PipelineModel:
    """A pipeline with a planner; digest: of both."""

    def __init__(self, name: str, digest: str, config: PipelineConfig, pipe: Any, planner: StoryModel) -> None:
        self.name, self.digest = name, digest
        self.sample_rate = rate_of(pipe)
        self._config, self._pipe, self._planner = config, pipe, planner
        self._inpaint: Any = _class(config.inpaint_class)(**pipe.components) if config.inpaint_class else None
        for each in (pipe, self._inpaint):
            if each is not None:
                each.set_progress_bar_config(disable=True)

    def begin(self, instruction: str, seconds: float) -> Memory:
        """Read the told text."""
        return self._planner.begin(instruction, seconds)

    def plan(self, memory: Memory, look: Look = go_on) -> Iterator[Planned]:
        """The planner's plan."""
        return self._worded(self._planner.plan(memory, look))

    def recall(self, memory: Memory, reasoning: str, events: Sequence[Event]) -> Iterator[Caption]:
        """Read a given plan: the planner remembers it, the pipeline needs its words."""
        for event, _ in zip(events, self._planner.recall(memory, reasoning, events), strict=True):
            yield Caption(event.caption)

    def continue_(
        self, memory: Memory, text: str, seconds: float, beds: Sequence[str] = (), look: Look = go_on
    ) -> Iterator[Planned]:
        """The planner's continuation."""
        return self._worded(self._planner.continue_(memory, text, seconds, beds, look))

    def imagine(self, condition: Caption, event: Event, seed: int, held: Samples | None, watch: Watch) -> Samples:
        """Draw an event; what is held is at its start."""
        overlap = round(OVERLAP_S * self.sample_rate)
        if held is None:
            return self._draw(self._pipe, condition, event, seed, watch, {})
        known = held[-overlap:]
        if self._inpaint is None:
            drawn = self._draw(self._pipe, condition, event, seed, watch, {})
            return np.concatenate([crossfade(known, drawn[:overlap], "equal_power"), drawn[overlap:]])
        return self._draw(self._inpaint, condition, event, seed, watch, self._holding(known, event))

    def imagine_before(self, condition: Caption, event: Event, seed: int, following: Samples, watch: Watch) -> Samples:
        """Draw what leads to `following`: drawn by itself, it fades into its beginning."""
        overlap = round(OVERLAP_S * self.sample_rate)
        drawn = self._draw(self._pipe, condition, event, seed, watch, {})
        return np.concatenate([drawn[:-overlap], crossfade(drawn[-overlap:], following[:overlap], "equal_power")])

    def decode(self, latents: Samples, condition: Caption, event: Event, seed: int, hear: Hear = unheard) -> Samples:
        """Samples [frames, channels] of the event's duration. Raises Failure where they aren't numbers."""
        return self._fitted(finite(latents, event), event)

    def save(self, memory: Memory) -> bytes:
        """The planner's memory."""
        return self._planner.save(memory)

    def load(self, state: bytes) -> Memory:
        """A memory that was saved."""
        return self._planner.load(state)

    def _draw(
        self, pipe: Any, condition: Caption, event: Event, seed: int, watch: Watch, held: Mapping[str, Any]
    ) -> Samples:
        """An event in as many windows as the pipeline needs for it, each with a seed of its own."""
        longest_s = self._config.longest_s
        windows, number = max(1, math.ceil((event.duration_s - OVERLAP_S) / (longest_s - OVERLAP_S) - 1e-6)), 0

        def told(done: int, total: int) -> None:
            watch(min(number * total + done, windows * total), windows * total)

        drawn = self._window(
            pipe, condition, replace(event, duration_s=min(event.duration_s, longest_s)), seed, told, held
        )
        overlap, frames = round(OVERLAP_S * self.sample_rate), round(event.duration_s * self.sample_rate)
        while len(drawn) < frames:
            seed, number = seed + 1, number + 1
            left_s = (frames - len(drawn)) / self.sample_rate + OVERLAP_S
            window = replace(event, duration_s=min(left_s, longest_s))
            more = self._window(self._pipe, condition, window, seed, told, {})
            joined = crossfade(drawn[-overlap:], more[:overlap], "equal_power")
            drawn = np.concatenate([drawn[:-overlap], joined, more[overlap:]])
        return self._fitted(drawn, event)

    @torch.inference_mode()
    def _window(
        self, pipe: Any, condition: Caption, event: Event, seed: int, watch: Watch, held: Mapping[str, Any]
    ) -> Samples:
        config, known = self._config, inspect.signature(pipe.__call__).parameters
        asked: dict[str, Any] = {
            "prompt": config.prompt.format(caption=condition.text),
            config.seconds_as: event.duration_s,
            "num_inference_steps": config.steps,
            "generator": torch.Generator().manual_seed(seed),
            **{name: value for name, value in config.arguments.items() if name in known},
            **held,
        }
        if "guidance_scale" in known:
            asked["guidance_scale"] = config.guidance
        watch(0, config.steps)
        asked |= _watched(known, config.steps, watch)
        with out_of_memory(f"event {event.id}"):
            drawn = pipe(**asked).audios[0]
        watch(config.steps, config.steps)
        return self._fitted(_frames_first(drawn), event)

    def _holding(self, known: Samples, event: Event) -> dict[str, Any]:
        """What an inpainting pipeline is told: the known samples, and from where on it is to draw."""
        frames = round(min(event.duration_s, self._config.longest_s) * self.sample_rate)
        audio = np.zeros((frames, 2), np.float32)
        audio[: len(known)] = known if known.shape[1] == 2 else np.repeat(known, 2, axis=1)
        return {
            "audio": torch.from_numpy(audio.T[None].copy()),
            "mask_start_seconds": len(known) / self.sample_rate,
            "mask_end_seconds": frames / self.sample_rate,
        }

    def _fitted(self, samples: Samples, event: Event) -> Samples:
        frames = round(event.duration_s * self.sample_rate)
        whole = np.zeros((frames, samples.shape[1]), np.float32)
        whole[: len(samples)] = samples[:frames]
        return whole

    def _worded(self, planned: Iterator[Planned]) -> Iterator[Planned]:
        for each in planned:
            yield Planned(each.event, Caption(each.event.caption), each.reasoning)


def load_pipeline(preset: PipelinePreset, folder: Path, settings: Settings, planner: StoryModel) -> PipelineModel:
    """A pipeline from its folder, on the device of the settings.

    Raises InputError where the preset doesn't fit the pipeline, Failure where files are missing or damaged.
    """
    device, config = pick_device(settings), preset.pipeline
    dtype = torch.float16 if device.type == "cuda" and settings.precision == "auto" else _type(settings)
    _check_call(preset.name, config)
    _hide_bars()
    try:
        with out_of_memory(preset.name), warnings.catch_warnings():
            # diffusers renames torch_dtype, and its layers still use torch's old weight_norm. Remove when it is done.
            warnings.simplefilter("ignore", FutureWarning)
            parts = {
                name: _part(kind).from_pretrained(folder / name, dtype=dtype) for name, kind in config.parts.items()
            }
            pipe = _class(config.class_name).from_pretrained(folder, torch_dtype=dtype, **parts).to(device)
    except ImportError as error:
        raise Failure(f"{preset.name}: a package is missing ({' '.join(str(error).split())[:200]})") from error
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        if isinstance(error, Failure | InputError):
            raise
        raise Failure(
            f"{folder}: can't be loaded as {config.class_name} ({str(error).splitlines()[0][:120]}); "
            f"`diegetic models remove {preset.name}`, then pull it again"
        ) from error
    return PipelineModel(preset.name, _digest(preset, folder, planner), config, pipe, planner)


def rate_of(pipe: Any) -> int:
    """The rate of what a pipeline makes: its codec's, or its vocoder's."""
    for part in ("vocoder", "vae"):
        config = getattr(getattr(pipe, part, None), "config", None)
        if rate := getattr(config, "sampling_rate", None) or getattr(config, "sample_rate", None):
            return int(rate)
    raise Failure(f"pipeline: {type(pipe).__name__} doesn't say its sampling rate; it can't be a model here")


def _class(name: str) -> Any:
    import diffusers

    found = getattr(diffusers, name, None)
    if found is None:
        raise Failure(f"pipeline: diffusers {diffusers.__version__} has no {name}; `pip install -U diffusers`")
    if not (isinstance(found, type) and issubclass(found, diffusers.DiffusionPipeline)):
        raise InputError(f"pipeline: {name} of diffusers is no pipeline; name one that makes sound of a text")
    return found


def _part(name: str) -> Any:
    import transformers

    found = getattr(transformers, name, None)
    if found is None:
        raise InputError(
            f"pipeline: transformers {transformers.__version__} has no {name}; correct parts in the preset"
        )
    return found


def _check_call(name: str, config: PipelineConfig) -> None:
    """Raise InputError where a preset's pipelines don't take what they are to be called with."""
    asked = [(config.class_name, (config.seconds_as, *_ALWAYS, *config.arguments))]
    if config.inpaint_class:
        asked.append((config.inpaint_class, (config.seconds_as, *_ALWAYS, *_HELD)))
    for class_name, arguments in asked:
        known = [each for each in inspect.signature(_class(class_name).__call__).parameters if each != "self"]
        for argument in arguments:
            if argument not in known:
                raise InputError(f"{name}: {unknown(f'argument of {class_name}', argument, known)}")


def _hide_bars() -> None:
    """Progress is ours to show.

    tqdm's lock, which bars take even where they aren't drawn, is a semaphore between processes by itself: a generator
    ends at once, and Python complains that it was left.
    """
    from diffusers.utils import logging as of_diffusers
    from tqdm import tqdm
    from transformers.utils import logging as of_transformers

    tqdm.set_lock(RLock())
    of_diffusers.disable_progress_bar()
    of_transformers.disable_progress_bar()  # type: ignore[no-untyped-call]


def _type(settings: Settings) -> torch.dtype:
    return torch.bfloat16 if settings.precision == "bfloat16" else torch.float32


def _watched(known: Mapping[str, Any], steps: int, watch: Watch) -> dict[str, Any]:
    """How a pipeline is told to tell how far it is, which may raise to stop it."""
    if "callback_on_step_end" in known:

        def told(pipe: Any, step: int, time: Any, given: dict[str, Any]) -> dict[str, Any]:
            watch(min(step + 1, steps), steps)
            return given

        return {"callback_on_step_end": told}
    if "callback" in known:
        return {"callback": lambda step, time, latents: watch(min(step + 1, steps), steps)}
    return {}


def _frames_first(audio: Any) -> Samples:
    """Samples [frames, channels] of what a pipeline gives: [frames] or [channels, frames], a tensor or an array."""
    array = audio.float().cpu().numpy() if isinstance(audio, torch.Tensor) else np.asarray(audio, np.float32)
    return np.ascontiguousarray(np.atleast_2d(array).T, np.float32)


def _digest(preset: PipelinePreset, folder: Path, planner: StoryModel) -> str:
    digest = hashlib.sha256(f"{preset.pipeline!r} {planner.digest}".encode())
    for name in (PIPELINE, ORIGIN):
        if (folder / name).is_file():
            digest.update((folder / name).read_bytes())
    for path in sorted(folder.rglob("*.safetensors")):
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}".encode())
    return digest.hexdigest()[:16]
