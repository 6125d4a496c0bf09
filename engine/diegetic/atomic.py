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
from typing import BinaryIO

import psutil

from diegetic.errors import Failure

SUFFIX = ".tmp"
_BLOCK = 1 << 18
_ZEROS = bytes(_BLOCK)


def write_atomically(path: Path, data: bytes, is_lasting: bool = True) -> None:
    """Write `data` to `path`, replacing what was there. Raises Failure, and then leaves `path` as it was.

    is_lasting: whether it must outlive a power cut, for which a busy disk takes its time. A file that holds `data`
    already isn't touched: a DAW that watches it has nothing to read again.
    """
    try:
        if _holds(path, data):
            return
    except OSError as error:
        raise Failure(_explain(path, len(data), error)) from error
    with replacing(path, len(data)) as temporary, temporary.open("wb") as file:
        _write_sparsely(file, data)
        if is_lasting:
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
    with os.scandir(folder) as entries:  # it knows what is a folder; to ask of thousands of takes takes long
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not Path(entry, guard).exists():
                clear_leftovers(Path(entry), guard)
            elif _left_by_the_dead(entry.name):
                try:
                    Path(entry).unlink(missing_ok=True)
                except OSError as error:
                    raise Failure(_explain(Path(entry), 0, error)) from error


def _write_sparsely(file: BinaryIO, data: bytes) -> None:
    """Write `data`; where it is zeros for long, as around the sound of a stem, a disk that can leaves them out."""
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        if block == _ZEROS[: len(block)]:
            file.seek(len(block), os.SEEK_CUR)
        else:
            file.write(block)
    file.truncate(len(data))


def _left_by_the_dead(name: str) -> bool:
    """Whether nobody will rename a temporary file. A director writes a story's text while its generator renders."""
    if not name.startswith(".") or not name.endswith(SUFFIX):
        return False
    writer = name.split(".")[-2]
    return writer.isdecimal() and not psutil.pid_exists(int(writer))


def _holds(path: Path, data: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data


def _explain(path: Path, size: int, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"{path}: can't be written, the disk is full ({_size(size)} needed, {_free(path)} free); "
            "free some space and run the same command again: finished takes are kept"
        )
    reason = (error.strerror or str(error)).lower()
    return f"{path}: can't be written ({reason}); choose another folder with -o, or change its permissions"


def _free(path: Path) -> str:
    try:
        return _size(shutil.disk_usage(path.parent).free)
    except OSError:
        return "an unknown amount"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
