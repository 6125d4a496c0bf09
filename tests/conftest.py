"""Things that tests stand on: disks that are full or read-only, and no test that fails because a machine is busy."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from disks import mounted

settings.register_profile("busy", deadline=None)
settings.load_profile("busy")

if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the cores, and threads that wait for one another take turns
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB. Skips where one can't be mounted (only root may)."""
    yield from mounted(tmp_path / "full", 2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB, which `remount` can make read-only. Skips where one can't be mounted (only root may)."""
    yield from mounted(tmp_path / "small", 40)
