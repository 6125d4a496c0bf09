"""Files that are whole or not there: written under a temporary name beside the target, then renamed.

The one place where the engine writes to a disk, and so the one that says what to do when a disk is full or a folder
read-only.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from diegetic.errors import Failure

SUFFIX = ".tmp"


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path`, replacing what was there. Raises Failure, and then leaves `path` as it was.

    A file that holds `data` already isn't touched: a DAW that watches it has nothing to read again.
    """
    try:
        if _holds(path, data):
            return
    except OSError as error:
        raise Failure(_explain(path, len(data), error)) from error
    with replacing(path, len(data)) as temporary, temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path, size: int) -> Iterator[Path]:
    """A temporary path to write about `size` bytes to, which becomes `path` at the end. Raises Failure as above."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(_explain(path, size, error)) from error


def clear_leftovers(folder: Path, guard: str) -> None:
    """Delete the temporary files of processes that were killed, in `folder` and below.

    guard: the name of a file that marks folders below as others' to clear. Raises Failure.
    """
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and not (path / guard).exists():
            clear_leftovers(path, guard)
        elif _left_by_the_dead(path):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise Failure(_explain(path, 0, error)) from error


def _left_by_the_dead(path: Path) -> bool:
    """Whether nobody will rename this temporary file. A director writes a story's text while its generator renders."""
    if not path.name.startswith(".") or path.suffix != SUFFIX:
        return False
    writer = path.name.split(".")[-2]
    return writer.isdecimal() and not psutil.pid_exists(int(writer))


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _explain(path: Path, size: int, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"{path}: can't be written, the disk is full ({_megabytes(size)} needed, {_free(path)} free); "
            "free some space and run the same command again: finished takes are kept"
        )
    reason = (error.strerror or str(error)).lower()
    return f"{path}: can't be written ({reason}); choose another folder with -o, or change its permissions"


def _free(path: Path) -> str:
    try:
        return _megabytes(shutil.disk_usage(path.parent).free)
    except OSError:
        return "an unknown amount"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
