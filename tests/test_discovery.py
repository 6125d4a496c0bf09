"""What is announced, found by zeroconf's own browser; on this machine's loopback only."""

import asyncio
import logging
from collections.abc import Iterator

import pytest
from zeroconf import Zeroconf

from diegetic_bridges.discovery import OSC, OSCQUERY, Announcement


@pytest.fixture
def browser() -> Iterator[Zeroconf]:
    browser = Zeroconf(interfaces=["127.0.0.1"])
    yield browser
    browser.close()


def test_both_services_are_found_with_their_ports_and_gone_after_stop(browser: Zeroconf) -> None:
    name = f"Diegetic test {id(browser)}"

    async def found(kind: str) -> int | None:
        info = await asyncio.to_thread(browser.get_service_info, kind, f"{name}.{kind}", 200)
        return info.port if info and info.parsed_addresses() == ["127.0.0.1"] else None

    async def scene() -> None:
        async with Announcement("127.0.0.1", 9777, 9778, name):
            while (await found(OSC), await found(OSCQUERY)) != (9777, 9778):
                await asyncio.sleep(0.05)
        while await found(OSC):
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(scene(), 30))


def test_a_network_that_cant_be_used_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> None:
        async with Announcement("203.0.113.7", 9777, 9778):
            while "can't announce" not in caplog.text:
                await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING):
        asyncio.run(asyncio.wait_for(scene(), 10))
