"""A dict that keeps its latest entries: what was set or asked for last.

Knows nothing of what it keeps.
"""

from collections import OrderedDict
from typing import TypeVar

T = TypeVar("T")


class Latest(OrderedDict[str, T]):
    """At most `most` entries; the one that was of no use for the longest time goes."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: str, value: T) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self._most:
            self.popitem(last=False)

    def __getitem__(self, key: str) -> T:
        self.move_to_end(key)
        return super().__getitem__(key)
