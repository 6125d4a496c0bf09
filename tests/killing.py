"""What ends a process at once: on Windows, which has no SIGKILL, any signal does."""

import signal

KILL: int = getattr(signal, "SIGKILL", signal.SIGTERM)
