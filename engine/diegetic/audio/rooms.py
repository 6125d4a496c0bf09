"""Spaces: what walls, rock or open air answer to a sound, as a few early echoes and a tail.

A room is a handful of numbers; its response is drawn from them and from its name alone, so the same room always sounds
the same. Early echoes arrive from alternating sides; the tail is noise that fades by 60 dB in `decay_s`, the highs
sooner than the lows (as air and walls swallow them), and is unlike left and right.

Knows nothing of words. Responses are float32 [frames, 2]; the direct sound isn't in them.
"""

import zlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import scipy  # as in loudness.py
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_BANDS_HZ = (300.0, 2_000.0)
_FADE_IN_S = 0.02


@dataclass(frozen=True, slots=True)
class Room:
    """A space.

    wet_db: of the whole response against the direct sound; decay_s: of the lows, the middle and the highs; first_s,
    last_s: when the first and the last early echo arrive; echoes: how many; early_db: of the echoes against the tail.
    """

    name: str
    wet_db: float
    decay_s: tuple[float, float, float]
    first_s: float
    last_s: float
    echoes: int
    early_db: float


SMALL_ROOM = Room("small room", -13.0, (0.45, 0.35, 0.25), 0.003, 0.025, 9, 3.0)
INDOORS = Room("indoors", -13.0, (0.8, 0.6, 0.4), 0.006, 0.05, 9, 2.0)
HALL = Room("large hall", -6.0, (2.6, 2.2, 1.2), 0.018, 0.11, 10, -2.0)
CAVE = Room("cave", -6.0, (3.4, 2.4, 0.8), 0.025, 0.16, 7, 1.0)
TUNNEL = Room("tunnel", -8.0, (2.2, 1.9, 0.7), 0.012, 0.2, 12, 3.0)
VALLEY = Room("valley", -15.0, (2.4, 1.6, 0.6), 0.32, 1.1, 4, 6.0)


@cache
def response(room: Room, rate_hz: int) -> Samples:
    """The impulse response of a room, of the energy that `wet_db` says: [frames, 2]."""
    rng = np.random.default_rng(zlib.crc32(room.name.encode()))
    tail, early = _unit(_tail(room, rate_hz, rng)), _unit(_early(room, rate_hz, rng))
    both = tail.copy()
    both[: len(early)] += early[: len(both)] * np.float32(10 ** (room.early_db / 20))
    answer: Samples = (_unit(both) * np.float32(10 ** (room.wet_db / 20))).astype(np.float32)
    return answer


def in_room(samples: Samples, room: Room, rate_hz: int, more_db: float = 0.0, sounding: bool = False) -> Samples:
    """Samples [frames, 2] with the room's answer, as many frames; more_db: of the answer.

    sounding: the sound has gone on before, so the room is full of it at the start.
    """
    answer = response(room, rate_hz) * np.float32(10 ** (more_db / 20))
    before = samples[: len(answer)][::-1] if sounding else samples[:0]
    whole = np.concatenate([before, samples])
    wet = scipy.signal.oaconvolve(whole, answer, axes=0)[len(before) : len(before) + len(samples)]
    heard: Samples = (samples + wet).astype(np.float32)
    return heard


def _tail(room: Room, rate_hz: int, rng: np.random.Generator) -> Samples:
    frames = round(max(room.decay_s) * rate_hz)
    time_s = np.arange(frames)[:, None] / rate_hz
    noise = rng.standard_normal((frames, 2))
    low, high = (scipy.signal.butter(2, edge, "lowpass", fs=rate_hz, output="sos") for edge in _BANDS_HZ)
    lows, lower = scipy.signal.sosfilt(low, noise, axis=0), scipy.signal.sosfilt(high, noise, axis=0)
    parts = zip((lows, lower - lows, noise - lower), room.decay_s, strict=True)
    tail = sum(part * 10 ** (-3 * time_s / decay_s) for part, decay_s in parts)
    rise = np.clip((time_s - room.first_s) / _FADE_IN_S, 0.0, 1.0)
    return np.asarray(tail * rise, np.float32)


def _early(room: Room, rate_hz: int, rng: np.random.Generator) -> Samples:
    arrivals_s = np.sort(rng.uniform(room.first_s, room.last_s, room.echoes))
    arrivals_s[0] = room.first_s
    early = np.zeros((round(room.last_s * rate_hz) + 1, 2), np.float32)
    for number, arrival_s in enumerate(arrivals_s):
        side = 0.5 + 0.45 * (-1) ** number * rng.uniform(0.3, 1.0)
        level = (room.first_s / arrival_s) ** 0.5 * rng.choice((-1.0, 1.0))
        early[round(arrival_s * rate_hz)] += level * np.sqrt([side, 1 - side])
    swallow = scipy.signal.butter(1, _BANDS_HZ[1] * 2, "lowpass", fs=rate_hz, output="sos")
    damped = scipy.signal.sosfilt(swallow, early, axis=0)
    return np.asarray(damped, np.float32)


def _unit(answer: Samples) -> Samples:
    """Scaled to unit energy a channel."""
    return answer / np.float32(np.sqrt((answer.astype(np.float64) ** 2).sum() / 2) + 1e-12)
