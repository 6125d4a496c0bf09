"""What a story costs, planning and all files with it: wall time a second of sound, on two cores.

Stories of 40 s, each with its own seed, in an empty folder, by a model that is loaded and has told one before. Work of
others on the machine makes wall time longer; beside it, the time that the cores spent on it says what it takes.
"""

import os
import statistics
import tempfile
import time
from pathlib import Path

import torch

from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.protocol import StoryModel
from diegetic.story import Told
from evaluation.context import Context
from evaluation.row import Row

TEXTS = (
    "A storm breaks over a harbour: rain on the water, thunder, a ship's bell, then the wind dies down",
    "A quiet forest at night with an owl, then wolves howl far away and something heavy walks through the leaves",
    "Inside a smithy: hammer on the anvil, the fire crackles, a horse neighs outside, a door slams",
)
SECONDS, CORES, AIM = 40.0, 2, 0.5


def measure(context: Context) -> list[Row]:
    """One row: the real-time factor, the median of three stories."""
    threads = torch.get_num_threads()
    torch.set_num_threads(min(CORES, os.cpu_count() or 1))
    try:
        _tell(context.model, TEXTS[0], 99)
        costs = [_tell(context.model, text, seed) for seed, text in enumerate(TEXTS[: 1 if context.quick else None])]
    finally:
        torch.set_num_threads(threads)
    wall, spent = (statistics.median(cost[which] for cost in costs) for which in (0, 1))
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    note = f"aim 0.25; load of the machine {load:.1f}"
    return [
        Row("speed: wall time / sound, planning included", wall, {"time of cores / sound": spent}, AIM, False, note)
    ]


def _tell(model: StoryModel, text: str, seed: int) -> tuple[float, float]:
    """Wall time and time of the cores that a story takes, each a second of it."""
    with tempfile.TemporaryDirectory() as folder:
        began, spent = time.monotonic(), time.process_time()
        render_story(model, Told(text, SECONDS, seed), StoryFolder(Path(folder)), Output(), lambda progress: None)
        return (time.monotonic() - began) / SECONDS, (time.process_time() - spent) / SECONDS
