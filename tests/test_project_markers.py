"""Markers of a project as MIDI and as a table."""

import io

import pytest

from diegetic.project.markers import encode_csv, encode_midi
from diegetic.project.timeline import Marker, Timeline
from project_player import RATE

MOMENTS = Timeline("storm", RATE, RATE * 600, (), (Marker("all", 0, RATE * 600), Marker("雨", RATE * 7 + 1)), 93.0)


def test_the_midi_file_is_what_another_program_reads() -> None:
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(file=io.BytesIO(encode_midi(MOMENTS)), charset="utf-8")
    assert file.tracks[0].name == "storm"
    at, found = 0.0, []
    for message in file:  # in seconds
        at += message.time
        if message.type == "marker":
            found.append((message.text, at))
    assert [name for name, _ in found] == ["all", "雨", "end of all"]
    assert [at for _, at in found] == pytest.approx([0, 7 + 1 / RATE, 600], abs=0.001)
    tempo = next(message.tempo for message in file.tracks[0] if message.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(93, abs=1e-4)


def test_the_midi_file_has_the_bytes_of_the_standard() -> None:
    data = encode_midi(Timeline("a", 10, 10, (), (Marker("b", 10),)))
    assert data[:14] == b"MThd\0\0\0\6\0\0\0\1\3\xc0"
    assert (
        data[22:]
        == b"\0\xff\3\1a"
        + b"\0\xff\x51\3\x07\xa1\x20"
        + b"\0\xff\x58\4\4\2\x18\x08"
        + b"\x8f\0\xff\6\1b"
        + b"\0\xff\x2f\0"
    )


def test_the_table_of_markers_can_be_read() -> None:
    assert encode_csv(MOMENTS).decode().splitlines() == [
        "#,Name,Start,End,Length",
        "R1,all,0.000,600.000,600.000",
        "M2,雨,7.000,,",
    ]
