"""What can go wrong on the wire: codes as in HTTP, each with a symbol, and how the engine's errors become them.

Knows nothing of sockets or messages.
"""

from diegetic.errors import Cancelled, DiegeticError, InputError

SYMBOLS = {
    400: "bad_types",
    403: "forbidden",
    404: "not_found",
    405: "unknown_address",
    409: "conflict",
    410: "ended",
    413: "too_large",
    422: "out_of_range",
    423: "loading",
    429: "queue_full",
    499: "cancelled",
    500: "internal",
    503: "busy",
    507: "out_of_memory",
}


class Refused(DiegeticError):  # noqa: N818
    """Something a client sent that is answered by /diegetic/fail. code: one of `SYMBOLS`."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def code_of(error: Exception) -> int:
    """The code of any error: its own `code` where it is one of ours, else by its kind."""
    own = getattr(error, "code", None)
    if own in SYMBOLS:
        return int(own)
    kinds = ((InputError, 422), (Cancelled, 499), (MemoryError, 507))
    return next((code for kind, code in kinds if isinstance(error, kind)), 500)


def symbol_of(code: int) -> str:
    return SYMBOLS.get(code, SYMBOLS[500])
