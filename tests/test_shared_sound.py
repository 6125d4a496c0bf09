"""Shared memory where there is little of it, as in a container."""

import subprocess
import sys
from pathlib import Path

import pytest

from left_behind import SHARED

WITH_ONE_MB = "mount -t tmpfs -o size=1m tmpfs /dev/shm && exec {python} -c '{code}'"
TOO_LARGE = """
import numpy as np
from diegetic.audio.shared_sound import NoRoom, SharedSound
small = SharedSound.make(np.ones((1000, 2), np.float32), np.ones(1000, np.float32))
try:
    SharedSound.make(np.ones((100_000, 2), np.float32), np.ones(100_000, np.float32))
except NoRoom as error:
    print(error)
small.remove()
"""


def test_a_sound_there_is_no_room_for_is_an_error_and_not_the_end_of_the_process() -> None:
    if not SHARED.is_dir() or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs to be root to mount a small /dev/shm")
    command = WITH_ONE_MB.format(python=sys.executable, code=TOO_LARGE)
    done = subprocess.run(
        ["unshare", "-m", "bash", "-c", command],
        cwd=Path(__file__).parents[1],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("shared memory: 1.2 MB don't fit into /dev/shm, which has 1.0 MB left; stop some ")
    assert "leaked" not in done.stderr
