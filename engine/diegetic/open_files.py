"""How many files and connections a process may have open: 256 on a Mac, where each sound and each client is one."""

from contextlib import suppress

WANTED = 4096


def allow_many() -> None:
    """Allow this process, and those it starts, to have more open; nothing where the system has no such limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
