"""Batches on a Ray cluster of two nodes: edited, damaged, from the command line; and one node killed in the middle."""

import json
import logging
import os
import secrets
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diegetic.batch import run as run_here
from diegetic.cli.app import run as command
from diegetic.cli.outside import Outside
from diegetic.director import Output, StoryModel
from diegetic.manifest import read_manifest
from diegetic.scenes import Result, Scene
from diegetic.settings import Settings
from diegetic.story import Told
from diegetic.story_file import read_story
from mock_command import known
from mock_model import MockModel
from story_files import without_times

pytestmark = pytest.mark.real

OUTPUT = Output(24_000)
OBJECT_STORE_BYTES = 80 << 20


def load(name: str, settings: Settings | None = None) -> StoryModel:
    if name == "broken":
        raise RuntimeError("weights are damaged")
    return MockModel(pause_s=0.4 if name == "slow" else 0.0, name=name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster whose head only keeps the books, and two nodes of one CPU and GPU each. They end with the tests."""
    with tempfile.TemporaryDirectory(prefix="r") as room, pytest.MonkeyPatch.context() as patch:
        for name in ("TMPDIR", "RAY_TMPDIR"):  # short, for its sockets; Ray reads all this as it is imported
            patch.setenv(name, room)
        (Path(room) / "token").write_text(secrets.token_hex(32))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", f"{room}/token")
        patch.setenv("PYTHONPATH", os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path))
        utils = pytest.importorskip("ray.cluster_utils", reason="needs Ray: pip install 'diegetic[ray]'")
        head = {"num_cpus": 0, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
        made = utils.Cluster(initialize_head=True, head_node_args=head)
        try:
            node = {"num_cpus": 1, "num_gpus": 1, "object_store_memory": OBJECT_STORE_BYTES}  # a GPU in name only
            made.nodes = [made.add_node(**node) for _ in range(2)]
            yield made
        finally:
            made.shutdown()


def on_cluster(cluster: Any, scenes: Sequence[Scene], device: Any, watch: Any = None) -> list[Result]:
    from diegetic.cluster.batch import Cluster, run

    return list(run(scenes, load, OUTPUT, Cluster(cluster.address, device, 1), watch or (lambda under_way: None)))


def here(scenes: Sequence[Scene]) -> list[Result]:
    return list(run_here(scenes, load, OUTPUT, 1, lambda under_way: None))


def test_an_edited_scene_keeps_its_takes_and_what_fails_on_a_node_is_told(cluster: Any, tmp_path: Path) -> None:
    scene = Scene(Path("a.txt"), Told("rain, a bell, thunder", 6.0), "mock", tmp_path / "a")
    assert here([scene])[0].state == "rendered"
    story = read_story(scene.folder / "story.toml")
    gong = replace(story.events[2], caption="a gong")
    edited = replace(scene, asked=replace(story, events=(*story.events[:2], gong, *story.events[3:])))
    broken = replace(scene, folder=tmp_path / "broken", model="broken")
    sounds = {path: path.stat().st_mtime_ns for path in (scene.folder / "takes").iterdir()}
    there, failed = sorted(on_cluster(cluster, [edited, broken], "cuda"), key=lambda result: result.state == "failed")
    assert there.state == "rendered", there
    assert (failed.state, failed.problem) == ("failed", "RuntimeError: weights are damaged")
    assert {path: path.stat().st_mtime_ns for path in sounds} == sounds
    assert read_manifest(scene.folder / "manifest.json").events[2].number == 2
    assert [each.state for each in on_cluster(cluster, [edited], "cuda")] == ["kept"]


def test_the_command_line_renders_on_a_cluster(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("roof.txt").write_text("rain on a roof")
    outside = Outside({}, check_name=known, load=load, threads=lambda settings: 1)
    told = ["render", "roof.txt", "--seconds", "4", "--model", "mock", "--json"]
    assert command([*told, "-o", "out", "--ray", cluster.address], outside) == 0
    assert json.loads(capsys.readouterr().out)["rendered"] == 1
    assert command([*told, "-o", "here/roof"], outside) == 0
    assert without_times(tmp_path / "out") == without_times(tmp_path / "here")
    assert command([*told, "-o", "other", "--ray", "127.0.0.1:1"], outside) == 1
    assert "--ray 127.0.0.1:1: no cluster can be reached there" in capsys.readouterr().err


def test_a_cluster_that_loses_a_node_writes_what_this_machine_would(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts, killed = ("rain, a bell, thunder", "wind, steps", "a dog, a gate"), threading.Event()

    def scenes(out: Path) -> list[Scene]:
        return [Scene(Path(text), Told(text, 6.0), "slow", out / f"scene {n}") for n, text in enumerate(texts)]

    def watch(under_way: Mapping[Scene, float]) -> None:
        if len(under_way) == 2 and min(under_way.values()) > 0.1 and not killed.is_set():
            killed.set()
            cluster.remove_node(cluster.nodes[0], allow_graceful=False)

    with caplog.at_level(logging.WARNING, "diegetic"):
        results = on_cluster(cluster, scenes(tmp_path / "there"), "cpu", watch)
    assert killed.is_set()
    assert len([record for record in caplog.records if "its generator was lost" in record.getMessage()]) == 1
    assert [result.state for result in results] == ["rendered"] * 3, results
    assert [result.state for result in here(scenes(tmp_path / "here"))] == ["rendered"] * 3
    assert without_times(tmp_path / "there") == without_times(tmp_path / "here")
