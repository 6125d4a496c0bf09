"""All files of rendered stories, to be compared: but for the times at which they were made, they are to be the same."""

import json
from pathlib import Path

_TIMES = ("at", "took_s", "begun_at", "finished_at")


def without_times(folder: Path) -> dict[str, bytes]:
    """The bytes of every file below a folder but hidden ones, by path; times in sidecars and manifests are left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part.startswith(".") for part in name.split("/")):
            found[name] = _timeless(path) if path.suffix == ".json" else path.read_bytes()
    return found


def _timeless(path: Path) -> bytes:
    return json.dumps(_without(json.loads(path.read_text(encoding="utf-8")))).encode()


def _without(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without(each) for key, each in value.items() if key not in _TIMES}
    return [_without(each) for each in value] if isinstance(value, list) else value
