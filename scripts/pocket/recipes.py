"""Sounds made of nothing: signals, machines, water and small things, of which there are no free recordings.

What electronics and motors do is simple enough to be made: tones that switch, bells as sums of partials that fade
(modal synthesis), motors as harmonics that wander in coloured noise, water as bubbles that rise in pitch. The recipes
follow Farnell, Designing Sound (2010), and the signal tones' published frequencies. A recipe stays where an ear takes
what it makes for what it is called (scripts/evaluation/labels.py says of which that is so).

What goes on has much the same pitch by each seed: a bank goes over from one recording of a kind to another.

Knows nothing of concepts, banks or files. All samples are mono at 48 kHz, float64 [frames], at any level.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from diegetic.audio.rooms import CAVE, Room, in_room
from diegetic.model.bank.describe import SAMPLE_RATE

Values = NDArray[np.float64]
Recipe = Callable[[np.random.Generator], Values]
"""A sound of a generator's choosing."""
_RAMP_S = 0.004

# Parts that recipes are made of.


def seconds(length_s: float) -> Values:
    """Time [frames] in seconds."""
    return np.arange(round(length_s * SAMPLE_RATE)) / SAMPLE_RATE


def tone(pitch_hz: Values | float, length_s: float, harmonics: Sequence[float] = (1.0,)) -> Values:
    """A sum of harmonics at levels, of a pitch that may move; no harmonic over 20 kHz."""
    time_s = seconds(length_s)
    hz = np.broadcast_to(np.asarray(pitch_hz, float), time_s.shape)
    phase = 2 * np.pi * np.cumsum(hz) / SAMPLE_RATE
    out = np.zeros(len(time_s))
    for number, level in enumerate(harmonics, start=1):
        out += level * np.sin(number * phase) * (number * hz < 20_000)
    return out


def saw(pitch_hz: Values | float, length_s: float, steep: float = 1.0, count: int = 40) -> Values:
    """A tone with all harmonics, each 1 / number ** steep."""
    return tone(pitch_hz, length_s, [1 / number**steep for number in range(1, count + 1)])


def level(samples: Values) -> Values:
    """Samples at a root mean square of 1."""
    out: Values = samples / (np.std(samples) + 1e-9)
    return out


def noise(rng: np.random.Generator, length_s: float, low_hz: float = 20.0, high_hz: float = 20_000.0) -> Values:
    """White noise in a band."""
    return band(rng.standard_normal(round(length_s * SAMPLE_RATE)), low_hz, high_hz)


def tilted(rng: np.random.Generator, length_s: float, db_per_octave: float, low_hz: float = 40.0) -> Values:
    """Noise whose spectrum falls by so much an octave from `low_hz` on."""
    spectrum = np.fft.rfft(rng.standard_normal(round(length_s * SAMPLE_RATE)))
    octaves = np.log2(np.maximum(np.fft.rfftfreq(round(length_s * SAMPLE_RATE), 1 / SAMPLE_RATE), low_hz) / low_hz)
    out = np.fft.irfft(spectrum * 10 ** (-db_per_octave * octaves / 20), round(length_s * SAMPLE_RATE))
    return level(out)


def band(samples: Values, low_hz: float, high_hz: float, order: int = 2) -> Values:
    """What lies in a band."""
    sos = butter(order, (low_hz, min(high_hz, 0.45 * SAMPLE_RATE)), "bandpass", fs=SAMPLE_RATE, output="sos")
    return level(sosfilt(sos, samples))


def ringing(samples: Values, pitch_hz: float, decay_s: float) -> Values:
    """Samples through one resonance, at any level."""
    radius = np.exp(-1 / (decay_s * SAMPLE_RATE))
    angle = 2 * np.pi * pitch_hz / SAMPLE_RATE
    out: Values = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], samples)
    return out


def fading(length_s: float, decay_s: float, attack_s: float = 0.001) -> Values:
    """An envelope that rises at once and fades to 1/e in `decay_s`."""
    time_s = seconds(length_s)
    faded: Values = np.minimum(1.0, time_s / attack_s) * np.exp(-time_s / decay_s)
    return faded


def gated(samples: Values, ramp_s: float = _RAMP_S) -> Values:
    """Samples without clicks at their ends."""
    ramp = np.minimum(1.0, np.arange(len(samples)) / (ramp_s * SAMPLE_RATE))
    out: Values = samples * ramp * ramp[::-1]
    return out


def struck(
    rng: np.random.Generator, pitch_hz: float, partials: Sequence[tuple[float, float, float]], length_s: float
) -> Values:
    """A bell or bar: partials as (ratio, level, decay in seconds), each a little off."""
    out = np.zeros(round(length_s * SAMPLE_RATE))
    for ratio, loud, decay_s in partials:
        off = rng.uniform(0.995, 1.005)
        out += loud * fading(length_s, decay_s) * tone(pitch_hz * ratio * off, length_s)
    return out


def laid(parts: Sequence[tuple[float, Values]], length_s: float) -> Values:
    """Sounds at their times in seconds, added."""
    out = np.zeros(round(length_s * SAMPLE_RATE))
    for at_s, part in parts:
        start = round(at_s * SAMPLE_RATE)
        fits = part[: max(0, len(out) - start)]
        out[start : start + len(fits)] += fits
    return out


def repeated(part: Values, period_s: float, length_s: float, on_s: float = 0.0) -> Values:
    """A sound each `period_s`; on_s: how long it has till the end, to be whole."""
    times = np.arange(0.0, length_s - on_s, period_s)
    return laid([(at_s, part) for at_s in times], length_s)


def heard_in(room: Room, samples: NDArray[np.floating], more_db: float = 0.0) -> Values:
    """A sound in a room."""
    dry = samples.astype(np.float32)
    wet: Values = in_room(np.stack([dry, dry], axis=1), room, SAMPLE_RATE, more_db=more_db).mean(1).astype(np.float64)
    return wet


def wander(rng: np.random.Generator, length_s: float, share: float, per_s: float = 2.0) -> Values:
    """What a motor's speed does: 1, more or less by a share, smoothly."""
    frames = round(length_s * SAMPLE_RATE)
    points = rng.standard_normal(max(3, round(length_s * per_s) + 2))
    moved: Values = np.interp(np.linspace(0, len(points) - 1, frames), np.arange(len(points)), points)
    return 1 + share * moved


# Signals.


def _dial_tone(rng: np.random.Generator) -> Values:
    length_s = rng.uniform(3.0, 4.0)
    return gated(tone(350, length_s) + tone(440, length_s))


def _busy_signal(rng: np.random.Generator) -> Values:
    beep = gated(tone(480, 0.5) + tone(620, 0.5))
    return repeated(beep, 1.0, 5.0)


def _dialling(rng: np.random.Generator) -> Values:
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477)
    keys = [gated(tone(rng.choice(rows), 0.12) + tone(rng.choice(columns), 0.12)) for _ in range(9)]
    return laid([(number * rng.uniform(0.2, 0.24), key) for number, key in enumerate(keys)], 2.4)


def _smoke_alarm(rng: np.random.Generator) -> Values:
    beep = gated(tone(rng.uniform(3_140, 3_160), 0.5, (1.0, 0.3, 0.2)))
    return laid([(group + number * 1.0, beep) for group in (0.0, 4.0) for number in range(3)], 7.0)


def _reversing(rng: np.random.Generator) -> Values:
    return repeated(gated(tone(rng.uniform(1_198, 1_202), 0.45, (1.0, 0.2, 0.3))), 0.95, 6.0, 0.5)


def _sonar(rng: np.random.Generator) -> Values:
    ping = tone(rng.uniform(898, 902), 3.5, (1.0, 0.1)) * fading(3.5, 0.9, 0.02)
    return heard_in(CAVE, ping, 9.0) + 0.01 * tilted(rng, 3.5, 6.0)


def _heart_monitor(rng: np.random.Generator) -> Values:
    return repeated(gated(tone(rng.uniform(958, 962), 0.12)), rng.uniform(0.8, 0.85), 6.0, 0.2)


def _morse(rng: np.random.Generator) -> Values:
    pitch_hz, unit_s, at_s, parts = rng.uniform(698, 702), rng.uniform(0.065, 0.07), 0.0, list[tuple[float, Values]]()
    while at_s < 4.6:
        for _ in range(rng.integers(1, 5)):
            long_s = unit_s * rng.choice((1, 3))
            parts.append((at_s, gated(tone(pitch_hz, long_s))))
            at_s += long_s + unit_s
        at_s += 2 * unit_s
    return laid(parts, 5.5)


def _siren(rng: np.random.Generator) -> Values:
    """An air-raid siren: two rotors that wind up and down."""
    length_s = 8.0
    speed = 0.75 + 0.25 * np.sin(2 * np.pi * (seconds(length_s) / rng.uniform(6, 8) - 0.25))
    high_hz = rng.uniform(448, 452)
    return gated(saw(high_hz * speed, length_s, 1.2, 12) + saw(high_hz * 5 / 6 * speed, length_s, 1.2, 12), 0.2)


def _whistling(rng: np.random.Generator) -> Values:
    """Somebody whistles a few notes."""
    parts, at_s, base_hz = list[tuple[float, Values]](), 0.0, rng.uniform(1_290, 1_310)
    for step in rng.choice((0, 2, 4, 5, 7, 9), 7):
        each_s = rng.uniform(0.25, 0.5)
        time_s = seconds(each_s)
        glide = 2 ** (step / 12) * (1 - 0.06 * np.exp(-time_s / 0.04)) * (1 + 0.006 * np.sin(2 * np.pi * 5.5 * time_s))
        parts.append((at_s, gated(tone(base_hz * glide, each_s) + 0.03 * noise(rng, each_s, 1_000, 6_000), 0.03)))
        at_s += each_s + 0.02
    return laid(parts, at_s)


def _gong(rng: np.random.Generator) -> Values:
    pitch_hz = rng.uniform(75, 110)
    ratios = np.sort(rng.uniform(1.0, 14.0, 40))
    partials = [(ratio, rng.uniform(0.3, 1.0) / ratio**0.4, 3.5 / ratio**0.5) for ratio in ratios]
    bloom = np.minimum(1.0, 0.35 + seconds(7.0) / 0.5)
    return struck(rng, pitch_hz, partials, 7.0) * bloom


# Machines.


def _motor(
    rng: np.random.Generator, pitch_hz: float, second: float, unsteady: float, rough: float, wind: Values
) -> Values:
    """A motor's whine, and another of its parts' beside it, `second` as high; unsteady, rough, and in its wind."""
    length_s = len(wind) / SAMPLE_RATE
    pitches_hz = [pitch_hz * ratio * wander(rng, length_s, unsteady, 20.0) for ratio in (1.0, second)]
    whine = np.sum([saw(each, length_s, 1.2, 16) for each in pitches_hz], axis=0)
    whine *= 1 + rough * noise(rng, length_s, 30, 200)
    return gated(level(whine) + wind, 0.15)


def _vacuum_cleaner(rng: np.random.Generator) -> Values:
    return _motor(rng, rng.uniform(998, 1_002), 1.0, 0.002, 0.2, 1.1 * band(tilted(rng, 6.0, 0.3, 200.0), 300, 5_000))


def _hair_dryer(rng: np.random.Generator) -> Values:
    return _motor(rng, rng.uniform(915, 925), 1.19, 0.01, 0.5, 0.8 * band(tilted(rng, 6.0, 2.0), 500, 6_000))


def _fan(rng: np.random.Generator) -> Values:
    return _motor(rng, rng.uniform(204, 206), 1.06, 0.003, 0.6, 1.25 * band(tilted(rng, 8.0, 3.7, 200.0), 150, 3_000))


def _engine(rng: np.random.Generator, fires_hz: Values | float, length_s: float, rough: float) -> Values:
    """A combustion engine: bursts of noise, all unlike, in an exhaust's resonances. fires_hz: bursts a second."""
    hz = np.broadcast_to(np.asarray(fires_hz, float), (round(length_s * SAMPLE_RATE),))
    at = np.flatnonzero(np.diff(np.floor(np.cumsum(hz) / SAMPLE_RATE)) > 0)
    at = np.clip(at + rng.normal(0, 0.0006 * SAMPLE_RATE, len(at)).astype(int), 0, len(hz) - 1)
    fired = np.zeros(len(hz))
    fired[at] = rng.uniform(1 - rough, 1.0, len(at))
    puffs = np.convolve(fired, fading(0.03, 0.006))[: len(hz)]
    out = puffs * tilted(rng, length_s, 3.0, 80.0) + 0.8 * puffs
    piped = np.sum([level(ringing(out, pitch_hz, 0.006)) for pitch_hz in rng.uniform(80, 700, 4)], axis=0)
    mixed: Values = level(out) + 0.8 * level(piped) + 0.2 * tilted(rng, length_s, 3.0, 300.0)
    return mixed


def _motorboat(rng: np.random.Generator) -> Values:
    length_s = 7.0
    spray = noise(rng, length_s, 400, 9_000) * wander(rng, length_s, 0.25, 3.0)
    fires_hz = rng.uniform(84, 87) * wander(rng, length_s, 0.02)
    return gated(_engine(rng, fires_hz, length_s, 0.3) + 0.5 * level(spray), 0.2)


# Water and air.


def bubbles(rng: np.random.Generator, length_s: float, per_s: float, pitch_hz: tuple[float, float]) -> Values:
    """Bubbles: sines that rise as they fade (Minnaert), at random times, small ones more often."""
    parts = []
    for at_s in np.sort(rng.uniform(0, length_s, round(per_s * length_s))):
        hz = pitch_hz[0] * (pitch_hz[1] / pitch_hz[0]) ** rng.uniform()
        long_s = min(0.15, 40 / hz)
        rise = 1 + rng.uniform(0.0, 0.35) * seconds(long_s) / long_s
        parts.append((at_s, rng.uniform(0.1, 1.0) ** 2 * tone(hz * rise, long_s) * fading(long_s, long_s / 4, 0.002)))
    return laid(parts, length_s)


def _tap(rng: np.random.Generator) -> Values:
    length_s = 6.0
    jet = noise(rng, length_s, 600, 12_000) * wander(rng, length_s, 0.08, 8.0)
    basin = bubbles(rng, length_s, 220, (500, 4_000))
    return gated(level(jet) + 0.7 * level(basin), 0.1)


def _bath(rng: np.random.Generator) -> Values:
    length_s = 7.0
    jet = tilted(rng, length_s, 3.0, 400.0) * wander(rng, length_s, 0.12, 8.0)
    deep = bubbles(rng, length_s, 700, (250, 2_500))
    return gated(level(jet) + 0.6 * level(deep), 0.1)


def _shower(rng: np.random.Generator) -> Values:
    length_s = 7.0
    drops = bubbles(rng, length_s, 900, (1_000, 6_000))
    jet = tilted(rng, length_s, 1.5, 800.0)
    return gated(jet + 0.5 * level(drops), 0.15)


def _spray(rng: np.random.Generator) -> Values:
    length_s = rng.uniform(0.5, 1.0)
    return gated(noise(rng, length_s, 3_000, 16_000) + 0.3 * noise(rng, length_s, 800, 4_000), 0.02)


# Small things.


def _shutter(rng: np.random.Generator) -> Values:
    first, second = (
        noise(rng, 0.04, low, 9_000) * fading(0.04, decay) for low, decay in ((1_500, 0.004), (900, 0.007))
    )
    rings = level(ringing(noise(rng, 0.12) * fading(0.12, 0.003), rng.uniform(1_800, 2_600), 0.01))
    return laid([(0.0, first), (0.012, 0.1 * rings), (rng.uniform(0.06, 0.1), 1.2 * second)], 0.3)


def _boing(rng: np.random.Generator) -> Values:
    length_s = rng.uniform(0.9, 1.3)
    time_s = seconds(length_s)
    wobble = np.exp(-time_s / 0.35) * np.sin(2 * np.pi * rng.uniform(11, 15) * time_s)
    sprung = tone(rng.uniform(170, 240) * (1 + 0.35 * wobble), length_s, (1.0, 0.7, 0.5, 0.4, 0.25, 0.15))
    return sprung * fading(length_s, 0.3)


def _scissors(rng: np.random.Generator) -> Values:
    parts = []
    for number in range(6):
        slide = noise(rng, 0.16, 2_500, 14_000) * (seconds(0.16) / 0.16) ** 1.5
        snip = noise(rng, 0.05, 1_500, 14_000) * fading(0.05, 0.006)
        parts += [(number * 0.5, 0.5 * slide), (number * 0.5 + 0.16, 1.4 * snip)]
    return laid(parts, 3.1)


def _ratchet(rng: np.random.Generator) -> Values:
    parts, at_s = list[tuple[float, Values]](), 0.0
    for _ in range(4):
        for _ in range(rng.integers(7, 12)):
            click = noise(rng, 0.03, 1_500, 9_000) * fading(0.03, 0.003)
            parts.append((at_s, rng.uniform(0.7, 1.0) * click))
            at_s += rng.uniform(0.028, 0.036)
        at_s += rng.uniform(0.15, 0.3)
    return laid(parts, at_s)


def _geiger(rng: np.random.Generator) -> Values:
    click = noise(rng, 0.008, 1_500, 9_000) * fading(0.008, 0.0012)
    times = np.cumsum(rng.exponential(1 / rng.uniform(8, 30), 220))
    return laid([(at_s, click) for at_s in times[times < 5.0]], 5.0)


RECIPES: Mapping[str, Recipe] = {
    "dial tone": _dial_tone,
    "busy signal": _busy_signal,
    "dialling": _dialling,
    "smoke alarm": _smoke_alarm,
    "reversing beeps": _reversing,
    "sonar": _sonar,
    "heart monitor": _heart_monitor,
    "morse code": _morse,
    "air-raid siren": _siren,
    "whistling": _whistling,
    "gong": _gong,
    "vacuum cleaner": _vacuum_cleaner,
    "hair dryer": _hair_dryer,
    "fan": _fan,
    "motorboat": _motorboat,
    "running tap": _tap,
    "bath filling": _bath,
    "shower": _shower,
    "spray can": _spray,
    "camera shutter": _shutter,
    "boing": _boing,
    "scissors": _scissors,
    "ratchet": _ratchet,
    "geiger counter": _geiger,
}
"""Concepts, and how they are made."""
