"""Which device a name means where a system shows each of them several times, as Windows does."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from diegetic.errors import Failure
from diegetic.player.device import SoundDevice, list_devices, usual_rate_hz

MME, DIRECT_SOUND, WASAPI = range(3)


class PortAudio(SimpleNamespace):
    """As sounddevice: devices by system, and what was opened."""

    def __init__(self, systems: list[tuple[str, int]], devices: list[tuple[str, int, int, int]]) -> None:
        super().__init__(opened=[], PortAudioError=Exception, _terminate=lambda: None, _initialize=lambda: None)
        self.systems = [
            {"name": name, "default_output_device": default, "devices": [n for n, d in enumerate(devices) if d[1] == k]}
            for k, (name, default) in enumerate(systems)
        ]
        self.devices = [
            {"name": name, "index": n, "hostapi": system, "max_output_channels": channels, "default_samplerate": rate}
            for n, (name, system, channels, rate) in enumerate(devices)
        ]

    def query_hostapis(self, index: int | None = None) -> Any:
        return self.systems if index is None else self.systems[index]

    def query_devices(self, device: int | str | None = None, kind: str | None = None) -> Any:
        if device is None:
            return self.devices if kind is None else self.devices[self.systems[0]["default_output_device"]]
        if isinstance(device, int):
            return self.devices[device]
        full = [(each, f"{each['name']}, {self.systems[each['hostapi']]['name']}") for each in self.devices]
        found = [each for each, name in full if device.lower() in name.lower()]
        if len(found) != 1:
            raise ValueError(f"Multiple output devices found for {device!r}" if found else "No output device matching")
        return found[0]

    def WasapiSettings(self, auto_convert: bool) -> str:  # noqa: N802
        return f"converts: {auto_convert}"

    def OutputStream(self, *settings: Any, callback: Callable[..., None]) -> SimpleNamespace:  # noqa: N802
        self.opened.append((settings[2], settings[6]))
        return SimpleNamespace(active=True)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> PortAudio:
    portaudio = PortAudio(
        [("MME", 0), ("Windows DirectSound", 2), ("Windows WASAPI", 4)],
        [
            ("Microsoft Sound Mapper - Output", MME, 2, 44_100),
            ("Speakers (USB)", MME, 2, 44_100),
            ("Speakers (USB)", DIRECT_SOUND, 2, 44_100),
            ("Speakers (USB) 2", WASAPI, 2, 48_000),
            ("Speakers (USB)", WASAPI, 2, 96_000),
            ("Microphone (USB)", WASAPI, 0, 48_000),
        ],
    )
    monkeypatch.setitem(sys.modules, "sounddevice", portaudio)
    return portaudio


def opened(portaudio: PortAudio, name: str) -> Any:
    SoundDevice(name, 48_000, 256, 2, lambda out, underrun: None)
    return portaudio.opened[-1]


def test_on_windows_the_usual_device_is_wasapis_and_takes_any_rate(windows: PortAudio) -> None:
    assert opened(windows, "default") == (4, "converts: True")
    assert usual_rate_hz("default") == 96_000


def test_on_windows_a_name_means_wasapis_device(windows: PortAudio) -> None:
    assert opened(windows, "speakers (usb)") == (4, "converts: True")
    assert opened(windows, "usb) 2") == (3, "converts: True")
    with pytest.raises(Failure, match="Multiple output devices found for 'speak'"):
        opened(windows, "speak")


def test_on_windows_another_system_is_taken_by_its_name(windows: PortAudio) -> None:
    assert opened(windows, "Speakers (USB), Windows DirectSound") == (2, None)
    assert opened(windows, "Microsoft Sound Mapper - Output, MME") == (0, None)


def test_each_device_is_listed_by_a_name_that_means_it(windows: PortAudio) -> None:
    listed = list_devices()
    assert [opened(windows, name)[0] for name, _, _ in listed] == [0, 1, 2, 3, 4]
    assert listed[2] == ("Speakers (USB), Windows DirectSound", 2, 44_100.0)


def test_where_there_is_no_wasapi_names_are_as_portaudio_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    portaudio = PortAudio([("Core Audio", 1)], [("Mac mini Speakers", 0, 2, 48_000), ("AirPods", 0, 2, 44_100)])
    monkeypatch.setitem(sys.modules, "sounddevice", portaudio)
    assert opened(portaudio, "default") == (1, None)
    assert opened(portaudio, "mini") == (0, None)
    assert [name for name, _, _ in list_devices()] == ["Mac mini Speakers", "AirPods"]
