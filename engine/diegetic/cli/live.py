"""serve, replay and devices: the engine that stays on, and what it can play to and be played from."""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from diegetic.cli.options import (
    Bpm,
    Channels,
    Curve,
    Format,
    Handles,
    Json,
    LaneLoudness,
    Loudness,
    Model,
    Stems,
    TruePeak,
)
from diegetic.cli.outside import Listening, Outside, Replaying
from diegetic.cli.screen import show
from diegetic.errors import DiegeticError, InputError
from diegetic.settings import RATES_HZ, Settings, presets_folder

if TYPE_CHECKING:
    from diegetic.audio.mixer import Steal
    from diegetic.protocol import StoryModel

Play = Annotated[str, typer.Option("--device", help="default, null, part of a name, vban:HOST or reastream:HOST.")]
Project = Annotated[Path, typer.Option("--project", help="The folder that stories, states and bounces lie in.")]
Compute = Annotated[str | None, typer.Option("--compute", help="Where models run: auto, cpu or cuda.")]
RateHz = Annotated[int, typer.Option("--rate", help="Rate in Hz; 0 takes the device's own.")]
Block = Annotated[int, typer.Option("--block", help="Frames a block, 16 to 4096.")]
Outputs = Annotated[str, typer.Option("--outputs", help="Channels of lanes: bed=1-2,foreground=3-4.")]
Record = Annotated[Path | None, typer.Option("--record", help="Record what is played into a WAV file.")]
Voices = Annotated[int, typer.Option("--voices", help="How many sounds at once, 1 to 512.")]
Stealing = Annotated[
    str, typer.Option("--steal", help="Which sound makes room for another: quietest, oldest, or refuse the new one.")
]
KeepAlive = Annotated[
    float, typer.Option("--keep-alive", help="Minutes without work until the model is unloaded; 0: never.")
]
Memory = Annotated[float, typer.Option("--memory", help="Most memory for the model in GB; 0: no limit.")]
Host = Annotated[str, typer.Option("--host", help="Address to listen on; others than this machine's need --allow.")]
Port = Annotated[int, typer.Option("--port", help="Port of OSC; 0 takes a free one.")]
Allow = Annotated[list[str] | None, typer.Option("--allow", help="A machine or network that may send too.")]
Midi = Annotated[str, typer.Option("--midi", help="off, own (a port of our own), or part of a port's name.")]
MidiApi = Annotated[str, typer.Option("--midi-api", help="alsa, jack, coremidi or winmm, where there are several.")]
Web = Annotated[bool, typer.Option("--web/--no-web", help="HTTP, WebSocket and OSCQuery, announced by mDNS.")]
WebPort = Annotated[int, typer.Option("--web-port", help="Port of the web; 0 takes a free one.")]
Cues = Annotated[str, typer.Option("--cues", help="A cue sheet: a file, or one of presets/cues by its name.")]
Capture = Annotated[Path | None, typer.Option("--capture", help="Write each command to a file, for replay.")]
BounceRate = Annotated[int, typer.Option("--bounce-rate", help="Rate of bounces in Hz; 0 takes the device's.")]
MidiMap = Annotated[Path | None, typer.Option("--midi-map", help="A map; presets/midi/default.toml where left out.")]


def serve(
    context: typer.Context,
    model: Model = None,
    device: Play = "default",
    project: Project = Path("diegetic-project"),
    compute: Compute = None,
    rate: RateHz = 0,
    block: Block = 256,
    outputs: Outputs = "",
    record: Record = None,
    voices: Voices = 64,
    steal: Stealing = "quietest",
    keep_alive: KeepAlive = 0.0,
    memory: Memory = 0.0,
    host: Host = "127.0.0.1",
    port: Port = 9777,
    allow: Allow = None,
    midi: Midi = "off",
    midi_map: MidiMap = None,
    midi_api: MidiApi = "",
    web: Web = True,
    web_port: WebPort = 9778,
    cues: Cues = "",
    capture: Capture = None,
    bounce_rate: BounceRate = 0,
    file_format: Format = None,
    channels: Channels = None,
    stems: Stems = None,
    curve: Curve = None,
    loudness: Loudness = None,
    lane_loudness: LaneLoudness = None,
    true_peak: TruePeak = None,
    handles: Handles = None,
    bpm: Bpm = None,
) -> None:
    """Stay on: plan, render and play what OSC, MIDI and the web ask for, until Ctrl-C.

    What is said of stems, mix and clips is how bounces are laid out, where their command doesn't say otherwise.
    """
    from diegetic.cli.grid import settle
    from diegetic.live.config import LiveConfig
    from diegetic.live.cue_sheet import sheet_path

    outside: Outside = context.obj
    settings, laid = settle(
        outside.environment, model=model, device=compute, device_flag="compute", stems=stems, curve=curve,
        file_format=file_format, channels=channels, loudness=loudness, lane_loudness=lane_loudness,
        true_peak=true_peak, handles=handles, bpm=bpm,
    )  # fmt: skip
    outside.check_name(settings.model, settings)
    config = LiveConfig(
        project=_project(project),
        model=settings.model,
        device=device,
        rate_hz=_within("rate", rate, *RATES_HZ, free=0),
        block_frames=_within("block", block, 16, 4096),
        outputs=read_outputs(outputs),
        record=_wav(record),
        voices=_within("voices", voices, 1, 512),
        steal=_steal(steal),
        keep_alive_s=60 * _from_0("keep alive", keep_alive),
        memory_bytes=round(_from_0("memory", memory) * 1e9),
        bounces=replace(laid, rate_hz=_within("bounce rate", bounce_rate, *RATES_HZ, free=0)),
        check_model=lambda name: outside.check_installed(name, settings),
    )
    listening = Listening(
        host=host,
        port=_within("port", port, 0, 65_535),
        allow=tuple(allow or ()),
        midi="" if midi == "own" else midi,
        midi_map=midi_map,
        midi_api=midi_api,
        web_port=_web_port(web_port, port) if web else None,
        cues=sheet_path(cues, presets_folder() / "cues") if cues else None,
        capture=capture,
    )
    outside.serve(config, partial(_load, outside.load, settings), listening)


def replay(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What serve --capture wrote.")],
    model: Model = None,
    device: Play = "default",
    project: Project = Path("diegetic-project"),
    compute: Compute = None,
    rate: RateHz = 0,
    record: Record = None,
    fast: Annotated[bool, typer.Option("--fast", help="Not in its own time: each command after the last.")] = False,
    bounce: Annotated[str, typer.Option("--bounce", help="Lay its stories out in this folder of the project.")] = "",
    bounce_rate: BounceRate = 0,
    file_format: Format = None,
    channels: Channels = None,
    stems: Stems = None,
    curve: Curve = None,
    loudness: Loudness = None,
    lane_loudness: LaneLoudness = None,
    true_peak: TruePeak = None,
    handles: Handles = None,
    bpm: Bpm = None,
) -> None:
    """Play a captured session again, in its own time or as fast as it can be rendered.

    What is said of stems, mix and clips is how bounces are laid out, as for serve.
    """
    from diegetic.cli.grid import settle
    from diegetic.live.config import LiveConfig

    outside: Outside = context.obj
    settings, laid = settle(
        outside.environment, model=model, device=compute, device_flag="compute", stems=stems, curve=curve,
        file_format=file_format, channels=channels, loudness=loudness, lane_loudness=lane_loudness,
        true_peak=true_peak, handles=handles, bpm=bpm,
    )  # fmt: skip
    outside.check_name(settings.model, settings)
    if not file.is_file():
        raise InputError(f"{file}: no such file; give one that serve --capture wrote")
    config = LiveConfig(
        project=_project(project),
        model=settings.model,
        device="null" if fast else device,
        rate_hz=_within("rate", rate, *RATES_HZ, free=0),
        record=_wav(record),
        bounces=replace(laid, rate_hz=_within("bounce rate", bounce_rate, *RATES_HZ, free=0)),
        check_model=lambda name: outside.check_installed(name, settings),
    )
    failed = outside.replay(config, partial(_load, outside.load, settings), Replaying(file, fast, bounce))
    raise typer.Exit(1 if failed else 0)


def devices(context: typer.Context, json: Json = False) -> None:
    """List audio outputs and MIDI inputs, by the names that serve takes."""
    outside: Outside = context.obj
    lines = ["audio outputs (--device)"]
    found: dict[str, Any] = {}
    try:
        audio = outside.audio_devices()
    except DiegeticError as error:
        lines.append(f"  {error}")
    else:
        found["audio"] = [{"name": name, "channels": channels, "rate_hz": rate} for name, channels, rate in audio]
        lines += [f"  {name}   {channels} channels, {rate:g} Hz" for name, channels, rate in audio]
    lines += [
        "  null   plays to nobody, in true time",
        "  vban:HOST[:PORT][/STREAM], reastream:HOST[:PORT][/ID]   to a receiver on the network",
        "MIDI inputs (--midi)",
    ]
    try:
        ports = outside.midi_ports()
    except DiegeticError as error:
        lines.append(f"  {error}")
    else:
        found["midi"] = [{"name": name} for name in ports]
        lines += [f"  {name}" for name in ports] or ["  none"]
    show(lines, json, found)


def read_outputs(text: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """ "bed=1-2,foreground=3-4" as lanes and channels from 1. Raises InputError."""
    found = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        match = re.fullmatch(r"([a-z][a-z0-9_-]*)=(\d{1,2})(?:-(\d{1,2}))?", part)
        first, last = (int(match[2]), int(match[3] or match[2])) if match else (0, 0)
        if match is None or not 1 <= first <= last <= 64 or last - first > 1:
            raise InputError(f"outputs: must be like bed=1-2,foreground=3 with channels 1..64, got {part[:40]!r}")
        found.append((match[1], tuple(range(first, last + 1))))
    return tuple(found)


def _within(name: str, value: int, low: int, high: int, free: int | None = None) -> int:
    if value != free and not low <= value <= high:
        raise InputError(f"{name}: must be {low}..{high}, got {value}")
    return value


def _from_0(name: str, value: float) -> float:
    if not 0 <= value < math.inf:
        raise InputError(f"{name}: must be 0 or more, got {value:g}")
    return value


def _web_port(web_port: int, port: int) -> int:
    if web_port == port != 0:
        raise InputError(f"web port: must be another than OSC's, got {web_port} for both")
    return _within("web port", web_port, 0, 65_535)


def _steal(name: str) -> "Steal":
    from diegetic.audio.mixer import Steal

    found: Steal | None = next((known for known in get_args(Steal) if known == name), None)
    if found is None:
        raise InputError(f"steal: must be {', '.join(get_args(Steal))}, got {name[:40]!r}")
    return found


def _wav(record: Path | None) -> Path | None:
    if record is not None and record.suffix.lower() != ".wav":
        raise InputError(f"record: must end with .wav, which is what is written, got {record}")
    return record


def _project(project: Path) -> Path:
    from diegetic.folder import StoryFolder

    StoryFolder(project).check("--project")
    return project


def _load(load: Callable[[str, Settings], "StoryModel"], settings: Settings, name: str) -> "StoryModel":
    """Load a model; a function that another process can be given."""
    return load(name, settings)
