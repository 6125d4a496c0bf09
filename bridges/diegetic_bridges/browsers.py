"""What keeps other sites' pages away from a server on this machine, in browsers that it can't tell apart otherwise.

- Host: a page whose site's name was made to point here (DNS rebinding) still sends that name. Taken are addresses, this
  machine's own names, and localhost.
- Origin: pages say where they are from when they post or open a WebSocket. Taken are pages of this machine (a game's
  editor, a panel), and pages of the server itself.

Knows nothing of sockets.
"""

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from diegetic_bridges.admission import is_ip, is_local

_CORS = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "600",
    "Vary": "Origin",
}


def refusal(headers: Mapping[str, str]) -> str:
    """Why a request isn't taken; "" where it is."""
    host = _host(f"//{headers.get('Host', '')}")
    if not (is_local(host) or is_ip(host) or host in _own_names()):
        return f"host: {host[:80]!r} isn't a name of this machine; use its address, or localhost"
    origin = headers.get("Origin")
    if origin is not None and not _is_near(origin, host):
        return f"origin: pages of {origin[:80]!r} may not send; open them from this machine, by http://localhost"
    return ""


def cors(headers: Mapping[str, str]) -> dict[str, str]:
    """What lets a page that is taken read the answer."""
    origin = headers.get("Origin")
    return {"Access-Control-Allow-Origin": origin, **_CORS} if origin else {}


def _is_near(origin: str, host: str) -> bool:
    own = _host(origin)
    return is_local(own) or (own != "" and own == host)


def _host(url: str) -> str:
    """The host of a URL, without port or brackets; "" where it has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def _own_names() -> frozenset[str]:
    name = socket.gethostname().lower().removesuffix(".local")
    return frozenset((name, f"{name}.local"))
