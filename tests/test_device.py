"""The audio device by PortAudio, with one that isn't there in its place."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from diegetic.player import device
from diegetic.player.device import _SILENT_S, SoundDevice


class Stream:
    """One that asks for a block when it is told to."""

    active = True

    def __init__(self, *settings: object, callback: Callable[..., None]) -> None:
        self._callback = callback

    def start(self) -> None:
        pass

    def ask(self) -> None:
        self._callback(np.zeros((64, 2), np.float32), 64, None, None)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A device, its stream, and a clock that the test moves."""
    streams: list[Stream] = []
    clock = SimpleNamespace(now_s=0.0, perf_counter=lambda: clock.now_s)

    def stream(*settings: object, callback: Callable[..., None]) -> Stream:
        streams.append(Stream(*settings, callback=callback))
        return streams[-1]

    portaudio = SimpleNamespace(
        OutputStream=stream,
        query_devices=lambda *asked: {"name": "card", "index": 0, "hostapi": 0},
        query_hostapis=lambda index=None: {"name": "ALSA"} if index is not None else ({"name": "ALSA"},),
        _terminate=lambda: None,
        _initialize=lambda: None,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", portaudio)
    monkeypatch.setattr(device, "time", clock)
    found = SoundDevice("card", 48_000, 64, 2, lambda out, underrun: None)
    found.start()
    return found, streams[0], clock


def test_a_device_that_asked_for_nothing_for_long_is_dead_even_where_it_asks_again(opened: Any) -> None:
    found, stream, clock = opened
    for passed_s, is_alive in ((0.9 * _SILENT_S, True), (0.9 * _SILENT_S, True), (1.1 * _SILENT_S, False)):
        clock.now_s += passed_s
        stream.ask()
        assert found.alive == is_alive
    stream.ask()
    assert not found.alive
    found.start()
    stream.ask()
    assert found.alive
