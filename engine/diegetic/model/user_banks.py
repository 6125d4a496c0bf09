"""The user's own banks: where they are, and what they are called.

Knows nothing of what is in them.
"""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from diegetic.errors import InputError
from diegetic.model.bank.library import INDEX, TABLE, read_table
from diegetic.settings import data_folder

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class BankInfo:
    """A user's bank."""

    name: str
    folder: Path
    recordings: int
    seconds: float


def banks_folder() -> Path:
    """Where users' banks are."""
    return data_folder() / "banks"


def bank_folder(name: str) -> Path:
    """The folder of the bank `name`. Raises InputError where it can't be a name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"bank: name must be lower-case letters, digits, - or _ (32 at most), got {name[:40]!r}; choose another"
        )
    return banks_folder() / name


def list_banks() -> tuple[BankInfo, ...]:
    """All of the user's banks."""
    found = []
    for folder in sorted(path.parent for path in banks_folder().glob(f"*/{INDEX}")):
        rows = read_table(folder / TABLE)
        found.append(BankInfo(folder.name, folder, len(rows), sum(float(row["seconds"]) for row in rows)))
    return tuple(found)


def remove_bank(name: str) -> None:
    """Forget a bank; the recordings stay where they are. Raises InputError where there is none."""
    folder = bank_folder(name)
    if not (folder / INDEX).exists():
        known = ", ".join(info.name for info in list_banks()) or "none"
        raise InputError(f"bank: there is no {name!r}; known: {known}")
    shutil.rmtree(folder)
