"""What something costs on a machine however busy: the functions it calls."""

import sys
from collections.abc import Callable
from types import FrameType


def calls_in(body: Callable[[], object]) -> int:
    """How many functions are called while it runs, those in C too."""
    count = 0

    def see(frame: FrameType, what: str, argument: object) -> None:
        nonlocal count
        count += what in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(see)
    try:
        body()
    finally:
        sys.setprofile(before)
    return count
