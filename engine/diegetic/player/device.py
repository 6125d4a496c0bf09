"""The audio device, by PortAudio: the only file that imports sounddevice.

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
_SETTLING_S = 0.3
"""What runs dry while a stream is being connected isn't heard, and isn't counted."""


class SoundDevice:
    """One open stream. Raises Failure where there is no such device, or it can't be opened."""

    def __init__(self, name: str, rate_hz: int, block_frames: int, channels: int, fill: Fill) -> None:
        self._called_at = self._started_at = time.monotonic()
        self._fill = fill
        try:
            import sounddevice

            sounddevice._terminate()  # PortAudio lists devices once: begin anew, so that one that is back is found
            sounddevice._initialize()
            device = None if name == "default" else name
            self.name = str(sounddevice.query_devices(device, "output")["name"])
            self._stream: Any = sounddevice.OutputStream(
                rate_hz, block_frames, device, channels, "float32", "low", callback=self._callback
            )
        except Exception as error:  # OSError without the library, ValueError for a name, PortAudioError for the rest
            raise Failure(
                f"audio device {name!r}: can't be opened ({error}); `diegetic devices` lists those there are"
            ) from error

    def start(self) -> None:
        """Begin to play. Raises Failure."""
        self._called_at = self._started_at = time.monotonic()
        try:
            self._stream.start()
        except Exception as error:
            raise Failure(f"audio device {self.name!r}: can't be started ({error}); choose another") from error

    @property
    def alive(self) -> bool:
        """Whether it still asks for blocks."""
        return bool(self._stream.active) and time.monotonic() - self._called_at < _SILENT_S

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
        now = time.monotonic()
        if now - self._called_at < _SILENT_S:
            self._called_at = now
        settled = now - self._started_at > _SETTLING_S
        self._fill(out, bool(settled and status and status.output_underflow))


def usual_rate_hz(name: str) -> int:
    """The rate a device runs at by itself; 48000 where there is none of that name."""
    try:
        import sounddevice

        found = sounddevice.query_devices(None if name == "default" else name, "output")
        return round(float(found["default_samplerate"]))
    except Exception:  # the device is opened next, and says then what is wrong
        return 48_000


def list_devices() -> list[tuple[str, int, float]]:
    """Name, output channels and usual rate in Hz of each output device. Raises Failure without PortAudio."""
    try:
        import sounddevice

        found = [device for device in sounddevice.query_devices() if device["max_output_channels"] > 0]
    except Exception as error:
        raise Failure(f"audio devices: can't be listed ({error}); install PortAudio (libportaudio2)") from error
    return [(str(each["name"]), int(each["max_output_channels"]), float(each["default_samplerate"])) for each in found]
