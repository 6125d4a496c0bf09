"""How a bounce is laid out: as the engine was started, but for what a client says with its command.

Knows nothing of where stories and files are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from diegetic.audio.sound_file import Format
from diegetic.bounce import Channels, Output, Stems
from diegetic.errors import InputError
from diegetic.grid import check_bpm
from diegetic.handles import check_handles
from diegetic.schema import unknown
from diegetic.settings import RATES_HZ
from diegetic.story import Story, lanes
from diegetic.targets import Targets, check_ceiling, read_lane


@dataclass(frozen=True, slots=True)
class Laying:
    """What a client wants of a bounce; None: as usual.

    loudness: of the mix, in LUFS. lane_loudness: "bed=-30,foreground=-20", "" for none. true_peak: the mix's limit in
    dBTP. handles: seconds around each event's clip. rate: in Hz.
    """

    format: str | None = None
    channels: str | None = None
    stems: str | None = None
    loudness: float | None = None
    lane_loudness: str | None = None
    true_peak: float | None = None
    handles: float | None = None
    bpm: float | None = None
    rate: int | None = None

    def over(self, usual: Output, story: Story) -> Output:
        """The usual output with what is wanted. Raises InputError for what can't be.

        Usual targets of lanes that the story hasn't are left out: they are for all stories of a project.
        """
        low, high = RATES_HZ
        if self.rate is not None and not low <= self.rate <= high:
            raise InputError(f"rate: must be {low}..{high} Hz, got {self.rate}")
        return replace(
            usual,
            rate_hz=usual.rate_hz if self.rate is None else self.rate,
            file_format=_one_of("format", self.format, get_args(Format), usual.file_format),
            channels=_one_of("channels", self.channels, get_args(Channels), usual.channels),
            stems=_one_of("stems", self.stems, get_args(Stems), usual.stems),
            targets=self._targets(usual.targets, story),
            ceiling_dbtp=usual.ceiling_dbtp if self.true_peak is None else check_ceiling(self.true_peak),
            handles_s=usual.handles_s if self.handles is None else check_handles(self.handles),
            bpm=usual.bpm if self.bpm is None else check_bpm(self.bpm),
        )

    def _targets(self, usual: Targets, story: Story) -> Targets:
        if self.lane_loudness is None:
            here = lanes(story.events)
            of_lanes = {lane: lufs for lane, lufs in usual.lanes_lufs.items() if lane in here}
        else:
            each = filter(None, (part.strip() for part in self.lane_loudness.split(",")))
            of_lanes = dict(read_lane("lane_loudness", part) for part in each)
        return Targets(usual.story_lufs if self.loudness is None else self.loudness, of_lanes)


def _one_of(what: str, given: str | None, known: Sequence[str], usual: str) -> Any:
    if given is not None and given not in known:
        raise InputError(f"{what}: {unknown(what, given, known)}")
    return given or usual
