"""markers.mid and markers.csv: moments, regions and tempo for every program that opens neither project.

Source: Standard MIDI Files 1.0 (format 0; text events in UTF-8). The CSV has the columns of Reaper's region manager.

Knows nothing of stories.
"""

import csv
import io
import struct

from diegetic.names import one_line
from diegetic.project.timeline import BEATS, Timeline

_TICKS_A_BEAT = 960
_NAME, _MARKER, _END, _TEMPO, _SIGNATURE = 0x03, 0x06, 0x2F, 0x51, 0x58


def encode_midi(timeline: Timeline) -> bytes:
    """A MIDI file of the tempo and a marker at every moment; a region's end is a marker too."""
    tempo_us = round(60e6 / timeline.tempo_bpm)
    moments = [(marker.start, marker.name) for marker in timeline.markers]
    moments += [(marker.end, f"end of {marker.name}") for marker in timeline.markers if marker.end is not None]
    track = b"".join(
        (
            _meta(0, _NAME, one_line(timeline.name).encode()),
            _meta(0, _TEMPO, tempo_us.to_bytes(3, "big")),
            _meta(0, _SIGNATURE, bytes((BEATS, 2, 24, 8))),
        )
    )
    at = 0
    for frame, name in sorted(moments, key=lambda moment: moment[0]):
        ticks = round(timeline.seconds(frame) * 1e6 / tempo_us * _TICKS_A_BEAT)
        track += _meta(ticks - at, _MARKER, one_line(name).encode())
        at = ticks
    track += _meta(0, _END, b"")
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, _TICKS_A_BEAT)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + track


def encode_csv(timeline: Timeline) -> bytes:
    """A table of moments and regions, times in seconds."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(("#", "Name", "Start", "End", "Length"))
    for number, marker in enumerate(timeline.markers, start=1):
        name, start = one_line(marker.name), f"{timeline.seconds(marker.start):.3f}"
        if marker.end is None:
            rows.writerow((f"M{number}", name, start, "", ""))
        else:
            ends = (f"{timeline.seconds(frames):.3f}" for frames in (marker.end, marker.end - marker.start))
            rows.writerow((f"R{number}", name, start, *ends))
    return text.getvalue().encode()


def _meta(delta: int, kind: int, content: bytes) -> bytes:
    return _variable(delta) + bytes((0xFF, kind)) + _variable(len(content)) + content


def _variable(value: int) -> bytes:
    """A number in groups of seven bits, the first first."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
