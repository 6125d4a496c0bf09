"""What bench_gpu.py found: rows by key, kept in a file as they come, and written out as a table.

Knows nothing of how a row is measured.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diegetic.atomic import write_atomically

STORIES = {
    "reference": "the reference's order: all planned token by token, 50 steps",
    "ours_50": "ours: an event drawn when it is planned, 50 steps",
    "ours_12": "ours, 12 steps of the better solver",
}


class Results:
    """Rows by key, kept in a file for each machine and shape as they come."""

    def __init__(self, path: Path | None, machine: str) -> None:
        self._path, self.machine = path, machine
        self._all: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path and path.exists() else {}
        self.rows = self._all.setdefault(machine, {})

    def keep(self, key: str, measured: Callable[[], dict[str, Any]]) -> None:
        """Measure a row and write all, if it isn't there."""
        if key in self.rows:
            return
        self.rows[key] = measured()
        print(f"{key} done", file=sys.stderr, flush=True)
        if self._path:
            write_atomically(self._path, json.dumps(self._all, indent=1).encode())


def table(results: Results) -> str:
    """The rows for people."""
    rows = results.rows
    lines = [results.machine, f"{'':64}{'off ms':>9}{'on ms':>9}{'ratio':>7}"]
    for row in (row for row in rows.values() if "what" in row):
        times = f"{row['off_ms']:9.1f}{row['on_ms']:9.1f}{row['ratio']:7.2f}" if "on_ms" in row else f"{'':25}"
        lines.append(f"{row['what']:64}{times}  {row.get('remark', '')}".rstrip())
    if story := rows.get("story"):
        lines.append(f"{'a story of ' + str(story['events']) + ' events':64}{'first ms':>9}{'total ms':>9}")
        for name, text in STORIES.items():
            first, total = story[f"{name}_first_ms"], story[f"{name}_total_ms"]
            shares = f"  {first / story['reference_first_ms']:.2f}, {total / story['reference_total_ms']:.2f} of it"
            lines.append(f"{text:64}{first:9.0f}{total:9.0f}{'' if name == 'reference' else shares}")
    if extra := rows.get("memory"):
        least = 1e3 * extra["llm_gb"] / rows["ceilings"]["gb_s"]
        lines.append(f"a token of the plan: {extra['token_ms']:.2f} ms; reading the LLM's weights once: {least:.2f} ms")
        lines += [f"most memory: {extra['peak_gb']:.1f} GB"] if "peak_gb" in extra else []
    return "\n".join(lines)
