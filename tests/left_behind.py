"""Shared memory that nobody removes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SHARED = Path("/dev/shm")
LONGEST_S = 120.0


@contextmanager
def nothing_left_in_shared_memory() -> Iterator[None]:
    """Fail where there is more after the body than before. What others make meanwhile is waited for: it goes, too."""
    if not SHARED.is_dir():
        pytest.skip("shared memory isn't seen as files here")
    before = set(SHARED.glob("psm_*"))
    yield
    made, until_s = set(SHARED.glob("psm_*")) - before, time.monotonic() + LONGEST_S
    while left := [path.name for path in made if path.exists()]:
        assert time.monotonic() < until_s, left
        time.sleep(0.05)
