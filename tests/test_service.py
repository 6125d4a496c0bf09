"""What runs from start to stop, and where the next file of a name goes."""

import asyncio
from pathlib import Path

import pytest

from diegetic.names import free_path
from diegetic.service import Service


class Lamp(Service):
    def __init__(self, broken: bool = False) -> None:
        self.done: list[str] = []
        self._broken = broken

    async def start(self) -> None:
        self.done.append("start")
        if self._broken:
            raise OSError("no current")

    async def stop(self) -> None:
        self.done.append("stop")


def test_a_service_is_stopped_after_its_context() -> None:
    async def body() -> None:
        lamp = Lamp()
        async with lamp as entered:
            assert entered is lamp
            assert lamp.done == ["start"]
        assert lamp.done == ["start", "stop"]

    asyncio.run(body())


def test_a_service_that_could_not_start_is_stopped_too() -> None:
    async def body() -> None:
        lamp = Lamp(broken=True)
        with pytest.raises(OSError, match="no current"):
            async with lamp:
                pass
        assert lamp.done == ["start", "stop"]

    asyncio.run(body())


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    played = tmp_path / "played.wav"
    assert free_path(played) == played
    for expected in ("played.wav", "played-2.wav", "played-3.wav"):
        found = free_path(played)
        assert found.name == expected
        found.touch()
    assert free_path(played, 1).name == "played-1.wav"
