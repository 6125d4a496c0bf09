"""The model in the box as it ships: its size, its plans, the same samples again, and stories in a user's own sounds."""

import asyncio
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from diegetic.audio.rooms import CAVE
from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.generator.client import Generator
from diegetic.live.parameters import said
from diegetic.model.attributes import treatment_of
from diegetic.model.config import read_config
from diegetic.model.loading import digest_of
from diegetic.model.registry import load_model, presets_folder
from diegetic.protocol import Planned, StoryModel
from diegetic.settings import Settings

POCKET = presets_folder() / "models/pocket"
RATE = 48_000

pytestmark = pytest.mark.skipif(not (POCKET / "network.safetensors").exists(), reason="pocket's weights aren't here")


@pytest.fixture(scope="module")
def pocket() -> StoryModel:
    return load_model("pocket", Settings())


def test_it_is_small_enough_for_the_box() -> None:
    sizes = [path.stat().st_size for path in POCKET.rglob("*") if path.is_file()]
    assert sum(sizes) <= 190_000_000
    assert max(sizes) <= 45_000_000


@pytest.mark.parametrize(
    ("text", "seconds", "told"),
    [
        ("A storm breaks over a harbour: rain on the water, thunder, a ship's bell", 40, ["rain", "thunder", "bell"]),
        ("A dog barks, then a door slams", 12, ["dog", "door"]),
        ("a helicopter lands while people cheer", 20, ["helicopter", "people"]),
        ("quiet forest at night with an owl and then wolves howl", 90, ["forest", "owl", "wol"]),
    ],
)
def test_every_sound_that_is_told_is_planned(pocket: StoryModel, text: str, seconds: float, told: list[str]) -> None:
    events = [each.event for each in pocket.plan(pocket.begin(text, seconds))]
    captions = "; ".join(event.caption for event in events)
    assert [word for word in told if word not in captions] == []
    assert max(event.end_s for event in events) == seconds


def test_what_is_told_in_an_order_begins_in_it_and_one_sound_is_one(pocket: StoryModel) -> None:
    in_order, one = (
        [each.event for each in pocket.plan(pocket.begin(text, seconds))]
        for text, seconds in (("Birds sing, then rain falls, then it pours.", 40), ("A siren wails.", 30))
    )
    starts = {event.caption: event.start_s for event in reversed(in_order)}  # of a bed's windows the first
    assert starts["Birds sing"] < starts["rain falls"] < starts["pours"]
    assert {event.caption for event in one} == {"A siren wails"}


@pytest.mark.parametrize("text", ["急に雨が降る 🌧️", "x", "!!!", "rain " * 300])
def test_odd_texts_are_planned_too(pocket: StoryModel, text: str) -> None:
    events = [each.event for each in pocket.plan(pocket.begin(text, 10))]
    assert 1 <= len(events) <= 12
    assert max(event.end_s for event in events) == 10


@pytest.mark.parametrize("text", ["Seagulls cry overhead", "A clap of thunder, close by"])
def test_what_parameters_add_is_heard_of_the_sound_and_is_none_of_its_own(pocket: StoryModel, text: str) -> None:
    memory = pocket.begin("Waves roll in on a rocky shore", 10)
    list(pocket.plan(memory))
    told = said(text, {"intensity": 0.9}, {"place": "cave"})
    event, *others = [each.event for each in pocket.continue_(memory, told, 4)]
    assert others == []
    heard = treatment_of(event, "")
    assert (heard.room, heard.gain_db >= 4) == (CAVE, True)


@pytest.mark.parametrize("text", ["a single knock", "glass breaks", "wind howls"])
@pytest.mark.parametrize("seconds", [2.0, 5.0, 20.0])
def test_a_cue_is_the_sound_that_it_says_for_as_long_as_it_says(pocket: StoryModel, text: str, seconds: float) -> None:
    memory = pocket.begin("Rain on a roof, then a bell", 12)
    list(pocket.plan(memory))
    (event,) = (each.event for each in pocket.continue_(memory, text, seconds))
    assert event.caption in text
    assert (event.start_s, event.duration_s) == (12.0, seconds)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is given back as glibc does")
def test_its_memory_is_given_back_when_it_is_unloaded() -> None:
    async def held_mb() -> tuple[float, float]:
        generator = Generator(partial(load_model, settings=Settings()), "pocket", lambda: None)
        await generator.start()
        try:
            await generator.load("pocket")
            loaded = generator.memory_bytes
            await generator.unload()
            return loaded / 1e6, generator.memory_bytes / 1e6
        finally:
            await generator.stop()

    loaded, unloaded = asyncio.run(held_mb())
    assert unloaded < loaded - 250


def test_the_first_event_can_sound_while_later_ones_are_planned(pocket: StoryModel) -> None:
    plan = pocket.plan(pocket.begin("A dog barks, then a door slams, then rain", 15))
    first = next(plan)
    assert sound(pocket, first).shape[1] == 2
    assert list(plan), "nothing was left to plan"


def test_a_plan_that_is_rendered_meanwhile_is_the_same_plan(pocket: StoryModel) -> None:
    def told(render: bool) -> Iterator[tuple[str, bytes]]:
        for each in pocket.plan(pocket.begin("A dog barks, then a door slams", 12)):
            yield each.event.caption, sound(pocket, each).tobytes() if render else b""

    rendered = list(told(True))
    assert [caption for caption, _ in rendered] == [caption for caption, _ in told(False)]
    assert rendered == list(told(True))


def test_a_story_rendered_twice_is_the_same_to_the_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("a", "b"):
        arguments = ["render", "A dog barks in the rain", "--seconds", "6", "-o", str(tmp_path / folder), "--json"]
        assert run(arguments, Outside()) == 0, capsys.readouterr().err
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.wav"))
    assert len(files) >= 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_a_story_is_told_in_the_sound_of_a_users_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A library in which a dog is a tone of 700 Hz: that is what is heard of a dog, in stereo, above 20 kHz too."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    library = tmp_path / "library"
    library.mkdir()
    time = np.arange(RATE * 3) / RATE
    bark = np.sin(2 * np.pi * 700 * time) + 0.1 * np.sin(2 * np.pi * 21_000 * time)
    soundfile.write(library / "Dog_Barking 01.wav", np.stack([bark, bark], axis=1) * 0.3, RATE, "PCM_24")
    soundfile.write(library / "Cold-Wind.wav", np.random.default_rng(0).standard_normal(RATE * 5) * 0.1, RATE)
    (library / "broken.wav").write_bytes(b"nothing that sounds")
    assert run(["bank", "add", str(library), "--name", "mine", "--json"], Outside()) == 0
    said = capsys.readouterr()
    assert "broken.wav" in said.err
    assert json.loads(said.out)
    arguments = ["render", "A dog barks", "--seconds", "4", "-o", str(tmp_path / "dog"), "--model", "pocket+mine"]
    assert run(arguments, Outside()) == 0, capsys.readouterr().err
    samples, _ = soundfile.read(tmp_path / "dog/mix.wav")
    spectrum = np.abs(np.fft.rfft(samples.mean(1))) ** 2
    pitches_hz = np.fft.rfftfreq(len(samples), 1 / RATE)
    assert pitches_hz[spectrum.argmax()] == pytest.approx(700, abs=15)
    assert spectrum[pitches_hz > 20_500].sum() > 1e-4 * spectrum.sum()


def sound(model: StoryModel, planned: Planned) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One planned event, rendered."""
    latents = model.imagine(planned.condition, planned.event, 1, None, lambda done, total: None)
    return model.decode(latents, planned.condition, planned.event, 1)


def test_its_ear_hears_most_kinds_of_the_banks_own_recordings() -> None:
    from diegetic.model.bank.library import Bank
    from diegetic.model.ear import Ear
    from diegetic.model.loading import EAR, SPACE, read_space

    folder = presets_folder() / "models" / "pocket"
    ear, bank = Ear.read(folder / EAR, read_space(folder / SPACE)), Bank(folder / "bank")
    chosen = range(0, bank.index.recordings, 67)
    right = 0
    for recording in chosen:
        heard = ear.hear(bank.audio(recording).mean(1))
        own = bank.index.captions[bank.index.caption_offsets[recording] : bank.index.caption_offsets[recording + 1]]
        assert heard is not None
        vectors = bank.index.embeddings[own].astype(np.float32)
        right += float((vectors @ heard.called).max()) > 0.5
    assert right > 0.5 * len(chosen)


def test_another_edition_of_the_decoder_is_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = read_config(presets_folder() / "models/pocket.toml")
    before = digest_of(config, tmp_path, None)
    monkeypatch.setattr("diegetic.model.loading.EDITION", 0)
    assert digest_of(config, tmp_path, None) != before
