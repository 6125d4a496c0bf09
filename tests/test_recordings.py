"""Recordings brought by a user: heard, asked about, gone on from; and refused where there is nothing to hear."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from diegetic.audio.recording import read_recording
from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.errors import InputError
from diegetic.heard_story import story_of_heard
from diegetic.protocol import Heard, Look, Planned, Samples, go_on
from diegetic.story import OVERLAP_S, Event
from diegetic.story_file import read_story
from diegetic.takes import TakeStore
from mock_model import LATENTS_PER_S, RATE, MockModel

Run = Callable[..., tuple[int, str, str]]


class ListeningModel(MockModel):
    """A mock that hears rain, and whose latents of a recording are its loudness."""

    follows = ""

    def hear(self, samples: Samples) -> tuple[Heard, ...]:
        seconds = len(samples) / RATE
        return (Heard("rain falling", "bed", 0.0, seconds, 0.8, -6.0), Heard("thunder", "foreground", 1.0, 1.5, 0.5))

    def hear_whole(self, samples: Samples) -> Heard:
        return self.hear(samples)[0]

    def ask(self, samples: Samples, question: str) -> str:
        return f"{question} Perhaps."

    def what_follows(self, samples: Samples) -> str:
        return self.follows

    def listen(self, samples: Samples, condition: bytes, event: Event, seed: int) -> NDArray[np.float32]:
        self.calls.append(f"listen {event.id}")
        hops = RATE // LATENTS_PER_S
        return np.abs(samples[: len(samples) // hops * hops].mean(1).reshape(-1, hops)).mean(1)


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments: object, model: MockModel | None = None) -> tuple[int, str, str]:
        loaded = model or ListeningModel()
        outside = Outside(load=lambda name, settings: loaded, check_name=lambda name, settings: None)
        code = run([str(each) for each in arguments], outside)
        return code, *capsys.readouterr()

    return command


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write(tmp_path / "rain.wav", 4.0)


def write(path: Path, seconds: float, rate_hz: int = 24_000, channels: int = 2, level: float = 0.2) -> Path:
    noise = np.random.default_rng(1).standard_normal((round(seconds * rate_hz), channels))
    soundfile.write(path, level * np.clip(noise, -3, 3) / 3, rate_hz)
    return path


def test_a_caption_says_what_sounds_when(diegetic: Run, recording: Path) -> None:
    code, out, err = diegetic("caption", recording)
    assert code == 0, err
    assert out.splitlines() == [
        "    0.0 to    4.0 s   80%  bed         rain falling",
        "    1.0 to    1.5 s   50%  foreground  thunder",
    ]
    assert diegetic("caption", recording, "--ask", "Is it raining?")[1].splitlines()[-1] == "Is it raining? Perhaps."
    said = json.loads(diegetic("caption", recording, "--json")[1])
    assert (said["seconds"], said["heard"][1]["caption"], said["answer"]) == (4.0, "thunder", None)


def test_what_is_heard_becomes_a_story_to_render(diegetic: Run, recording: Path, tmp_path: Path) -> None:
    assert diegetic("caption", recording, "-o", "copy.toml")[0] == 0
    story = read_story(tmp_path / "copy.toml")
    assert [(e.caption, e.lane, e.start_s, e.end_s, e.gain_db) for e in story.events] == [
        ("rain falling", "bed", 0.0, 4.0, -6.0),
        ("thunder", "foreground", 1.0, 2.0, 0.0),
    ]
    assert diegetic("render", "copy.toml", "--model", "mock")[0] == 0
    assert diegetic("caption", recording, "-o", "copy.toml")[0] == 2


def test_where_no_story_can_be_written_is_said_before_listening(diegetic: Run, recording: Path) -> None:
    code, out, err = diegetic("caption", recording, "-o", "/proc/copy.toml")
    assert (code, out) == (2, "")
    assert err.startswith("/proc: can't be written to; give another folder with -o")
    assert err.count("\n") == 1


def test_long_and_crowded_sounds_become_events_that_a_story_may_have() -> None:
    heard = [
        Heard("wind", "bed", 0.0, 60.0, 0.9),
        Heard("a click", "foreground", 59.9, 60.0, 0.9),
        Heard("a clack", "foreground", 59.5, 59.6, 0.9),
    ]
    events = story_of_heard(heard, 60.0, "mock").events
    assert [(e.caption, e.start_s, e.end_s) for e in events if e.lane == "bed"] == [
        ("wind", 0.0, 20.0),
        ("wind", 20.0, 40.0),
        ("wind", 40.0, 60.0),
    ]
    assert {e.lane for e in events} == {"bed", "foreground", "foreground-2"}


def test_a_recording_goes_on_from_its_own_last_moment(diegetic: Run, recording: Path, tmp_path: Path) -> None:
    model = ListeningModel()
    code, _, err = diegetic("extend", recording, "a door slams", "--seconds", 6, "-o", "out", model=model)
    assert code == 0, err
    story = read_story(tmp_path / "out/story.toml")
    assert [(e.id, e.caption, e.lane, e.start_s, e.duration_s, e.gain_db) for e in story.events] == [
        ("e1", "rain falling", "bed", 0.0, 3.0, 0.0),
        ("e2", "rain falling", "bed", 3.0, 6.0, -6.0),
        ("e3", "a door slams", "foreground", 3.0, 6.0, 0.0),
    ]
    assert [call for call in model.calls if call.startswith(("listen", "imagine"))] == [
        "listen e1",
        "imagine e2 held",
        "imagine e3",
    ]
    store = TakeStore(tmp_path / "out/takes")
    (first,) = store.of("e1")
    assert first.made.model == "recording"
    brought, _ = soundfile.read(recording, dtype="float32")
    np.testing.assert_allclose(store.samples(first), brought[-round((3 + OVERLAP_S) * RATE) :], atol=1e-4)


def test_the_story_of_a_recording_is_rendered_again_and_goes_on_like_any_other(
    diegetic: Run, recording: Path, tmp_path: Path
) -> None:
    diegetic("extend", recording, "--seconds", 5, "-o", "out")
    file = tmp_path / "out/story.toml"
    model = ListeningModel()
    assert diegetic("render", file, model=model)[0] == 0
    assert not [call for call in model.calls if call.startswith(("imagine", "listen"))]
    file.write_text(file.read_text().replace("start_s = 3\n", "start_s = 3\nseed = 9\n"))
    assert diegetic("render", file, model=model)[0] == 0
    assert [call for call in model.calls if call.startswith(("imagine", "listen"))] == ["listen e1", "imagine e2 held"]
    assert diegetic("continue", "out", "thunder", "--seconds", 3)[0] == 0


def test_without_a_text_the_model_says_what_follows(diegetic: Run, recording: Path, tmp_path: Path) -> None:
    model = ListeningModel()
    model.follows = "the storm passes"
    assert diegetic("extend", recording, "--seconds", 20, "-o", "out", model=model)[0] == 0
    story = read_story(tmp_path / "out/story.toml")
    assert story.instruction == "rain falling, then the storm passes"
    assert [event.caption for event in story.events] == ["rain falling", "rain falling", "the storm passes"]


def test_a_long_continuation_goes_on_in_windows(diegetic: Run, recording: Path, tmp_path: Path) -> None:
    assert diegetic("extend", recording, "--seconds", 60, "-o", "out")[0] == 0
    lengths = [event.duration_s for event in read_story(tmp_path / "out/story.toml").events]
    assert lengths == pytest.approx([3.0, 20.0, 20.0, 20.0])


def test_what_is_planned_beside_it_is_cut_at_the_end_and_never_the_same_sound_again(
    diegetic: Run, recording: Path, tmp_path: Path
) -> None:
    class Eager(ListeningModel):
        def continue_(
            self, memory: list[str], text: str, seconds: float, beds: Sequence[str] = (), look: Look = go_on
        ) -> Iterator[Planned]:
            for number, (caption, start, length) in enumerate([("rain falling", 3.0, 9.0), ("thunder", 4.0, 9.0)]):
                event = Event(f"e{number + 1}", caption, start, length)
                yield Planned(event, self._read(memory, event), "")

    assert diegetic("extend", recording, "thunder", "--seconds", 6.5, "-o", "out", model=Eager())[0] == 0
    events = read_story(tmp_path / "out/story.toml").events
    assert [(event.caption, event.start_s, event.end_s) for event in events] == [
        ("rain falling", 0.0, 3.0),
        ("rain falling", 3.0, 9.5),
        ("thunder", 4.0, 9.5),
    ]


def test_a_caption_given_counts_over_what_is_heard(diegetic: Run, recording: Path, tmp_path: Path) -> None:
    diegetic("extend", recording, "--caption", "hail on a roof", "--seconds", 5, "-o", "out")
    assert {event.caption for event in read_story(tmp_path / "out/story.toml").events} == {"hail on a roof"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("caption", "--ask", " "), "--ask: must be a question, got nothing; leave it out to hear what sounds when"),
        (("caption", "-o", ""), "-o: must name a file, got nothing; leave it out for no story"),
        (("extend", "--caption", "x" * 501), "--caption: must have at most 500 characters, got 501; reword it"),
    ],
)
def test_what_says_nothing_or_too_much_is_refused_before_work(
    arguments: tuple[str, ...], sentence: str, diegetic: Run, recording: Path
) -> None:
    model = ListeningModel()
    assert diegetic(arguments[0], recording, *arguments[1:], model=model) == (2, "", sentence + "\n")
    assert not model.calls


def test_a_blank_caption_is_none(diegetic: Run, recording: Path, tmp_path: Path) -> None:
    assert diegetic("extend", recording, "--caption", "  ", "--seconds", 5, "-o", "out")[0] == 0
    assert {event.caption for event in read_story(tmp_path / "out/story.toml").events} == {"rain falling"}


def test_ctrl_c_before_the_work_is_said(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(name: str, settings: object) -> None:
        raise KeyboardInterrupt

    assert run(["caption", str(recording)], Outside(check_name=stop)) == 130
    assert capsys.readouterr().err == "stopped; nothing was begun\n"


def test_a_model_that_cannot_listen_says_so(diegetic: Run, recording: Path) -> None:
    for command in ("caption", "extend"):
        code, _, err = diegetic(command, recording, model=MockModel())
        assert (code, err.splitlines()[-1]) == (1, "mock: can't listen to recordings; use --model pocket")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("none.wav", None, "none.wav: no such file; check the path"),
        ("text.wav", b"no sound at all", "text.wav: can't be read as sound (Format not recognised); give a WAV"),
        (".", None, ".: is no file; give a recording"),
    ],
)
@pytest.mark.parametrize("command", ["caption", "extend"])
def test_what_is_no_recording_is_one_sentence(
    command: str, name: str, content: bytes | None, sentence: str, diegetic: Run, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = diegetic(command, name)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(sentence)


def test_nothing_too_much_or_silence_is_one_sentence(diegetic: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 48_000)
    assert (
        diegetic("caption", "empty.wav")[2].splitlines()[-1].startswith("empty.wav: must last 0.2 s or more, got 0 s")
    )
    soundfile.write(tmp_path / "silent.wav", np.zeros((48_000, 1)), 48_000)
    soundfile.write(tmp_path / "offset.wav", np.full((48_000, 1), 0.3), 48_000)
    for name in ("silent.wav", "offset.wav"):
        assert diegetic("extend", name)[2].splitlines()[-1].startswith(f"{name}: is silent")
    write(tmp_path / "short.wav", 1.0)
    said = diegetic("extend", "short.wav")[2].splitlines()[-1]
    assert said == "recording: must last 1.8 s or more to go on from, got 1.00 s; give a longer one"


def test_three_hours_are_too_long_to_hear_but_not_to_go_on_from(diegetic: Run, tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "day.flac", "w", 8_000, 1) as file:
        noise = 0.1 * np.random.default_rng(2).standard_normal(8_000 * 60)
        for _ in range(3 * 60):
            file.write(noise)
    code, _, err = diegetic("caption", "day.flac")
    assert (code, err.splitlines()[-1]) == (2, "day.flac: must last 3600 s at most, got 10800 s; cut it into parts")
    code, _, err = diegetic("extend", "day.flac", "--seconds", 4, "-o", "out")
    assert code == 0, err
    assert "; lasts 10800 s: only its last 27.8 s are taken\n" in err
    assert read_story(tmp_path / "out/story.toml").events[0].duration_s == 27.0


def test_an_mp3_that_is_cut_off_is_as_long_as_what_is_left(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.mp3", 8.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 3.0 < read_recording(path, RATE).seconds < 5.0
    with pytest.raises(InputError, match=r"cut.mp3: ends sooner than it says; export it again"):
        read_recording(path, RATE, 2.0)


def test_a_telephones_recording_is_read_with_a_remark(diegetic: Run, tmp_path: Path) -> None:
    read = read_recording(write(tmp_path / "phone.wav", 3.0, 8_000, 1), 48_000)
    assert (read.samples.shape, read.rate_hz) == ((144_000, 1), 48_000)
    code, _, err = diegetic("caption", "phone.wav")
    assert code == 0
    assert err.splitlines()[-1] == "note: phone.wav is at 8000 Hz: nothing above 4 kHz can be heard in it"


def test_surround_is_read_as_one_channel(tmp_path: Path) -> None:
    read = read_recording(write(tmp_path / "surround.wav", 1.0, 48_000, 6), 48_000)
    assert (read.samples.shape, read.remark) == (
        (48_000, 1),
        "note: surround.wav has 6 channels: they are mixed to one",
    )
    with pytest.raises(InputError, match="aren't numbers"):
        soundfile.write(tmp_path / "nan.wav", np.full((9_600, 1), np.nan), 48_000, subtype="FLOAT")
        read_recording(tmp_path / "nan.wav", 48_000)
