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
from diegetic.model.install import alone
from diegetic.model.registry import load_model, model_named
from diegetic.settings import Settings
from disks import mount, mounted
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
    assert "licence of somebody/Qwen-tiny: free" in err
    assert "not for sale" in err
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


def test_a_small_file_is_compared_with_what_git_knows_it_by(diegetic: Run, hub: FakeHub, models: Path) -> None:
    text = (hub.folder / "somebody/Qwen-tiny/tokenizer.json").read_bytes()
    hub.small, hub.instead = {"tokenizer.json"}, {"tokenizer.json": text.replace(b'"', b"'", 1)}
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert (code, "tokenizer.json: isn't what somebody/Qwen-tiny says it is" in err) == (1, True)
    hub.instead = {}
    assert diegetic("pull", *TINY, hub=hub.address)[0] == 0


def test_what_came_in_a_files_place_and_is_longer_is_fetched_anew(diegetic: Run, hub: FakeHub) -> None:
    hub.instead = {"config.yaml": b"<html>log in to this network" + bytes(1_000)}
    assert diegetic("pull", *TINY, hub=hub.address)[0] == 1
    hub.instead = {}
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 0, err


def test_after_another_commit_what_changed_is_fetched_anew_and_what_did_not_goes_on(
    diegetic: Run, hub: FakeHub, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1_000)

    def stop(text: str, share: float) -> None:
        if "pytorch_model" in text and share > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(fetch(list_files(tiny_config(), hub.address), models / ".downloads/tiny", "tiny", stop, hub.address))
    (broken,) = models.rglob("*.part")
    size = broken.stat().st_size
    config = hub.folder / "somebody/audiostory-tiny/audiostory-3B/config.yaml"
    config.write_text(config.read_text().replace("num_aud_out_tokens: 2", "num_aud_out_tokens: 5"))
    hub.commit = "c" * 40
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 0, err
    assert f"bytes={size}-" in hub.ranges
    assert json.loads((models / "tiny/origin.json").read_text())["bridge"]["residual"] == 5


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ((403, "GatedRepo"), "accept it, then `hf auth login`"),
        ((401, ""), "`hf auth login`, or correct HF_TOKEN"),
        ((503, ""), "the hub refuses it with 503 Service Unavailable; run the same command again later"),
    ],
)
def test_what_the_hub_refuses_is_told_from_no_hub(
    refusal: tuple[int, str], said: str, diegetic: Run, hub: FakeHub
) -> None:
    hub.refusal = refusal
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 1
    assert err.splitlines()[-1].startswith("somebody/audiostory-tiny: ")
    assert said in err
    assert "can't be reached" not in err


def test_a_model_is_pulled_or_removed_by_one_process_at_a_time(
    diegetic: Run, hub: FakeHub, release: Path, models: Path
) -> None:
    diegetic("pull", *TINY, "--from", release)
    with alone(model_named("tiny", models)):
        assert "tiny: is being pulled or removed by another process" in diegetic("remove", *TINY)[2]
    diegetic("remove", *TINY)
    with alone(model_named("tiny", models)):
        for way in ((), ("--from", release)):
            code, _, err = diegetic("pull", *TINY, *way, hub=hub.address)
            assert (code, "tiny: is being pulled or removed by another process" in err) == (1, True)


@pytest.fixture
def small_disk(tmp_path: Path, models: Path) -> Iterator[Path]:
    """The models folder on a disk of 1 MB."""
    preset = (models / "tiny.toml").read_text()
    shutil.rmtree(models)
    for disk in mounted(models, 1):
        (disk / "tiny.toml").write_text(preset)
        yield disk


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(
    diegetic: Run, hub: FakeHub, small_disk: Path
) -> None:
    (small_disk / "other").write_bytes(bytes(900_000))
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert (code, hub.ranges) == (1, [])
    assert "choose another folder by models_folder in the settings" in err


def test_a_models_folder_that_is_read_only_is_told(diegetic: Run, hub: FakeHub, small_disk: Path) -> None:
    mount("-o", "remount,ro", small_disk)
    code, _, err = diegetic("pull", *TINY, hub=hub.address)
    assert code == 1
    assert "can't be written (read-only file system); choose another folder by models_folder" in err


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
    code, _, err = diegetic("convert", release, "-o", tmp_path / "out/origin.json", "--model", "tiny")
    assert (code, "origin.json: is there and is no empty folder" in err) == (2, True)
    code, _, err = diegetic("convert", tmp_path / "out", "-o", tmp_path / "again", "--model", "tiny")
    assert (code, "is converted already" in err) == (1, True)


def test_remove_deletes_what_was_pulled(diegetic: Run, release: Path, models: Path) -> None:
    diegetic("pull", *TINY, "--from", release)
    assert diegetic("remove", "tiny", answer="n\n")[1] == "tiny: nothing was deleted\n"
    assert (models / "tiny").exists()
    assert diegetic("remove", *TINY)[0] == 0
    assert not (models / "tiny").exists()
    (models / ".downloads/tiny").mkdir()
    (models / ".downloads/tiny/half.part").write_bytes(bytes(60_000_000))
    assert diegetic("remove", *TINY)[1] == "tiny: removed, 0.1 GB\n"
    assert not (models / ".downloads/tiny").exists()


def test_weights_behind_a_link_are_not_said_to_be_removed(diegetic: Run, release: Path, models: Path) -> None:
    (models / "tiny").symlink_to(release)
    code, _, err = diegetic("remove", *TINY)
    assert (code, f"tiny: is a link to {release}" in err) == (2, True)
    assert (models / "tiny").exists()


def test_names_of_any_length_stand_apart_in_the_list(diegetic: Run) -> None:
    names = [line.split()[0] for line in diegetic()[1].splitlines() if not line.startswith(" ")]
    assert "stable-audio-3-small-sfx" in names


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
