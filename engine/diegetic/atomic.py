"""Files that are whole or not there: written under a temporary name beside the target, then renamed.

The one place where the engine writes to a disk, and so the one that says what to do when a disk is full or a folder
read-only, and that knows that Windows neither renames onto nor deletes a file that somebody has open.
"""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil

from diegetic.errors import Failure

SUFFIX = ".tmp"
_BLOCK = 1 << 18
_ZEROS = bytes(_BLOCK)

_IS_WINDOWS = os.name == "nt"
_LONG_PATH = 240
"""From here on a temporary name beside it may be longer than the 259 characters that Windows takes by itself."""
_WAITS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.3)
"""Between tries: a virus scanner, an indexer or a reader of ours has a file open for a moment."""


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
            rename(temporary, path)
        finally:
            _patiently(lambda: temporary.unlink(missing_ok=True))
    except OSError as error:
        raise Failure(_explain(path, size, error)) from error


def rename(path: Path, to: Path) -> None:
    """Rename a file, in place of one that is there. Raises OSError; on Windows a file that is open is waited for."""
    _patiently(lambda: path.replace(to))


def remove(path: Path) -> None:
    """Delete a file, if it is there. Raises Failure."""
    try:
        _patiently(lambda: path.unlink(missing_ok=True))
    except OSError as error:
        raise Failure(f"{path}: can't be deleted ({_reason(error)}); {_way_out(error)}") from error


def nearest(path: Path) -> Path:
    """The path, or the nearest folder above it that there is. Raises Failure where there is none: no such drive."""
    for each in (path, *path.absolute().parents):
        if each.exists():
            return each
    raise Failure(f"{path}: is on a drive that isn't there; choose another folder")


def clear_leftovers(folder: Path, guard: str) -> None:
    """Delete the temporary files of processes that were killed, in `folder` and below.

    guard: the name of a file that marks folders below as others' to clear. Raises Failure.
    """
    with os.scandir(folder) as entries:  # it knows what is a folder; to ask of thousands of takes takes long
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not Path(entry, guard).exists():
                clear_leftovers(Path(entry), guard)
            elif _left_by_the_dead(entry.name):
                remove(Path(entry))


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
    characters = len(str(path.absolute()))
    if _IS_WINDOWS and isinstance(error, FileNotFoundError) and characters > _LONG_PATH:
        rule = f"can't be written, its path has {characters} characters, which are too many for Windows"
        return f"{path}: {rule}; choose a folder nearer to the drive with -o, or allow long paths there"
    return f"{path}: can't be written ({_reason(error)}); choose another folder with -o, or {_way_out(error)}"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _way_out(error: OSError) -> str:
    if _IS_WINDOWS and isinstance(error, PermissionError):
        return "close it in the program that has it open"
    return "change its permissions"


def _patiently(change: Callable[[], object]) -> None:
    """Do it, again and again where Windows says that a file is open. Raises OSError."""
    for wait_s in _WAITS_S if _IS_WINDOWS else ():
        try:
            change()
        except PermissionError:
            time.sleep(wait_s)
        else:
            return
    change()


def _free(path: Path) -> str:
    try:
        return _size(shutil.disk_usage(path.parent).free)
    except OSError:
        return "an unknown amount"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
