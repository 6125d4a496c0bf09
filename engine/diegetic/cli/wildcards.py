"""What Windows' shells leave to programs, and others do: patterns of file names, and ~ for the home folder.

Knows nothing of commands.
"""

from collections.abc import Sequence
from glob import glob
from pathlib import Path


def expanded(arguments: Sequence[str]) -> list[str]:
    """Arguments with the files that each pattern (* and ?) means in its place; one that means none stays as it is."""
    return [each for given in arguments for each in _expanded(given)]


def _expanded(given: str) -> list[str]:
    path = str(Path(given).expanduser()) if given.startswith(("~/", "~\\")) else given
    found = sorted(glob(path)) if any(mark in path for mark in "*?") else []  # noqa: PTH207 - Path's refuses texts
    return found or [path]
