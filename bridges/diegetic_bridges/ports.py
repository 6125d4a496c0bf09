"""Sockets at a host and a port, taken before anything is started that would have to be ended again.

What comes early waits in the socket until a server takes it up. Knows nothing of what is sent.
"""

import errno
import socket
from collections.abc import Callable

from diegetic.errors import Failure

_TRIES = 20
_RESERVED = 1023


def take(what: str, host: str, port: int, way_out: str) -> socket.socket:
    """TCP at a port; 0: a free one. what: who wants it. way_out: what to do where it is taken. Raises Failure."""
    return _opened(what, host, port, way_out, _streams)


def take_both(what: str, host: str, port: int, way_out: str) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP at one port, as `take`; 0: one that is free of both. Raises Failure."""
    for tries_left in reversed(range(1 if port else _TRIES)):
        datagrams = _opened(what, host, port, way_out, _datagrams)
        try:
            return datagrams, take(what, host, datagrams.getsockname()[1], way_out)
        except Failure:
            datagrams.close()
            if not tries_left:
                raise
    raise AssertionError


def _opened(
    what: str, host: str, port: int, way_out: str, opened: Callable[[str, int], socket.socket]
) -> socket.socket:
    try:
        return opened(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            said = f"port {port} is in use, most likely by another `diegetic serve`; {way_out}"
        elif error.errno == errno.EACCES and port > _RESERVED:  # on Windows other programs, Hyper-V for one, keep some
            said = f"port {port} is kept from this user by the system; {way_out}"
        elif error.errno == errno.EACCES:
            said = f"port {port} may not be opened by this user; choose one above {_RESERVED}"
        else:
            said = f"{host}:{port} can't be opened ({error.strerror}); give an address of this machine as --host"
        raise Failure(f"{what}: {said}") from None


def _datagrams(host: str, port: int) -> socket.socket:
    opened = socket.socket(_family(host), socket.SOCK_DGRAM)
    try:
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def _streams(host: str, port: int) -> socket.socket:
    family = _family(host)
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, dualstack_ipv6=both)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
