"""NAME.dawproject: the timeline for Bitwig, Cubase, Studio One and whoever else reads DAWproject 1.0.

A ZIP of project.xml, metadata.xml and the sounds that are heard, so that the one file can be sent. Its format has no
takes: only current ones are in it.

Source: the DAWproject schema by Bitwig (MIT). Knows nothing of stories.
"""

import io
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path, PurePosixPath

from diegetic import __version__
from diegetic.names import one_line
from diegetic.project.timeline import BEATS, Item, Timeline, Track

_XML = ElementTree.Element
_SOUNDS = "audio"
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say: the same timeline gives the same bytes
_MASTER = "master"


def encode_dawproject(timeline: Timeline, folder: Path) -> bytes:
    """The project file, with the sounds that the timeline plays from `folder`. Raises OSError where one is missing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, "project.xml", project_xml(timeline))
        _add(archive, "metadata.xml", _metadata_xml(timeline))
        played = (item.clip.path for track in timeline.tracks for item in track.items)
        for name, path in {_inside(path): path for path in played}.items():
            _add(archive, name, (folder / path).read_bytes())
    return buffer.getvalue()


def project_xml(timeline: Timeline) -> bytes:
    """project.xml."""
    fresh = _ids()
    root = _XML("Project", version="1.0")
    _sub(root, "Application", name="Diegetic", version=__version__)
    transport = _sub(root, "Transport")
    _sub(transport, "Tempo", unit="bpm", value=f"{timeline.tempo_bpm:.10g}", min="20", max="999", id=fresh("tempo"))
    _sub(transport, "TimeSignature", numerator=str(BEATS), denominator="4", id=fresh("signature"))
    structure = _sub(root, "Structure")
    tracks = [(track, _structure(structure, track, fresh)) for track in timeline.tracks]
    master = _sub(structure, "Track", contentType="audio", loaded="true", id=fresh("track"), name="Master")
    _channel(master, 2, "master", None, _MASTER, fresh)
    arrangement = _sub(root, "Arrangement", id=fresh("arrangement"))
    lanes = _sub(arrangement, "Lanes", timeUnit="seconds", id=fresh("lanes"))
    for track, track_id in tracks:
        clips = _sub(_sub(lanes, "Lanes", track=track_id, id=fresh("lanes")), "Clips", id=fresh("clips"))
        for item in track.items:
            _clip(clips, timeline, item, fresh)
    _markers(arrangement, timeline, fresh)
    return _encode(root)


def _structure(structure: _XML, track: Track, fresh: Callable[[str], str]) -> str:
    """Add a track; return its id."""
    track_id = fresh("track")
    name = one_line(track.name)
    element = _sub(structure, "Track", contentType="audio", loaded="true", id=track_id, name=name)
    _channel(element, track.channels, "regular", _MASTER, fresh("channel"), fresh)
    return track_id


def _channel(
    track: _XML, channels: int, role: str, destination: str | None, channel_id: str, fresh: Callable[[str], str]
) -> None:
    to = {} if destination is None else {"destination": destination}
    channel = _sub(track, "Channel", audioChannels=str(channels), role=role, solo="false", id=channel_id, **to)
    _sub(channel, "Mute", value="false", id=fresh("mute"), name="Mute")
    _sub(channel, "Pan", unit="normalized", value="0.5", min="0", max="1", id=fresh("pan"), name="Pan")
    _sub(channel, "Volume", unit="linear", value="1", min="0", max="2", id=fresh("volume"), name="Volume")


def _clip(clips: _XML, timeline: Timeline, item: Item, fresh: Callable[[str], str]) -> None:
    def seconds(frames: int) -> str:
        return f"{timeline.seconds(frames):.14g}"

    clip = _sub(
        clips,
        "Clip",
        time=seconds(item.start),
        duration=seconds(item.frames),
        contentTimeUnit="seconds",
        playStart=seconds(item.clip.offset),
        fadeTimeUnit="seconds",
        fadeInTime=seconds(item.fade_in),
        fadeOutTime=seconds(item.fade_out),
        name=one_line(item.name),
    )
    audio = _sub(
        clip,
        "Audio",
        channels=str(item.clip.channels),
        sampleRate=str(item.clip.rate_hz),
        duration=seconds(item.clip.frames),
        id=fresh("audio"),
    )
    _sub(audio, "File", path=_inside(item.clip.path))


def _markers(arrangement: _XML, timeline: Timeline, fresh: Callable[[str], str]) -> None:
    if timeline.markers:
        markers = _sub(arrangement, "Markers", timeUnit="seconds", id=fresh("markers"))
        for marker in timeline.markers:
            _sub(markers, "Marker", time=f"{timeline.seconds(marker.start):.14g}", name=one_line(marker.name))


def _metadata_xml(timeline: Timeline) -> bytes:
    root = _XML("MetaData")
    _sub(root, "Title").text = one_line(timeline.name)
    _sub(root, "Comment").text = f"Made with Diegetic {__version__}"
    return _encode(root)


def _inside(path: str) -> str:
    """Where a sound is in the archive. Clips of one name, in the folders of two stories, are the same sound."""
    return f"{_SOUNDS}/{PurePosixPath(path).name}"


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _DATE), data)


def _ids() -> Callable[[str], str]:
    """Ids that no two elements share: "track-1", "clips-2", ..."""
    numbers: Iterator[int] = count(1)
    return lambda kind: f"{kind}-{next(numbers)}"


def _sub(parent: _XML, tag: str, /, **attributes: str) -> _XML:
    return ElementTree.SubElement(parent, tag, attributes)


def _encode(root: _XML) -> bytes:
    ElementTree.indent(root)
    data: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return data
