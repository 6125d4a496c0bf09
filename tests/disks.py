"""Small file systems that really fill up, and really are read-only."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


def mounted(folder: Path, size_mb: int) -> Iterator[Path]:
    folder.mkdir()
    if mount("-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", folder):
        pytest.skip("needs to be root to mount a small file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def mount(*arguments: str | Path) -> int:
    if shutil.which("mount") is None:
        return 1
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode
