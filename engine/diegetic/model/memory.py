"""Whether a model fits into memory, said before it is loaded: how much is missing, and what would fit.

Knows nothing of files.
"""

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import torch

from diegetic.errors import Failure
from diegetic.heap import trim
from diegetic.model.placement import Placement

WORKING_BYTES = 1_500_000_000
"""What is computed beside the weights: an estimate for the paper's size, whose codec decodes 6 s at a time."""
_CPU_ALLOCATOR = "DefaultCPUAllocator: "
"""Told of a full main memory, by an error of no kind of its own."""
Available = Callable[[torch.device], int]


def needed_bytes(weights: Mapping[str, int], codec_bytes: int, placement: Placement) -> dict[torch.device, int]:
    """What a model takes on each device. weights: number of values of each weight of AudioStory."""
    needed = {placement.device: WORKING_BYTES + codec_bytes, placement.llm_device: 0}
    if placement.llm_device == placement.device:
        needed = {placement.device: WORKING_BYTES + codec_bytes}
    for name, count in weights.items():
        needed[placement.device_of(name)] += count * placement.dtype_of(name).itemsize
    return needed


def check_fits(
    model: str, weights: Mapping[str, int], codec_bytes: int, placement: Placement, available: Available | None = None
) -> None:
    """Raise Failure where a device has too little memory free, with what would fit. available: bytes free on one."""
    free = available or available_bytes
    for device, size in needed_bytes(weights, codec_bytes, placement).items():
        has = free(device)
        if size <= has:
            continue
        ways = [text for text, other in _others(placement) if _fits(weights, codec_bytes, other, free)]
        there = f"needs {size / 1e9:.1f} GB on {device} and {has / 1e9:.1f} GB are free"
        would_fit = ", ".join([*ways, "--model pocket"])
        raise Failure(f"{model}: {there}, {(size - has) / 1e9:.1f} GB too few; what would fit: {would_fit}")


@contextmanager
def out_of_memory(what: str) -> Iterator[None]:
    """A context that says in one sentence that a GPU's memory, or the machine's, didn't do."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        on_cpu = str(error).partition(_CPU_ALLOCATOR)[2]
        if not on_cpu and not isinstance(error, torch.OutOfMemoryError | MemoryError):
            raise
        told = (on_cpu or str(error)).split(".")[0][:100] or "out of memory"
        ways = 'end other programs on it, set offload = true or precision = "bfloat16", or use --model pocket'
        raise Failure(f"{what}: the memory is full ({told}); {ways}") from error


def give_back() -> None:
    """Let the system and the GPU have what is free again: glibc and torch keep it for themselves otherwise."""
    gc.collect()
    trim()
    torch.cuda.empty_cache()  # nothing where no GPU was used


def available_bytes(device: torch.device) -> int:
    """Bytes free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    return min(free, _left_in_group(free))


def _left_in_group(otherwise: int) -> int:
    """What a container leaves, which sees all of the machine's memory but mayn't use it."""
    group = Path("/sys/fs/cgroup")
    try:
        most = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
        kept = {line.split()[0]: int(line.split()[1]) for line in (group / "memory.stat").read_text().splitlines()}
    except (OSError, ValueError):
        return otherwise
    return otherwise if most == "max" else int(most) - used + kept.get("inactive_file", 0)


def _others(placement: Placement) -> Iterator[tuple[str, Placement]]:
    """Other ways to place a model, and how to ask for them."""
    small = replace(placement, llm=torch.bfloat16, flow=torch.bfloat16)
    if small != placement:
        yield 'precision = "bfloat16"', small
    if placement.device.type == "cuda":
        cpu = torch.device("cpu")
        if placement.llm_device.type == "cuda":
            yield "offload = true", replace(placement, llm_device=cpu)
            yield 'offload = true with precision = "bfloat16"', replace(small, llm_device=cpu)
        yield "--device cpu", Placement(cpu, cpu)


def _fits(weights: Mapping[str, int], codec_bytes: int, placement: Placement, free: Available) -> bool:
    needed = needed_bytes(weights, codec_bytes, placement)
    return all(size <= free(device) for device, size in needed.items())
