"""The audio device, by PortAudio: the only file that imports sounddevice.

Windows shows each device once by every sound system that it has, under one name, and PortAudio's usual one there (MME)
is a fifth of a second late. Of these it is WASAPI's that is meant, for "default" and for a name; another is chosen by
its system's name behind it, as in "Speakers (USB), Windows DirectSound".

PortAudio hangs for ever in stop and close once its server is gone (jackd killed): both are called from a thread that is
given up after a while. What hung can't be used again in this process; the player then ends itself.

Threads: PortAudio's calls `fill` for each block. All else is called from the player's main thread.
"""

import threading
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diegetic.errors import Failure
from diegetic.player.null import Fill

_SILENT_S = 1.0
"""A stream whose callback hasn't come for so long is dead, though it may come again, as after a laptop's suspend: all
that is scheduled is behind by then."""
_HANG_S = 2.0
_WASAPI = "Windows WASAPI"
_SETTLING_S = 0.3
"""What runs dry while a stream is being connected isn't heard, and isn't counted."""


class SoundDevice:
    """One open stream. Raises Failure where there is no such device, or it can't be opened."""

    def __init__(self, name: str, rate_hz: int, block_frames: int, channels: int, fill: Fill) -> None:
        self._called_at = self._started_at = time.perf_counter()
        self._fill = fill
        try:
            import sounddevice

            sounddevice._terminate()  # PortAudio lists devices once: begin anew, so that one that is back is found
            sounddevice._initialize()
            device = _find(sounddevice, name)
            self.name = str(device["name"])
            converts = sounddevice.WasapiSettings(auto_convert=True) if _is_wasapi(sounddevice, device) else None
            self._stream: Any = sounddevice.OutputStream(
                rate_hz, block_frames, device["index"], channels, "float32", "low", converts, callback=self._callback
            )
        except Exception as error:  # OSError without the library, ValueError for a name, PortAudioError for the rest
            raise Failure(
                f"audio device {name!r}: can't be opened ({error}); `diegetic devices` lists those there are"
            ) from error

    def start(self) -> None:
        """Begin to play. Raises Failure."""
        self._called_at = self._started_at = time.perf_counter()
        try:
            self._stream.start()
        except Exception as error:
            raise Failure(f"audio device {self.name!r}: can't be started ({error}); choose another") from error

    @property
    def alive(self) -> bool:
        """Whether it still asks for blocks."""
        return bool(self._stream.active) and time.perf_counter() - self._called_at < _SILENT_S

    def close(self) -> bool:
        """Stop and close. False where PortAudio hung."""
        closing = threading.Thread(target=self._close, name="close-device", daemon=True)
        closing.start()
        closing.join(_HANG_S)
        return not closing.is_alive()

    def _close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)

    def _callback(self, out: NDArray[np.float32], frames: int, at: object, status: Any) -> None:
        now = time.perf_counter()
        if now - self._called_at < _SILENT_S:
            self._called_at = now
        settled = now - self._started_at > _SETTLING_S
        self._fill(out, bool(settled and status and status.output_underflow))


def usual_rate_hz(name: str) -> int:
    """The rate a device runs at by itself; 48000 where there is none of that name."""
    try:
        import sounddevice

        return round(float(_find(sounddevice, name)["default_samplerate"]))
    except Exception:  # the device is opened next, and says then what is wrong
        return 48_000


def list_devices() -> list[tuple[str, int, float]]:
    """Name, output channels and usual rate in Hz of each output device. Raises Failure without PortAudio."""
    try:
        import sounddevice

        found = _outputs(sounddevice)
        names = [_full_name(sounddevice, device) for device in found]
    except Exception as error:
        raise Failure(f"audio devices: can't be listed ({error}); install PortAudio (libportaudio2)") from error
    return [
        (name, int(each["max_output_channels"]), float(each["default_samplerate"]))
        for name, each in zip(names, found, strict=True)
    ]


def _find(sounddevice: Any, name: str) -> Any:
    """A device as sounddevice describes it. Raises ValueError or PortAudioError where there is none, or are several."""
    wasapi = next((api for api in sounddevice.query_hostapis() if api["name"] == _WASAPI), None)
    if wasapi is None:
        return sounddevice.query_devices(None if name == "default" else name, "output")
    if name == "default":
        default = wasapi["default_output_device"]
        return sounddevice.query_devices(default if default >= 0 else None, "output")
    meant = [each for each in _outputs(sounddevice) if each["index"] in wasapi["devices"] and _has(each["name"], name)]
    exact = [each for each in meant if each["name"].lower() == name.lower()]
    only = exact or meant
    return only[0] if len(only) == 1 else sounddevice.query_devices(name, "output")


def _outputs(sounddevice: Any) -> list[Any]:
    return [device for device in sounddevice.query_devices() if device["max_output_channels"] > 0]


def _full_name(sounddevice: Any, device: Any) -> str:
    """The name that a device is found by: with its system's, where it isn't the one that is meant by itself."""
    name, systems = str(device["name"]), sounddevice.query_hostapis()
    plain = _is_wasapi(sounddevice, device) or _WASAPI not in [each["name"] for each in systems]
    return name if plain else f"{name}, {systems[device['hostapi']]['name']}"


def _is_wasapi(sounddevice: Any, device: Any) -> bool:
    return bool(sounddevice.query_hostapis(device["hostapi"])["name"] == _WASAPI)


def _has(name: str, part: str) -> bool:
    return part.lower() in name.lower()
