"""Files in every format: the same samples, and the same facts, read by other people's programs."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from diegetic.audio.bwf import umid
from diegetic.audio.cues import Mark
from diegetic.audio.flac import read_comments, with_metadata
from diegetic.audio.loudness import true_peak_db
from diegetic.audio.riff import read_chunks
from diegetic.audio.sound_file import Format, Labels, encode_sound, holding, suffix
from diegetic.audio.wav import read_wav
from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.story import Told
from mock_model import MockModel
from tagged_sounds import LOUD, MARKS, RATE, TAGS, noise, run

FORMATS: tuple[Format, ...] = ("wav24", "wav32f", "flac")
LABELS = Labels(TAGS, MARKS, loops=True)


def written(path: Path, file_format: Format = "flac", level: float = 0.1) -> Path:
    path.write_bytes(encode_sound(noise(0.5, level=level), RATE, file_format, LABELS))
    return path


def render(folder: Path, level: float = 0.1, **output: object) -> StoryFolder:
    rendered = StoryFolder(folder)
    told = Told("rain, a bell", 4.0)
    render_story(MockModel(level=level), told, rendered, Output(24_000, **output), lambda progress: None)  # type: ignore[arg-type]
    return rendered


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_is_written_is_read_again(tmp_path: Path, file_format: Format) -> None:
    path = written(tmp_path / f"a{suffix(file_format)}", file_format)
    exact = 0 if file_format == "wav32f" else 2**-24
    assert np.abs(read_wav(path)[0] - noise(0.5)).max() <= exact
    assert path.read_bytes() == written(tmp_path / "b", file_format).read_bytes()


def test_floats_are_taken_where_24_bits_would_clip() -> None:
    assert [holding(noise(0.1, level=level), "flac") for level in (0.1, 2.0)] == ["flac", "wav32f"]


def test_a_flac_says_what_the_wav_says(tmp_path: Path) -> None:
    said = dict(read_comments(written(tmp_path / "a.flac").read_bytes()))
    assert said["TITLE"] == said["DESCRIPTION"] == "Überfahrt 雨 in a bay"
    assert (said["PROJECT"], said["SCENE"], said["TAKE"], said["TRACK"]) == ("storm", "a-storm", "2", "bed")
    assert said["TIME_REFERENCE"] == str(2**33 + 5)
    assert said["UMID"].startswith("060A2B34010101050101")
    assert (said["LOUDNESS_VALUE"], said["MAX_TRUE_PEAK_LEVEL"]) == ("-23.46", "-1.02")
    assert "MAX_SHORT_TERM_LOUDNESS" not in said, "it wasn't measured"
    assert (said["CHAPTER001"], said["CHAPTER001NAME"]) == ("00:00:00.000", "wind")
    assert (said["CHAPTER002"], said["CHAPTER002NAME"]) == ("00:00:00.012", "a bell, odd")
    assert (said["LOOPSTART"], said["LOOPLENGTH"]) == ("0", str(RATE // 2))


def test_a_flac_can_be_read_by_whoever_knows_only_the_standard(tmp_path: Path) -> None:
    with soundfile.SoundFile(written(tmp_path / "a.flac")) as file:
        assert (file.samplerate, file.channels, file.subtype, file.frames) == (RATE, 2, "PCM_24", RATE // 2)
        assert file.title == "Überfahrt 雨 in a bay"


def test_a_broken_flac_is_refused() -> None:
    whole = encode_sound(noise(0.1), RATE, "flac", LABELS)
    for broken in (b"", b"RIFF" + whole[4:], whole[:10]):
        with pytest.raises((ValueError, struct.error)):
            read_comments(broken)
    with pytest.raises(ValueError, match="at most 16777215 bytes"):
        with_metadata(whole, (("NOTE", "x" * 2**24),), encode_sound(noise(0.1), RATE, "wav24", LABELS))


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize(("channels", "width"), [("mono", 1), ("stereo", 2)])
def test_stems_and_mix_have_the_format_and_the_width_asked_for(
    tmp_path: Path, file_format: Format, channels: str, width: int
) -> None:
    folder = render(tmp_path / "storm", file_format=file_format, channels=channels)
    files = read_manifest(folder.manifest).files
    assert {Path(laid.path).suffix for laid in files} == {suffix(file_format)}
    sounds = {laid.path: soundfile.SoundFile(folder.path / laid.path) for laid in files}
    assert {sound.channels for sound in sounds.values()} == {width}
    assert {sound.subtype for sound in sounds.values()} == {"FLOAT" if file_format == "wav32f" else "PCM_24"}
    mix = read_manifest(folder.manifest).mix
    lanes = [sounds[laid.path].read(always_2d=True) for laid in files if laid.kind == "lane"]
    assert np.abs(sum(lanes) - sounds[mix].read(always_2d=True)).max() < 4 * 2**-23


def test_one_channel_is_the_mean_of_two(tmp_path: Path) -> None:
    mono, stereo = (render(tmp_path / name, channels=name).path / "mix.wav" for name in ("mono", "stereo"))
    assert np.abs(read_wav(mono)[0][:, 0] - read_wav(stereo)[0].mean(axis=1)).max() < 2**-22


def test_stems_of_floats_keep_their_level_above_full_scale_and_add_up(tmp_path: Path) -> None:
    hot, turned = (render(tmp_path / name, 3.0, file_format=name) for name in ("wav32f", "wav24"))
    levels = [read_manifest(folder.manifest).level for folder in (hot, turned)]
    assert [level.stems_gain_db < 0 for level in levels if level] == [False, True]
    stems = [read_wav(path)[0] for path in sorted((hot.path / "stems").glob("*.wav"))]
    assert np.abs(stems).max() > 1
    assert true_peak_db(read_wav(hot.path / "mix.wav")[0]) <= -1
    assert true_peak_db(read_wav(turned.path / "stems/02-foreground.wav")[0]) <= -1


def test_another_format_leaves_no_file_of_the_last_one(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm")
    render(tmp_path / "storm", file_format="flac")
    sounds = [path for path in folder.path.rglob("*.wav") if path.parent.name not in ("takes", "clips")]
    assert sounds == []
    assert (folder.path / "mix.flac").is_file()


@pytest.mark.real
def test_flac_gives_back_the_broadcast_wave_with_every_chunk(tmp_path: Path) -> None:
    wav, flac, decoded = written(tmp_path / "a.wav", "wav24"), written(tmp_path / "a.flac"), tmp_path / "b.wav"
    run("flac", "--decode", "--silent", "--keep-foreign-metadata", "-o", decoded, flac)
    ours, theirs = ({chunk.name: chunk.content for chunk in read_chunks(path.read_bytes())} for path in (wav, decoded))
    assert list(theirs) == list(ours)
    assert {**theirs, b"fmt ": b""} == {**ours, b"fmt ": b""}, "flac says 24 bits by the longer kind of fmt"
    run("flac", "--test", "--silent", "--warnings-as-errors", flac)
    assert "Überfahrt 雨" in run("metaflac", "--show-tag=TITLE", "--no-utf8-convert", flac)


@pytest.mark.real
@pytest.mark.parametrize("file_format", FORMATS)
def test_mediainfo_reads_the_same_facts_of_every_format(tmp_path: Path, file_format: Format) -> None:
    path = written(tmp_path / f"a{suffix(file_format)}", file_format)
    tracks = {track["@type"]: track for track in json.loads(run("mediainfo", "--Output=JSON", path))["media"]["track"]}
    audio, said = tracks["Audio"], json.dumps(tracks, ensure_ascii=False)
    assert (audio["Channels"], audio["SamplingRate"]) == ("2", str(RATE))
    assert audio["BitDepth"] == ("32" if file_format == "wav32f" else "24")
    assert "Diegetic 0.1.0" in said
    assert "in a bay" in said
    if file_format == "flac":
        extra = tracks["General"]["extra"]
        assert extra["TIME_REFERENCE"] == str(2**33 + 5)
        assert extra["LOUDNESS_VALUE"] == "-23.46"
    else:
        assert float(audio["Delay"]) == pytest.approx((2**33 + 5) / RATE, abs=0.01)


@pytest.mark.real
def test_ffmpeg_reads_the_time_reference_of_both(tmp_path: Path) -> None:
    for path in (written(tmp_path / "a.wav", "wav24"), written(tmp_path / "a.flac")):
        tags = json.loads(run("ffprobe", "-v", "error", "-show_format", "-of", "json", path))["format"]["tags"]
        said = {key.lower(): value for key, value in tags.items()}
        assert said["time_reference"] == str(2**33 + 5)
        assert said["encoded_by" if path.suffix == ".wav" else "originator"] == "Diegetic 0.1.0"
        assert said["umid"].removeprefix("0x") == umid("x", 2).hex().upper()
        assert said["coding_history"].strip() == "A=PCM,F=48000,W=24,M=stereo,T=Diegetic 0.1.0; pocket"


def test_the_float_wav_says_that_it_has_32_bits(tmp_path: Path) -> None:
    chunks = {chunk.name: chunk.content for chunk in read_chunks(written(tmp_path / "a.wav", "wav32f").read_bytes())}
    assert b"W=32" in chunks[b"bext"]
    assert b"<AUDIO_BIT_DEPTH>32</AUDIO_BIT_DEPTH>" in chunks[b"iXML"]
    assert set(chunks) >= {b"cue ", b"LIST", b"smpl"}
    assert LOUD.integrated_lufs == -23.456
    assert Mark(0, 1200, "wind") in LABELS.marks
