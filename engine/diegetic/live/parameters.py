"""Parameters: what a fader may move while the engine runs, with range and unit.

Those with a `mix` move what sounds now; all of them go in words into what is told for the next event.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. words: said of its low and of its high end; "" where it is only about the mix."""

    name: str
    low: float
    high: float
    default: float
    unit: str
    help: str
    mix: Literal["gain", "lowpass", ""] = ""
    words: tuple[str, str] = ("", "")


PARAMETERS = (
    Parameter("gain", -60.0, 12.0, 0.0, "dB", "level of all that sounds", "gain"),
    Parameter("lowpass", 100.0, 20_000.0, 20_000.0, "Hz", "low-pass over all that sounds; 20000 is open", "lowpass"),
    Parameter("intensity", 0.0, 1.0, 0.5, "", "how strong the next events are", "", ("faint", "intense")),
    Parameter("distance", 0.0, 1.0, 0.0, "", "how far away the next events are", "", ("", "in the distance")),
)
