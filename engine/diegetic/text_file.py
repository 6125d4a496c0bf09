"""Text as people save it: UTF-8, or UTF-16 as Windows' Notepad and PowerShell write it; lines may end as they do there.

Knows nothing of what is said.
"""

import codecs
from pathlib import Path


def read_text(path: Path) -> str:
    """What is in a file, its lines ended by \\n, without a byte order mark. Raises OSError and UnicodeDecodeError."""
    data = path.read_bytes()
    is_wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return plain_lines(data.decode("utf-16" if is_wide else "utf-8-sig"))


def plain_lines(text: str) -> str:
    """The same with every line ended by \\n."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
