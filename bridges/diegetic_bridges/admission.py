"""Who may send: this machine always, others where they are on the allow list.

Knows nothing of sockets or messages.
"""

import ipaddress
from collections import Counter
from collections.abc import Sequence

from diegetic.errors import InputError

EVERYWHERE = ("0.0.0.0", "::", "")
"""Hosts that stand for all addresses of this machine: to listen on, but not to send to."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Admission:
    """One server's allow list: networks ("192.168.1.0/24") or addresses. counts: "dropped" grows by each refusal.

    Raises InputError for a network that is none, and for a host other than this machine without any.
    """

    def __init__(self, host: str, allow: Sequence[str], counts: Counter[str]) -> None:
        self._allow = [_network(each) for each in allow]
        self._counts = counts
        if not allow and not is_local(host):
            raise InputError(
                f"host: {host} is open to other machines; say which may send, by --allow, or use 127.0.0.1"
            )

    def admits(self, host: str) -> bool:
        """Whether an address is listened to; counted where it isn't."""
        if is_local(host) or any(_address(host) in network for network in self._allow):
            return True
        self._counts["dropped"] += 1
        return False


def is_local(host: str) -> bool:
    """Whether a host is this machine, by a name or an address that nobody else can have."""
    return host == "localhost" or (is_ip(host) and _address(host).is_loopback)


def is_ip(host: str) -> bool:
    """Whether a host is written as an address, of either kind."""
    try:
        _address(host)
    except ValueError:
        return False
    return True


def _network(text: str) -> _Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise InputError(f"allow: must be an address or a network such as 192.168.1.0/24, got {text[:60]!r}") from None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """A peer's address; an IPv4 one that came by IPv6 as itself."""
    address = ipaddress.ip_address(host.partition("%")[0])
    return getattr(address, "ipv4_mapped", None) or address
