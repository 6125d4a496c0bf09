"""Other renderers under the same plan: pipelines of diffusers, here with some thousand random weights."""

import json
import re
import shutil
import warnings
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Model

from diegetic.director import Output, render_story
from diegetic.errors import Cancelled, Failure, InputError
from diegetic.folder import StoryFolder
from diegetic.model.config import PipelineConfig, PipelinePreset, read_preset
from diegetic.model.install import convert_release
from diegetic.model.pipeline import PipelineModel, load_pipeline, rate_of
from diegetic.model.registry import known_models, load_model, presets_folder
from diegetic.settings import Settings
from diegetic.story import OVERLAP_S, Event, Told
from mock_model import MockModel
from tiny_pipelines import audioldm2, stable_audio_3

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")

SA3 = PipelineConfig("StableAudio3Pipeline", "duration", 2, 1.0, 120.0, "StableAudio3InpaintPipeline")
LDM2 = PipelineConfig(
    "AudioLDM2Pipeline", "audio_length_in_s", 2, 3.5, 2.0, arguments={"max_new_tokens": 2, "negative_prompt": "bad"},
    parts={"language_model": "GPT2LMHeadModel"},
)  # fmt: skip
RAIN = Event("e1", "rain", 0.0, 3.0)


def silent(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline as it is saved."""
    folder = tmp_path_factory.mktemp("pipeline")
    stable_audio_3().save_pretrained(folder)
    return folder


@pytest.fixture
def model() -> PipelineModel:
    return PipelineModel("sa3", "digest", SA3, stable_audio_3(), MockModel())


def draw(model: PipelineModel, event: Event = RAIN, seed: int = 1, **rest: Any) -> np.ndarray:
    (condition,) = model.recall(model.begin("rain", 3.0), "", [event])
    latents = model.imagine(condition, event, seed, rest.get("held"), rest.get("watch", silent))
    return model.decode(latents, condition, event, seed)


def test_a_story_is_planned_by_the_planner_and_sounds_by_the_pipeline(model: PipelineModel, tmp_path: Path) -> None:
    done = render_story(
        model, Told("rain, a door", 6.0), StoryFolder(tmp_path / "out"), Output(), lambda progress: None
    )
    assert [event.caption for event in done.story.events] == ["quiet air", "rain", "a door"]
    assert (tmp_path / "out/mix.wav").exists()
    assert done.story.model == "sa3"


def test_the_seed_and_the_caption_shape_the_sound(model: PipelineModel) -> None:
    first = draw(model)
    assert first.shape == (3_000, 2)
    assert np.isfinite(first).all()
    assert first.any()
    np.testing.assert_array_equal(first, draw(model))
    assert not np.array_equal(first, draw(model, seed=2))
    assert not np.array_equal(first, draw(model, replace(RAIN, caption="door")))


def test_steps_are_told_and_a_stop_is_heeded(model: PipelineModel) -> None:
    steps: list[int] = []
    draw(model, watch=lambda done, total: steps.append(done))
    assert steps == [0, 1, 2, 2]

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        draw(model, watch=stop)


def test_an_inpainting_pipeline_is_given_what_goes_on(model: PipelineModel) -> None:
    asked: dict[str, Any] = {}
    inpaint = model._inpaint

    class Seen:
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            asked.update(kwargs)
            return inpaint(*args, **kwargs)

    Seen.__call__.__signature__ = __import__("inspect").signature(inpaint.__call__)  # type: ignore[attr-defined]
    model._inpaint = Seen()
    held = np.random.default_rng(0).standard_normal((4_000, 2)).astype(np.float32)
    assert draw(model, held=held).shape == (3_000, 2)
    np.testing.assert_array_equal(asked["audio"][0, :, :800].T, held[-800:])
    assert (asked["mask_start_seconds"], asked["mask_end_seconds"]) == (OVERLAP_S, 3.0)


def test_without_one_a_sound_fades_out_of_what_it_goes_on_from() -> None:
    model = PipelineModel("sa3", "digest", replace(SA3, inpaint_class=""), stable_audio_3(), MockModel())
    held = np.full((4_000, 2), 0.5, np.float32)
    drawn, alone = draw(model, held=held), draw(model)
    assert abs(float(drawn[0, 0]) - 0.5) < 1e-3
    np.testing.assert_array_equal(drawn[800:], alone[800:])
    (condition,) = model.recall(model.begin("rain", 3.0), "", [RAIN])
    before = model.imagine_before(condition, RAIN, 1, held, silent)
    assert abs(float(before[-1, 0]) - 0.5) < 1e-2


def test_what_is_longer_than_the_pipeline_can_is_drawn_in_windows() -> None:
    pipe = audioldm2()
    model = PipelineModel("ldm2", "digest", LDM2, pipe, MockModel())
    assert model.sample_rate == rate_of(pipe) == 16_000
    samples = draw(model, replace(RAIN, duration_s=4.0))
    assert samples.shape == (64_000, 1)
    assert samples[-1_000:].any()
    assert not np.array_equal(samples[:19_200], samples[19_200:38_400])


@pytest.mark.parametrize(("seconds", "windows"), [(3.0, 1), (5.2, 2), (7.5, 4)])
def test_how_far_an_event_is_counts_all_its_windows(seconds: float, windows: int) -> None:
    longest_s = {1: 3.0, 2: 3.0, 4: 2.5}[windows]
    model = PipelineModel("sa3", "digest", replace(SA3, longest_s=longest_s), stable_audio_3(), MockModel())
    told: list[tuple[int, int]] = []
    draw(model, replace(RAIN, duration_s=seconds), watch=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert {total for _, total in told} == {2 * windows}
    assert told[-1][0] == 2 * windows


def test_a_pipeline_is_loaded_from_its_folder(folder: Path) -> None:
    preset = PipelinePreset("sa3", SA3)
    model = load_pipeline(preset, folder, Settings(device="cpu"), MockModel())
    assert draw(model).shape == (3_000, 2)
    other = load_pipeline(replace(preset, pipeline=replace(SA3, steps=3)), folder, Settings(device="cpu"), MockModel())
    assert other.digest != model.digest
    with pytest.raises(Failure, match="can't be loaded as AudioLDM2Pipeline"):
        load_pipeline(PipelinePreset("sa3", LDM2), folder, Settings(device="cpu"), MockModel())
    wrong = replace(SA3, class_name="StableAudio9Pipeline")
    with pytest.raises(Failure, match="has no StableAudio9Pipeline"):
        load_pipeline(PipelinePreset("sa3", wrong), folder, Settings(device="cpu"), MockModel())


def test_audioldm2_is_loaded_though_its_files_name_a_model_that_cannot_write(tmp_path: Path) -> None:
    pipe = audioldm2()
    pipe.save_pretrained(tmp_path)
    GPT2Model.from_pretrained(tmp_path / "language_model").save_pretrained(tmp_path / "language_model")
    index = json.loads((tmp_path / "model_index.json").read_text())
    index["language_model"] = ["transformers", "GPT2Model"]  # as of cvssp/audioldm2
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    short = replace(RAIN, duration_s=0.5)
    loaded = load_pipeline(PipelinePreset("ldm2", LDM2), tmp_path, Settings(device="cpu"), MockModel())
    whole = PipelineModel("ldm2", "digest", LDM2, pipe, MockModel())
    np.testing.assert_array_equal(draw(loaded, short), draw(whole, short))
    assert read_preset(presets_folder() / "models" / "audioldm2.toml").pipeline.parts == LDM2.parts  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seconds_as": "durations"}, "unknown argument of StableAudio3Pipeline 'durations'; did you mean 'duration'?"),
        ({"arguments": {"negative_promt": "bad"}}, "did you mean 'negative_prompt'?"),
        ({"inpaint_class": "StableAudio3Pipeline"}, "unknown argument of StableAudio3Pipeline 'audio'"),
        ({"class_name": "DanceDiffusionPipeline"}, "unknown argument of DanceDiffusionPipeline 'duration'"),
        ({"class_name": "UNet2DModel"}, "UNet2DModel of diffusers is no pipeline"),
        ({"class_name": "__version__"}, "__version__ of diffusers is no pipeline"),
        ({"parts": {"text_encoder": "T6"}}, "has no T6"),
    ],
)
def test_a_preset_that_does_not_fit_its_pipeline_is_refused(wrong: dict[str, Any], said: str, folder: Path) -> None:
    preset = PipelinePreset("sa3", replace(SA3, **wrong))
    with pytest.raises(InputError, match=re.escape(said)):
        load_pipeline(preset, folder, Settings(device="cpu"), MockModel())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"longest_s": OVERLAP_S}, "longest_s must be above 0.8"),
        ({"prompt": "{caption} {mood}"}, "no other braces"),
        ({"prompt": "{caption} {"}, "no other braces"),
        ({"prompt": "a sound"}, "must have {caption} in it"),
    ],
)
def test_numbers_and_words_of_a_preset_are_checked(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        replace(SA3, **wrong)


def test_loading_says_nothing_of_its_own(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        load_pipeline(PipelinePreset("sa3", SA3), folder, Settings(device="cpu"), MockModel())
    assert "Loading" not in capfd.readouterr().err
    assert not warned


@pytest.mark.parametrize("name", ["sampling_rate", "sample_rate"])
def test_the_rate_is_the_codecs_whichever_name_it_has(name: str) -> None:
    assert rate_of(SimpleNamespace(vae=SimpleNamespace(config=SimpleNamespace(**{name: 24_000})))) == 24_000


def test_a_missing_package_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*args: Any, **kwargs: Any) -> None:
        raise ImportError("\nT5Tokenizer requires the sentencepiece library\n")

    monkeypatch.setattr("diffusers.StableAudio3Pipeline.from_pretrained", without)
    with pytest.raises(Failure, match=r"sa3: a package is missing \(T5Tokenizer requires"):
        load_pipeline(PipelinePreset("sa3", SA3), folder, Settings(device="cpu"), MockModel())


def test_a_damaged_pipeline_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "cut")
    weights = next((tmp_path / "cut/transformer").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(Failure, match=r"can't be loaded as StableAudio3Pipeline .*; `diegetic models remove sa3`"):
        load_pipeline(PipelinePreset("sa3", SA3), tmp_path / "cut", Settings(device="cpu"), MockModel())


def test_a_pipelines_files_are_taken_as_they_are(folder: Path, tmp_path: Path) -> None:
    preset = PipelinePreset("sa3", SA3)
    done = convert_release(preset, folder, tmp_path / "models/sa3", "bfloat16", lambda text, share: None)
    names = {str(path.relative_to(done.folder)) for path in done.folder.rglob("*") if path.is_file()}
    assert {"model_index.json", "origin.json", "transformer/config.json"} <= names
    assert draw(load_pipeline(preset, done.folder, Settings(device="cpu"), MockModel())).any()
    (tmp_path / "empty").mkdir()
    with pytest.raises(Failure, match=r"has no model_index\.json"):
        convert_release(preset, tmp_path / "empty", tmp_path / "models/other", "bfloat16", lambda text, share: None)


def test_presets_of_both_kinds_are_models(tmp_path: Path) -> None:
    known = {info.name: info.state for info in known_models(tmp_path)}
    assert known["stable-audio-3-small-sfx"] == known["audioldm2"] == known["audiostory-3b"] == "missing"
    preset = read_preset(presets_folder() / "models" / "stable-audio-3-small-sfx.toml")
    assert isinstance(preset, PipelinePreset)
    assert (preset.pipeline.steps, preset.pipeline.planner) == (8, "pocket")
    with pytest.raises(Failure, match="`diegetic models pull audioldm2` fetches them"):
        load_model("audioldm2", Settings(models_folder=str(tmp_path)))
    with pytest.raises(InputError, match=r"must have \{caption\} in it"):
        (tmp_path / "own.toml").write_text(
            'name = "own"\n[pipeline]\nclass_name = "X"\nseconds_as = "s"\nsteps = 1\nguidance = 1.0\nlongest_s = 9.0\n'
            'prompt = "a sound"\n'
        )
        known_models(tmp_path)
