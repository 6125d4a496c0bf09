"""Things that tests stand on: small disks, the same draws each time, and no test that fails as a machine is busy."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from disks import mounted

settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores, and threads that wait for one another take turns
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def same_draws() -> None:
    """What a test draws of torch without a generator of its own is the same whatever ran before it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB. Skips where one can't be mounted (only root may)."""
    yield from mounted(tmp_path / "full", 2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB, which `remount` can make read-only. Skips where one can't be mounted (only root may)."""
    yield from mounted(tmp_path / "small", 40)
