"""models pull, convert and remove: from a hub on this machine, or from a folder, to a model that renders."""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.model.hub import fetch, list_files
from diegetic.model.registry import load_model
from diegetic.settings import Settings
from fake_hub import FakeHub, serving
from made_up import released_state
from tiny_release import PRESET, RANK, tiny_config, tiny_model, write_release

Run = Callable[..., tuple[int, str, str]]
TINY = ("tiny", "--yes")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with the preset of a tiny release in it."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "tiny.toml").write_text(PRESET)
    return folder


@pytest.fixture
def release(tmp_path: Path) -> Path:
    config = tiny_config()
    return write_release(tmp_path / "ckpt", config, released_state(tiny_model(config), RANK))


@pytest.fixture
def hub(release: Path, tmp_path: Path) -> Iterator[FakeHub]:
    """A hub with the release as two repositories."""
    shutil.copytree(release, tmp_path / "hub/somebody/audiostory-tiny")
    shutil.move(tmp_path / "hub/somebody/audiostory-tiny/Qwen2.5-3B-Instruct", tmp_path / "hub/somebody/Qwen-tiny")
    with serving(FakeHub(tmp_path / "hub")) as hub:
        yield hub


@pytest.fixture
def diegetic(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))

    def command(*arguments: object, hub: str | None = "http://127.0.0.1:9", answer: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        environment = {"DIEGETIC_MODELS_FOLDER": str(models)}
        code = run(["models", *map(str, arguments)], Outside(environment=environment, hub=hub))
        return code, *capsys.readouterr()

    return command


def test_pull_fetches_converts_and_the_model_tells_a_story(diegetic: Run, hub: FakeHub, models: Path) -> None:
    code, out, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 0, err
    assert out.splitlines()[1] == 'diegetic render "..." --model tiny'
    assert "fetching audiostory-3B/pytorch_model.bin" in err
    assert {path.suffix for path in (models / "tiny").iterdir()} == {".safetensors", ".json"}
    assert not list((models / ".downloads").rglob("*.bin"))
    origin = json.loads((models / "tiny/origin.json").read_text())
    assert [Path(each["file"]).name for each in origin["from"]] == [
        "pytorch_model.bin",
        "model.safetensors",
        "tokenizer.json",
    ]
    told = load_model("tiny", Settings(models_folder=str(models)))
    assert list(told.plan(told.begin("a storm", 5)))
    listed = json.loads(diegetic("--json")[1])["models"]
    assert next(each for each in listed if each["name"] == "tiny")["state"] == "installed"


def test_a_repository_in_another_layout_than_a_pipelines_is_not_fetched(
    diegetic: Run, hub: FakeHub, models: Path
) -> None:
    other = hub.folder / "stabilityai/stable-audio-3-small-sfx/text_encoder"
    other.mkdir(parents=True)
    (other / "model.safetensors").write_bytes(b"much")
    code, _, err = diegetic("pull", "stable-audio-3-small-sfx", "--yes", hub=hub.address)
    assert code == 1
    assert "has no model_index.json" in err
    assert "convert it" in err
    assert not hub.ranges


def test_pull_says_how_much_and_under_which_licences_and_asks(diegetic: Run, hub: FakeHub, models: Path) -> None:
    code, out, err = diegetic("pull", "tiny", hub=hub.address, answer="n\n")
    assert (code, out) == (0, "nothing was fetched\n")
    for said in (
        "pytorch_model.bin: 0.00 GB",
        "GB to fetch into",
        "licence of somebody/Qwen-tiny: free",
        "not for sale",
    ):
        assert said in err
    assert not (models / "tiny").exists()
    assert not hub.ranges
    assert diegetic("pull", "tiny", hub=hub.address)[0] == 2
    assert diegetic("pull", "tiny", "--json", hub=hub.address)[0] == 2
    assert diegetic("pull", "tiny", hub=hub.address, answer="y\n")[0] == 0


def test_a_fetch_that_broke_off_or_was_stopped_goes_on_where_it_was(
    diegetic: Run, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1_000)
    files = list_files(tiny_config(), hub.address)

    def stop(text: str, share: float) -> None:
        if "pytorch_model" in text and share > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(fetch(files, models / ".downloads/tiny", "tiny", stop, hub.address))
    (broken,) = models.rglob("*.part")
    size = broken.stat().st_size
    assert size > 1_000
    hub.cut_after = 5_000
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 0, err
    assert f"bytes={size}-" in hub.ranges
    assert f"bytes={size + 5_000}-" in hub.ranges


def test_a_file_that_is_not_what_the_hub_says_is_refused(diegetic: Run, hub: FakeHub, models: Path) -> None:
    hub.lies = {"audiostory-3B/pytorch_model.bin"}
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 1
    assert "pytorch_model.bin: isn't what somebody/audiostory-tiny says it is (checksum)" in err
    assert not list(models.rglob("pytorch_model.bin"))
    assert not (models / "tiny/model.safetensors.index.json").exists()


@pytest.mark.parametrize("offline", [False, True])
def test_where_no_hub_is_reachable_one_sentence_says_what_to_do(
    diegetic: Run, models: Path, offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if offline:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, out, err = diegetic("pull", *TINY)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "hub can't be reached" in err
    assert "give their folder with --from" in err


def test_a_repository_that_is_not_there_is_named(diegetic: Run, hub: FakeHub) -> None:
    shutil.rmtree(hub.folder / "somebody/Qwen-tiny")
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 1
    assert "somebody/Qwen-tiny: isn't on the hub" in err


def test_pull_takes_a_folder_in_place_of_the_hub(diegetic: Run, release: Path, models: Path) -> None:
    code, _, err = diegetic("pull", "tiny", "--from", release, answer="y\n")
    assert code == 0, err
    assert "licence of somebody/audiostory-tiny: for research" in err
    assert (models / "tiny/model.safetensors.index.json").exists()
    assert (release / "audiostory-3B/pytorch_model.bin").exists()
    assert diegetic("pull", *TINY)[2].startswith("tiny: is in ")


def test_convert_writes_a_folder_elsewhere(diegetic: Run, release: Path, tmp_path: Path) -> None:
    code, out, err = diegetic("convert", release, "-o", tmp_path / "out", "--model", "tiny", "--json")
    assert code == 0, err
    assert json.loads(out)["folder"] == str(tmp_path / "out")
    assert diegetic("convert", release, "-o", tmp_path / "out", "--model", "tiny")[0] == 2
    code, _, err = diegetic("convert", tmp_path / "out", "-o", tmp_path / "again", "--model", "tiny")
    assert (code, "is converted already" in err) == (1, True)


def test_remove_deletes_what_was_pulled(diegetic: Run, release: Path, models: Path) -> None:
    diegetic("pull", *TINY, "--from", release)
    assert diegetic("remove", "tiny", answer="n\n")[1] == "tiny: nothing was deleted\n"
    assert (models / "tiny").exists()
    assert diegetic("remove", *TINY)[0] == 0
    assert not (models / "tiny").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("pull", "pocket"), "pocket: is in the box; there is nothing to pull"),
        (("pull", "poket"), "model: unknown model 'poket'; did you mean 'pocket'?"),
        (("remove", "pocket"), "pocket: is in the box and can't be removed"),
        (("remove", "tiny"), "tiny: isn't on this machine"),
        (("pull", "tiny", "--yes", "--from", "nowhere"), "nowhere: is no folder"),
        (("convert", "nowhere", "-o", "out", "--model", "pocket"), "nowhere: is no folder"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(diegetic: Run, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = diegetic(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1
