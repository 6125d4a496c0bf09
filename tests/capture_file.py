"""Captures as a session writes them, a line for each command."""

import json
from pathlib import Path
from typing import Any

from wire_stage import WALL_S


def write_capture(path: Path, *taken: dict[str, Any]) -> Path:
    plain = {"clock": 0.0, "wall": WALL_S, "client": "me", "arguments": []}
    path.write_text("".join(json.dumps(plain | each) + "\n" for each in taken), encoding="utf-8")
    return path
