"""A file's SHA-256."""

import hashlib
from pathlib import Path


def sha256(path: Path) -> str:
    """The checksum, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
