"""What a WAV says of itself, read by other people's readers."""

import json
import struct
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest

from diegetic.audio.bwf import Sound, tag_chunks, umid
from diegetic.audio.cues import Mark, loop_chunk, mark_chunks
from diegetic.audio.meter import measure_loudness, trimmed
from diegetic.audio.riff import Chunk, read_chunks
from diegetic.audio.wav import read_wav, write_wav
from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.story import Told
from mock_model import MockModel
from tagged_sounds import MARKS, RATE, TAGS, noise, run


def tagged(path: Path) -> Path:
    sound = Sound(RATE, 24, 2)
    chunks = (*tag_chunks(TAGS, sound), *mark_chunks(MARKS), loop_chunk(RATE, 100, 1100))
    write_wav(path, noise(0.03), RATE, chunks=chunks)
    return path


def test_wavinfo_reads_the_broadcast_chunk(tmp_path: Path) -> None:
    wavinfo = pytest.importorskip("wavinfo")
    read = wavinfo.WavInfoReader(str(tagged(tmp_path / "a.wav")))
    assert read.bext.description == "Uberfahrt ? in a bay"
    assert (read.bext.originator, read.bext.originator_date, read.bext.originator_time) == (
        "Diegetic 0.1.0",
        "2026-01-31",
        "12:34:56",
    )
    assert read.bext.time_reference == 2**33 + 5
    assert read.bext.coding_history.strip() == "A=PCM,F=48000,W=24,M=stereo,T=Diegetic 0.1.0; pocket"
    assert read.bext.version == 2
    assert (read.bext.loudness_value, read.bext.max_true_peak) == (-23.46, -1.02)
    assert read.bext.umid[:32] == umid("x", 2)


def test_wavinfo_reads_slate_and_cues(tmp_path: Path) -> None:
    wavinfo = pytest.importorskip("wavinfo")
    read = wavinfo.WavInfoReader(str(tagged(tmp_path / "a.wav")))
    assert (read.ixml.project, read.ixml.scene, read.ixml.take) == ("storm", "a-storm", "2")
    assert [track.name for track in read.ixml.track_list] == ["bed 1", "bed 2"]
    assert [(cue.name, cue.sample_offset) for cue in read.cues.cues] == [(1, 0), (2, 600)]
    assert [read.cues.label_and_note(number)[0] for number in (1, 2)] == ["wind", "a bell, odd"]
    assert [read.cues.range(number) for number in (1, 2)] == [1200, 300]
    assert read.smpl.sample_loops[0].start == 100
    assert read.smpl.sample_loops[0].end == 1099


def test_the_note_keeps_every_letter_in_ixml(tmp_path: Path) -> None:
    chunks = {chunk.name: chunk.content for chunk in read_chunks(tagged(tmp_path / "a.wav").read_bytes())}
    assert "<NOTE>Überfahrt 雨 in a bay</NOTE>".encode() in chunks[b"iXML"]
    assert list(chunks)[-1] == b"data"


def test_what_was_not_measured_says_so() -> None:
    bext = tag_chunks(TAGS, Sound(RATE, 24, 1))[0].content
    levels = struct.unpack_from("<5h", bext, 412)
    assert levels == (-2346, 700, -102, -2050, 0x7FFF)
    assert len(bext) > 602


def test_control_characters_of_a_caption_are_left_out() -> None:
    chunk: Chunk = mark_chunks([Mark(0, 1, "a\x00b\x1f\n\ufffec")])[1]
    assert b"ab c\0" in chunk.content
    assert mark_chunks([]) == ()


def test_the_meter_agrees_with_pyloudnorm() -> None:
    sound = np.concatenate([noise(5, 1, 0.02), noise(5, 2, 0.2)])
    loudness = measure_loudness(sound, RATE)
    assert loudness.integrated_lufs == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(sound.copy()), abs=0.1)
    assert loudness.range_lu == pytest.approx(pyloudnorm.Meter(RATE).loudness_range(sound.copy()), abs=1.0)
    assert loudness.momentary_lufs == pytest.approx(loudness.short_term_lufs, abs=0.5)
    assert loudness.range_lu is not None and loudness.range_lu > 15


def test_silence_and_what_is_short_are_not_measured() -> None:
    for sound in (np.zeros((RATE * 5, 1), np.float32), noise(0.2)):
        loudness = measure_loudness(sound, RATE)
        assert (loudness.integrated_lufs, loudness.range_lu, loudness.momentary_lufs) == (None, None, None)


def test_every_laid_out_file_is_tagged_and_the_same_again(tmp_path: Path) -> None:
    wavinfo = pytest.importorskip("wavinfo")
    folder = StoryFolder(tmp_path / "storm")
    done = render_story(MockModel(), Told("rain, a bell", 4.0), folder, Output(24_000), lambda progress: None)
    for laid in done.files:
        read = wavinfo.WavInfoReader(str(folder.path / laid.path))
        assert read.bext.time_reference == 0
        assert read.ixml.project == "rain-a-bell"
        assert len(read.cues.cues) == len(laid.events)
        assert "mock" in read.bext.coding_history
    stem = folder.path / "stems/events/03-foreground_a-bell.wav"
    assert b"<NOTE>a bell</NOTE>" in stem.read_bytes()
    before = {laid.path: (folder.path / laid.path).read_bytes() for laid in done.files}
    render_story(MockModel(), Told("rain, a bell", 4.0), folder, Output(24_000), lambda progress: None)
    assert {laid.path: (folder.path / laid.path).read_bytes() for laid in done.files} == before


@pytest.mark.real
def test_sndfile_info_reads_tags_cues_and_loop(tmp_path: Path) -> None:
    read = run("sndfile-info", tagged(tmp_path / "a.wav"))
    for said in (
        "Cue ID :  2  Pos :   600",
        "labl : 1 : wind",
        "labl : 2 : a bell, odd",
        "Start :   100  End :  1099",
        "iXML :",
    ):
        assert said in read
    metadata = run("sndfile-metadata-get", "--all", tmp_path / "a.wav")
    for said in ("Origination date       : 2026-01-31", "Loudness value         : -23.46"):
        assert said in metadata


@pytest.mark.real
def test_mediainfo_reads_the_time_reference_and_the_description(tmp_path: Path) -> None:
    read = json.loads(run("mediainfo", "--Output=JSON", tagged(tmp_path / "a.wav")))
    general = next(track for track in read["media"]["track"] if track["@type"] == "General")
    audio = next(track for track in read["media"]["track"] if track["@type"] == "Audio")
    assert general["Description"] == "Uberfahrt ? in a bay"
    assert general["Encoded_Date"].startswith("2026-01-31")
    assert audio["BitDepth"] == "24"
    assert float(audio["Delay"]) == pytest.approx((2**33 + 5) / RATE, abs=0.01)


def test_what_was_tagged_is_still_the_sound(tmp_path: Path) -> None:
    assert np.abs(read_wav(tagged(tmp_path / "a.wav"))[0] - noise(0.03)).max() <= 2**-24


def test_a_louder_sound_measures_so_much_more() -> None:
    sound = noise(4, 3, 0.05)
    louder, turned = measure_loudness(sound * np.float32(2), RATE), measure_loudness(sound, RATE).turned(6.0206)
    assert turned.integrated_lufs == pytest.approx(louder.integrated_lufs, abs=0.01)
    assert turned.true_peak_dbtp == pytest.approx(louder.true_peak_dbtp, abs=0.01)
    assert turned.range_lu == pytest.approx(louder.range_lu, abs=0.01)


def test_silence_that_no_window_shares_with_a_sound_changes_no_measure() -> None:
    around = np.zeros((RATE * 12 + 7, 2), np.float32)
    around[RATE * 4 + 123 : RATE * 6] = noise(2, 3, 0.05)[123:]
    assert RATE * 5 < len(trimmed(around, RATE)) < RATE * 9
    assert measure_loudness(trimmed(around, RATE), RATE) == measure_loudness(around, RATE)
    assert len(trimmed(np.zeros((5, 1), np.float32), RATE)) == 0
