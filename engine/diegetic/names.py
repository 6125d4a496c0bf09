"""Names of files made from captions: safe on Windows, macOS and Linux whatever the captions hold.

Lower-case ASCII letters, digits and hyphens only, and none that Windows reserves (con, nul, com1, ...).
"""

import itertools
import re
import unicodedata
from pathlib import Path

_MAX_CHARACTERS = 40
_DOTS = "..."
_RESERVED = re.compile(r"con|prn|aux|nul|conin|conout|(com|lpt)[0-9]")


def slug(text: str, otherwise: str = "sound") -> str:
    """A short name for `text`, cut at a word; `otherwise` where no ASCII letter or digit is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    if len(words) > _MAX_CHARACTERS:
        words = words[: _MAX_CHARACTERS + 1].rpartition("-")[0] or words[:_MAX_CHARACTERS]
    return f"{words}-{otherwise}" if _RESERVED.fullmatch(words) else words or otherwise


def free_path(path: Path, first: int = 2) -> Path:
    """The path, or where there is such a file already, with the first number behind its name that is free."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(first))
    return path if not path.exists() else next(each for each in numbered if not each.exists())


def one_line(text: str) -> str:
    """`text` in one line, without what XML or a label can't hold: control characters, surrogates, non-characters."""
    held = "".join(char if char.isspace() or _is_plain(char) else "" for char in text)
    return " ".join(held.split())


def shortened(text: str, most: int) -> str:
    """`text` of `most` characters at most: what is longer is cut at a word, if it has any, and ends in dots."""
    if len(text) <= most:
        return text
    room = most - len(_DOTS)
    return (text[: room + 1].rpartition(" ")[0] or text[:room]) + _DOTS


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in ("Cc", "Cs") and ord(char) & 0xFFFE != 0xFFFE
