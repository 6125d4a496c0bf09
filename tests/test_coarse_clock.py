"""What is played where the monotonic clock goes in steps of 16 ms, as on Windows before Python 3.13."""

import math
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.engine import Engine
from diegetic.player.null import NullDevice
from diegetic_bridges.outgoing import Clock

STEP_S = 1 / 64


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: math.floor(time.perf_counter() / STEP_S) * STEP_S)


def test_blocks_come_one_by_one() -> None:
    came: list[float] = []

    def fill(out: NDArray[np.float32], underrun: bool) -> None:
        came.append(time.perf_counter())

    device = NullDevice(48_000, 96, 2, fill)
    device.start()
    time.sleep(0.5)
    device.close()
    gaps = np.diff(came)
    assert np.median(gaps) == pytest.approx(0.002, rel=0.5)


def test_times_are_told_apart_that_are_a_millisecond_apart() -> None:
    for clock in (Engine.now_s, Clock().now_s):
        before = clock()
        time.sleep(0.001)
        assert 0.001 <= clock() - before < 0.5
