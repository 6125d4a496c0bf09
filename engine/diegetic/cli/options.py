"""The flags that several commands share, each said once."""

from typing import Annotated, TypeAlias

import typer

Seconds: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--seconds",
        help="How long, 1 to 324 seconds; if left out 40, or what the text says.",
        show_default=False,
    ),
]
Seed: TypeAlias = Annotated[
    int | None, typer.Option("--seed", help="Another number, other sounds; 0 where left out.", show_default=False)
]
Variation: TypeAlias = Annotated[
    float | None, typer.Option("--variation", help="How freely sounds are varied, 0 to 1.", show_default=False)
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option("--model", help="A name from `diegetic models`; NAME+BANK for your own sounds.", show_default=False),
]
Device: TypeAlias = Annotated[
    str | None, typer.Option("--device", help="Where models run: auto, cpu or cuda.", show_default=False)
]
Rate: TypeAlias = Annotated[
    int | None, typer.Option("--rate", help="Rate of stems and mix in Hz; 48000 where left out.", show_default=False)
]
Stems: TypeAlias = Annotated[
    str | None, typer.Option("--stems", help="Which stems: event, lane or both.", show_default=False)
]
Curve: TypeAlias = Annotated[
    str | None, typer.Option("--curve", help="How segments are joined: equal_power or linear.", show_default=False)
]
Format: TypeAlias = Annotated[
    str | None, typer.Option("--format", help="Of stems and mix: wav24, wav32f or flac.", show_default=False)
]
Channels: TypeAlias = Annotated[
    str | None, typer.Option("--channels", help="Of stems and mix: mono or stereo.", show_default=False)
]
Loudness: TypeAlias = Annotated[
    float | None, typer.Option("--loudness", help="In LUFS: -23 for film, -16 for the web.", show_default=False)
]
LaneLoudness: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--lane-loudness", metavar="LANE=LUFS", help="Of one lane, before --loudness turns all: bed=-30. Repeatable."
    ),
]
TruePeak: TypeAlias = Annotated[
    float | None, typer.Option("--true-peak", help="The mix's limit in dBTP; -1 where left out.", show_default=False)
]
Handles: TypeAlias = Annotated[
    float | None,
    typer.Option("--handles", help="Seconds of sound kept around each event's clip.", show_default=False),
]
Bpm: TypeAlias = Annotated[float | None, typer.Option("--bpm", help="Tempo of the project files.", show_default=False)]
Quantise: TypeAlias = Annotated[
    str | None, typer.Option("--quantise", help="Start events on a bar or a beat of --bpm.", show_default=False)
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One line of JSON on stdout, nothing else.")]
FolderOfFile: TypeAlias = Annotated[
    str | None, typer.Option("-o", "--output", help="A folder; else named from the file.", show_default=False)
]
