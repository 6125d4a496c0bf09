"""The codes of /diegetic/fail: the engine's, and how errors of any kind become one.

Knows nothing of sockets or messages.
"""

from diegetic.errors import Cancelled, InputError
from diegetic.live.jobs import SYMBOLS as _ENGINE_SYMBOLS

FORBIDDEN = 403
SYMBOLS = dict(sorted((_ENGINE_SYMBOLS | {FORBIDDEN: "forbidden"}).items()))

_KINDS = ((InputError, 422), (Cancelled, 499), (MemoryError, 507))


def code_of(error: Exception) -> int:
    """The code of any error: its own where it has one, else by its kind."""
    own = getattr(error, "code", None)
    if isinstance(own, int) and own in SYMBOLS:
        return own
    return next((code for kind, code in _KINDS if isinstance(error, kind)), 500)
