"""A video made by ffmpeg's test sources gets its sound: cuts found, a plan to write, in sync to a frame."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.dubbing import DubPlan, Scene, find_captioner, plan_of, read_plan, story_of_plan, write_plan
from diegetic.errors import Failure, InputError
from diegetic.story_file import read_story
from diegetic.video import Span, Video, find_cuts, put_sound, read_video
from mock_model import MockModel

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
Run = Callable[..., tuple[int, str, str]]
FPS = 25
RED, TEST, BLUE = "color=red:s=64x48:r=25:d=2", "testsrc=s=64x48:r=25:d=3.04", "color=blue:s=64x48:r=25:d=2"


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-y", "-loglevel", "error", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red for 2 s, a test picture for 76 frames, blue for 2 s."""
    path = tmp_path_factory.mktemp("video") / "kitchen.mp4"
    inputs = [part for source in (RED, TEST, BLUE) for part in ("-f", "lavfi", "-i", source)]
    ffmpeg(*inputs, "-filter_complex", "[0][1][2]concat=n=3", "-pix_fmt", "yuv420p", path)
    return path


@pytest.fixture
def video(made: Path, tmp_path: Path) -> Path:
    shutil.copyfile(made, tmp_path / made.name)
    return tmp_path / made.name


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object, model: MockModel | None = None) -> tuple[int, str, str]:
        loaded = model or MockModel()
        outside = Outside(load=lambda name, settings: loaded, check_name=lambda name, settings: None)
        code = run([str(each) for each in arguments], outside)
        return code, *capsys.readouterr()

    return command


def sound_of(path: Path, folder: Path) -> tuple[NDArray[np.float32], int]:
    """A video's first sound, decoded from its first frame on."""
    ffmpeg("-i", path, "-map", "0:a:0", "-c:a", "pcm_f32le", folder / "decoded.wav")
    samples, rate_hz = soundfile.read(folder / "decoded.wav", dtype="float32", always_2d=True)
    return samples, rate_hz


def offset_s(of: NDArray[np.float32], against: NDArray[np.float32], rate_hz: int) -> float:
    """How much later `of` is than `against`, by their cross-correlation."""
    size = 2 ** int(np.ceil(np.log2(len(of) + len(against))))
    curve = np.fft.irfft(np.fft.rfft(of.mean(1), size) * np.conj(np.fft.rfft(against.mean(1), size)), size)
    place = int(np.argmax(np.abs(curve)))
    return (place - size if place > size // 2 else place) / rate_hz


def test_a_video_says_how_long_it_is(video: Path) -> None:
    assert read_video(video).seconds == pytest.approx(7.04)


def test_a_video_lasts_as_long_as_its_picture(video: Path, tmp_path: Path) -> None:
    tone = ["-f", "lavfi", "-i", "sine=440:d=12", "-c:v", "copy"]
    ffmpeg("-i", video, *tone, tmp_path / "long.mp4")
    ffmpeg("-i", video, "-c", "copy", "-output_ts_offset", 1.5, tmp_path / "late.mkv")
    ffmpeg("-i", video, "-c", "copy", "-f", "matroska", "-live", 1, tmp_path / "live.mkv")  # doesn't say how long it is
    for name in ("long.mp4", "late.mkv", "live.mkv"):
        assert read_video(tmp_path / name).seconds == pytest.approx(7.04, abs=1e-3)


@pytest.mark.real
def test_cuts_are_found_to_the_frame(video: Path) -> None:
    pytest.importorskip("scenedetect")
    assert find_cuts(read_video(video)) == [Span(0.0, 2.0), Span(2.0, 5.04), Span(5.04, 7.04)]


@pytest.mark.real
@pytest.mark.parametrize("name", ["slow.mp4", "slow.mkv", "av1.mkv"])
def test_cuts_are_found_whatever_the_rate_and_the_codec(name: str, video: Path, tmp_path: Path) -> None:
    """Every third frame only from the first cut on; and AV1, which OpenCV can't read."""
    pytest.importorskip("scenedetect")
    code = ["-c:v", "libaom-av1", "-cpu-used", "8"] if name == "av1.mkv" else ["-vf", "select='lt(n,50)+not(mod(n,3))'"]
    try:
        ffmpeg("-i", video, *code, "-vsync", "vfr", tmp_path / name)
    except subprocess.CalledProcessError:
        pytest.skip(f"needs an ffmpeg that writes {name}")
    spans = find_cuts(read_video(tmp_path / name))
    assert [span.start_s for span in spans] == pytest.approx([0.0, 2.0, 5.04], abs=0.05)
    assert spans[-1].end_s == pytest.approx(7.04, abs=0.13)


@pytest.mark.real
def test_without_a_text_a_plan_of_the_cuts_is_written_to_fill_in(diegetic: Run, video: Path) -> None:
    pytest.importorskip("scenedetect")
    code, out, err = diegetic("dub", video.name)
    assert code == 0, err
    assert "kitchen.dub.toml: 3 scenes; write what is to be heard" in out
    plan = read_plan(video.with_suffix(".dub.toml"))
    assert [(scene.start_s, scene.end_s, scene.caption) for scene in plan.scenes] == [
        (0.0, 2.0, ""),
        (2.0, 5.04, ""),
        (5.04, 7.04, ""),
    ]
    assert diegetic("dub", video.name)[0] == 2
    code, _, err = diegetic("dub", video.name, "kitchen.dub.toml")
    assert (code, "kitchen.dub.toml: no scene has a caption" in err) == (2, True)


def test_a_video_is_dubbed_by_its_plan_in_sync_to_a_frame(diegetic: Run, video: Path, tmp_path: Path) -> None:
    scenes = (Scene(0.0, 2.0, ""), Scene(2.0, 5.04, "a plate breaks"), Scene(5.04, 7.04, "a long beep"))
    write_plan(tmp_path / "plan.toml", DubPlan(scenes))
    code, _, err = diegetic("dub", video.name, "plan.toml", "-o", "out")
    assert code == 0, err
    dubbed = tmp_path / "out/kitchen-dubbed.mp4"
    samples, rate_hz = sound_of(dubbed, tmp_path)
    mix, mix_rate_hz = soundfile.read(tmp_path / "out/mix.wav", dtype="float32", always_2d=True)
    assert rate_hz == mix_rate_hz
    assert abs(offset_s(samples, mix, rate_hz)) < 1 / rate_hz + 1e-9
    loud = np.abs(mix).max(1) > 1e-4
    assert abs(int(np.argmax(loud)) / mix_rate_hz - 2.0) < 1 / FPS
    assert [path.name for path in sorted((tmp_path / "out/stems").glob("*.wav"))]
    assert read_story(tmp_path / "out/story.toml").seconds == 7.04


def test_a_sound_at_the_very_end_begins_with_its_scene_and_is_cut_off_with_the_picture(
    diegetic: Run, video: Path, tmp_path: Path
) -> None:
    write_plan(tmp_path / "plan.toml", DubPlan((Scene(0.0, 2.0, "steps"), Scene(6.6, 7.04, "a door"))))
    code, _, err = diegetic("dub", video.name, "plan.toml", "-o", "out")
    assert code == 0, err
    assert [event.start_s for event in read_story(tmp_path / "out/story.toml").events] == [0.0, 6.6]
    said = subprocess.run(
        ["ffmpeg", "-i", tmp_path / "out/kitchen-dubbed.mp4"], capture_output=True, text=True, check=False
    ).stderr
    assert "Duration: 00:00:07.0" in said
    assert "Chapter" not in said, "the mix has cues, the video no chapters"
    samples, rate_hz = sound_of(tmp_path / "out/kitchen-dubbed.mp4", tmp_path)
    assert len(samples) / rate_hz == pytest.approx(7.04, abs=1 / FPS)
    assert np.abs(samples[round(6.7 * rate_hz) :]).max() > 0.01


def test_scenes_that_overlap_sound_together(diegetic: Run, video: Path, tmp_path: Path) -> None:
    scenes = tuple(Scene(float(number), 6.0, f"sound {number}") for number in range(3))
    write_plan(tmp_path / "plan.toml", DubPlan(scenes))
    code, _, err = diegetic("dub", video.name, "plan.toml", "-o", "out")
    assert code == 0, err
    lanes = [event.lane for event in read_story(tmp_path / "out/story.toml").events]
    assert lanes == ["foreground", "foreground-2", "foreground-3"]


def test_an_edited_story_is_put_to_the_picture_again(diegetic: Run, video: Path, tmp_path: Path) -> None:
    write_plan(tmp_path / "plan.toml", DubPlan((Scene(0.0, 2.0, "steps"), Scene(3.0, 5.0, "a door"))))
    out = diegetic("dub", video.name, "plan.toml", "-o", "out")[1]
    assert "after an edit, `diegetic dub kitchen.mp4 out/story.toml`" in out
    story = tmp_path / "out/story.toml"
    story.write_text(story.read_text().replace("a door", "a gate"))
    before, model = (tmp_path / "out/kitchen-dubbed.mp4").read_bytes(), MockModel()
    code, _, err = diegetic("dub", video.name, "out/story.toml", model=model)
    assert code == 0, err
    assert [call for call in model.calls if call.startswith("imagine")] == ["imagine e2"]
    assert (tmp_path / "out/kitchen-dubbed.mp4").read_bytes() != before


def test_an_edited_plan_renders_only_what_changed(diegetic: Run, video: Path, tmp_path: Path) -> None:
    first, second = Scene(0.0, 2.0, "steps"), Scene(3.0, 5.0, "a door")
    write_plan(tmp_path / "plan.toml", DubPlan((first, second)))
    diegetic("dub", video.name, "plan.toml", "-o", "out")
    write_plan(tmp_path / "plan.toml", DubPlan((first, Scene(3.0, 5.0, "a gate"))))
    model = MockModel()
    code, _, err = diegetic("dub", video.name, "plan.toml", "-o", "out", model=model)
    assert code == 0, err
    assert [call for call in model.calls if call.startswith("imagine")] == ["imagine e2"]


def test_a_text_is_planned_for_as_long_as_the_video(diegetic: Run, video: Path, tmp_path: Path) -> None:
    code, out, err = diegetic("dub", video.name, "a cat, a mouse", "-o", "out", "--json")
    assert code == 0, err
    assert Path(json.loads(out)["video"]).exists()
    assert read_story(tmp_path / "out/story.toml").seconds == 7.04


def test_a_text_may_be_in_a_file(diegetic: Run, video: Path, tmp_path: Path) -> None:
    (tmp_path / "told.txt").write_text("a cat, a mouse")
    assert diegetic("dub", video.name, "told.txt", "-o", "out")[0] == 0
    assert read_story(tmp_path / "out/story.toml").instruction == "a cat, a mouse"


def captions(video: Path, scenes: Sequence[Span]) -> list[str]:
    return [f"sound {number} of {video.stem}" for number, _ in enumerate(scenes)]


@pytest.mark.real
def test_a_captioner_writes_the_plan(diegetic: Run, video: Path, tmp_path: Path) -> None:
    pytest.importorskip("scenedetect")
    code, _, err = diegetic("dub", video.name, "-o", "out", "--captioner", f"{__name__}:captions")
    assert code == 0, err
    assert [event.caption for event in read_story(tmp_path / "out/story.toml").events] == [
        "sound 0 of kitchen",
        "sound 1 of kitchen",
        "sound 2 of kitchen",
    ]
    code, _, err = diegetic("dub", video.name, "-o", "other", "--captioner", "nowhere:at_all")
    assert (code, err.splitlines()[-1].startswith("captioner: 'nowhere:at_all' must be module:function")) == (2, True)
    code, _, err = diegetic("dub", video.name, "plan.toml", "--captioner", "nowhere:at_all")
    assert (code, err) == (2, "--captioner: writes a plan, and one is given; leave either out\n")


def test_a_captioner_beside_the_video_is_found_and_answers_for_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "said_here.py").write_text(
        "def each(video, scenes): return (f'sound {n}' for n, _ in enumerate(scenes))\n"
        "def fails(video, scenes): raise RuntimeError('out of memory')\n"
        "def odd(video, scenes): return [None, 'steps']\n"
        "def none(video, scenes): return None\n"
    )
    (tmp_path / "broken_here.py").write_text("def each(:\n")
    spans = [Span(0, 1), Span(1, 2)]
    assert find_captioner("said_here:each")(tmp_path, spans) == ["sound 0", "sound 1"]
    for name, said in (("fails", "out of memory"), ("none", "not iterable"), ("odd", "must give texts, got None")):
        with pytest.raises(Failure, match=f"captioner: said_here:{name} .*{said}"):
            find_captioner(f"said_here:{name}")(tmp_path, spans)
    with pytest.raises(InputError, match=r"'broken_here:each' must be module:function .*SyntaxError"):
        find_captioner("broken_here:each")
    for few in ([], ["one"]):
        with pytest.raises(Failure, match=f"must give 2 captions, one a scene, got {len(few)}"):
            plan_of(spans, few)


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_a_picture_that_begins_after_its_own_sound_stays_in_sync(suffix: str, video: Path, tmp_path: Path) -> None:
    """The video's own sound begins 0.5 s before its picture: ours begins with the picture, and the old one is kept."""
    late = tmp_path / f"late{suffix}"
    tone = ["-f", "lavfi", "-i", "sine=440:d=7"]
    ffmpeg(
        "-itsoffset", 0.5, "-i", video, *tone, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "pcm_s16le", late
    )
    click = np.zeros((48_000 * 7, 2), np.float32)
    click[48_000] = 0.9  # 1 s after the first frame
    soundfile.write(tmp_path / "click.wav", click, 48_000)
    dubbed = tmp_path / f"dubbed{suffix}"
    put_sound(read_video(late), tmp_path / "click.wav", dubbed)
    ffmpeg("-i", dubbed, "-map", "0:a:0", "-af", "aresample=async=1:first_pts=0", tmp_path / "decoded.wav")
    samples, rate_hz = soundfile.read(tmp_path / "decoded.wav", always_2d=True)
    assert abs(np.argmax(np.abs(samples[:, 0])) / rate_hz - 1.5) < 1 / FPS
    streams = subprocess.run(["ffmpeg", "-i", dubbed], capture_output=True, text=True, check=False).stderr
    assert streams.count(": Audio:") == 2


def test_own_sounds_subtitles_and_chapters_stay(video: Path, tmp_path: Path) -> None:
    (tmp_path / "said.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nhello\n")
    (tmp_path / "chapters.txt").write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=one\n")
    tones = ["-f", "lavfi", "-i", "sine=440:d=7", "-f", "lavfi", "-i", "sine=880:d=7"]
    inputs = ["-i", video, *tones, "-i", tmp_path / "said.srt", "-i", tmp_path / "chapters.txt"]
    maps = [part for number in range(4) for part in ("-map", number)]
    ffmpeg(*inputs, *maps, "-map_chapters", 4, "-c:v", "copy", "-c:s", "mov_text", tmp_path / "whole.mp4")
    soundfile.write(tmp_path / "click.wav", np.zeros((48_000 * 9, 2), np.float32), 48_000)
    put_sound(read_video(tmp_path / "whole.mp4"), tmp_path / "click.wav", tmp_path / "dubbed.mp4")
    said = subprocess.run(["ffmpeg", "-i", tmp_path / "dubbed.mp4"], capture_output=True, text=True, check=False).stderr
    assert [said.count(part) for part in (": Audio:", ": Subtitle:", "Chapter #0:")] == [3, 1, 1]
    assert read_video(tmp_path / "dubbed.mp4").seconds == pytest.approx(7.04)


def test_a_name_that_looks_like_an_address_is_a_file(video: Path, tmp_path: Path) -> None:
    shutil.copyfile(video, tmp_path / "10:30 take%d.mp4")
    assert read_video(tmp_path / "10:30 take%d.mp4").seconds == pytest.approx(7.04)


def test_a_container_that_no_sound_can_be_put_to_is_refused_before_work(diegetic: Run, video: Path) -> None:
    ffmpeg("-i", video, "-c", "copy", video.with_suffix(".ts"))
    code, out, err = diegetic("dub", "kitchen.ts", "steps")
    assert (code, out) == (2, "")
    assert err.startswith("kitchen.ts: must end in .mp4, ")
    assert err.endswith("make it one: ffmpeg -i kitchen.ts -c copy kitchen.mkv\n")


def test_a_video_without_a_picture_is_refused(diegetic: Run, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=1", tmp_path / "sound.mp4")
    code, out, err = diegetic("dub", "sound.mp4", "steps")
    assert (code, out) == (2, "")
    assert err == "sound.mp4: has no picture, only sound; give a video, or render a story without one\n"


def test_a_cover_is_no_picture(diegetic: Run, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=red:s=16x16:d=1", "-frames:v", 1, tmp_path / "cover.png")
    cover = ["-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v:0", "attached_pic"]
    ffmpeg("-f", "lavfi", "-i", "sine=440:d=1", "-i", tmp_path / "cover.png", *cover, tmp_path / "song.mp3")
    assert diegetic("dub", "song.mp3", "steps")[2].startswith("song.mp3: has no picture")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.mp4", None, "none.mp4: no such file; check the path"),
        ("text.mp4", b"no video at all", "text.mp4: can't be read as a video"),
        (".", None, ".: is no file; give a video"),
    ],
)
def test_what_is_no_video_is_one_sentence(
    name: str, content: bytes | None, sentence: str, diegetic: Run, tmp_path: Path
) -> None:
    if content:
        (tmp_path / name).write_bytes(content)
    code, out, err = diegetic("dub", name, "steps")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(sentence)


def test_a_plan_that_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    video = Video(tmp_path / "v.mp4", 10.0)
    with pytest.raises(InputError, match="the scene at 12 s is after the end of the video"):
        story_of_plan(DubPlan((Scene(12.0, 13.0, "steps"),)), video, "mock", 0)
    for wrong, said in (
        ("start_s = 2.0\nend_s = 1.0", "scene 1: end_s must be after start_s, got 2 to 1"),
        ("start_s = -1.0\nend_s = 1.0", "scene 1: start_s must be 0 or more, got -1"),
        ("start_s = 3.0\nend_s = 4.0\ngain_db = 99.0", "scene 1: gain_db must be -60..24, got 99"),
        ('start_s = 3.0\nend_s = 4.0\nlane = "A b"', "scene at 3 s: lane must be"),
    ):
        (tmp_path / "plan.toml").write_text(f"[[scenes]]\n{wrong}\n")
        with pytest.raises(InputError, match=said):
            read_plan(tmp_path / "plan.toml")
    (tmp_path / "plan.toml").write_text('[[scenes]]\nstart_s = 0.0\nend_s = 1.0\ncaptoin = "a"\n')
    with pytest.raises(InputError, match="did you mean 'caption'"):
        read_plan(tmp_path / "plan.toml")


def test_without_ffmpeg_it_says_what_to_install(diegetic: Run, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    code, _, err = diegetic("dub", video.name, "steps")
    assert (code, err) == (1, "dub: needs ffmpeg; install it, or pip install 'diegetic[video]'\n")
