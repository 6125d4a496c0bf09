"""A story's folder on its way to another machine and back: its files in pieces, small enough for any message.

Knows nothing of Ray.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from diegetic.atomic import write_atomically
from diegetic.errors import Failure
from diegetic.manifest import NAME as MANIFEST
from diegetic.manifest import digest_of

PIECE_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Parcel:
    """One file: its path in the folder (with forward slashes), its size, and its SHA-256."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file from `offset` on; last: the file ends with them."""

    path: str
    offset: int
    data: bytes
    last: bool


def pack(folder: Path) -> tuple[Parcel, ...]:
    """All files of a folder but hidden ones, in the order in which they may be written: sounds, sidecars, manifest.

    Raises Failure where one can't be read.
    """
    paths = [path for path in folder.rglob("*") if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    shown = sorted((name for name in named if not _is_hidden(name)), key=_order)
    return tuple(Parcel(name, named[name].stat().st_size, digest_of(named[name])) for name in shown)


def pieces(folder: Path, parcel: Parcel) -> Iterator[Piece]:
    """A file in pieces. Raises Failure where it can't be read."""
    for offset in range(0, max(parcel.size, 1), PIECE_BYTES):
        yield read_piece(folder, parcel, offset)


def read_piece(folder: Path, parcel: Parcel, offset: int) -> Piece:
    """The piece of a file that begins at `offset`. Raises Failure where it can't be read."""
    try:
        with (folder / parcel.path).open("rb") as file:
            file.seek(offset)
            data = file.read(PIECE_BYTES)
    except OSError as error:
        raise Failure(f"{folder / parcel.path}: can't be read ({error.strerror}); run the batch again") from error
    return Piece(parcel.path, offset, data, offset + len(data) >= parcel.size)


@dataclass(slots=True)
class Unpacking:
    """A folder that files arrive in. Each is written when its last piece is there, under its name only when whole."""

    folder: Path
    _arriving: bytes = b""

    def add(self, piece: Piece) -> None:
        """Take the next piece. Raises Failure where a file can't be written, or a piece is missing."""
        if piece.offset != len(self._arriving):
            raise Failure(f"{piece.path}: came in the wrong order; run the batch again")
        self._arriving += piece.data
        if piece.last:
            data, self._arriving = self._arriving, b""
            write_atomically(self.folder / _checked(piece.path), data)


def _checked(path: str) -> str:
    """The same. Raises Failure for a path that leads out of the folder: what another machine says isn't trusted."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path or ":" in path:
        raise Failure(f"{path[:80]}: leads out of its folder; nothing of it was written")
    return path


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _order(path: str) -> tuple[bool, bool, str]:
    return path == MANIFEST, path.endswith(".json"), path
