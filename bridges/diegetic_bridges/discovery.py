"""What is announced on the network by mDNS, so that clients find the engine by its name: _oscjson._tcp and _osc._udp.

Not to be able to announce is a line in the log: all else works without.

Knows nothing of what is served. Threads: zeroconf has its own; all here is in the event loop's.
"""

import asyncio
import logging
import socket

from zeroconf import InterfaceChoice, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

from diegetic.service import Service
from diegetic_bridges.admission import EVERYWHERE

NAME = "Diegetic"
OSCQUERY, OSC = "_oscjson._tcp.local.", "_osc._udp.local."

_log = logging.getLogger(__name__)


class Announcement(Service):
    """Two services, from `start` to `stop`. host: of the servers; on this machine's own, others don't hear of them."""

    def __init__(self, host: str, osc_port: int, web_port: int, name: str = NAME) -> None:
        self._host, self._name = host, name
        self._ports = {OSC: osc_port, OSCQUERY: web_port}
        self._zeroconf: AsyncZeroconf | None = None
        self._announcing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to announce: that takes a second or so, which isn't waited for."""
        self._announcing = asyncio.create_task(self._announce())

    async def stop(self) -> None:
        """Say that they are gone. Can be called twice."""
        if self._announcing is not None:
            self._announcing.cancel()
            await asyncio.gather(self._announcing, return_exceptions=True)
            self._announcing = None
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            try:
                await zeroconf.async_unregister_all_services()
            except Exception as error:  # whatever a network that is gone raises
                _log.info("mDNS: could not say goodbye (%s)", error)
            await zeroconf.async_close()

    async def _announce(self) -> None:
        try:
            address = _outward() if self._host in EVERYWHERE else await _own(self._host)
            interfaces = InterfaceChoice.Default if self._host in EVERYWHERE else [address]
            self._zeroconf = AsyncZeroconf(interfaces=interfaces)
            for kind, port in self._ports.items():
                await self._zeroconf.async_register_service(self._service(kind, address, port), allow_name_change=True)
            _log.info("announced as %s (OSCQuery and OSC, by mDNS)", self._name)
        except Exception as error:  # each system, network and firewall has errors of its own
            why = str(error) or type(error).__name__
            _log.warning("mDNS: can't announce (%s); tell clients the address, %s", why, self._host)

    def _service(self, kind: str, address: str, port: int) -> ServiceInfo:
        server = f"{socket.gethostname().split('.')[0]}.local."
        return ServiceInfo(kind, f"{self._name}.{kind}", port, addresses=[socket.inet_aton(address)], server=server)


def _outward() -> str:
    """This machine's address as others see it. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


async def _own(host: str) -> str:
    """The address of a host. Raises OSError where it isn't this machine's: zeroconf would leave sockets behind."""
    found = await asyncio.get_running_loop().getaddrinfo(host, 0, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(found[0][4])
    return str(found[0][4][0])
