"""Ctrl-C sent to a real process in each stage: what stays, what is said, and that the next command goes on."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGINT can't be sent to another process there")

SCENE = "rain on the water, thunder, a ship's bell"
STORY = ("render", SCENE, "--seconds", "12", "--rate", "16000", "--model", "mock", "-o", "storm")

# A process with the command line and a mock model. It creates the file `at` when it reaches the stage named by
# argv[1], and stays there for argv[2] seconds; then it creates the file `over`.
PROGRAM = """
import sys, time
from pathlib import Path
from diegetic import bounce, director
from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from mock_model import MockModel

stage, pause_s, arguments = sys.argv[1], float(sys.argv[2]), sys.argv[3:]

def reach(name):
    if name == stage:
        Path("at").touch()
        until = time.monotonic() + pause_s
        while time.monotonic() < until:
            time.sleep(0.01)
        Path("over").touch()

class Slow(MockModel):
    def plan(self, memory, look):
        for number, planned in enumerate(super().plan(memory, look)):
            if number == 1:
                reach("plan")
            yield planned

    def imagine(self, condition, event, seed, held, watch):
        if event.id == "e2":
            reach("diffuse")
        return super().imagine(condition, event, seed, held, watch)

    def decode(self, latents, condition, event, seed, hear):
        if event.id == "e2":
            reach("decode")
        return super().decode(latents, condition, event, seed, hear)

    def save(self, memory):  # called while files are written, when story.toml is there
        reach("write")
        return super().save(memory)

def load(name, settings):
    reach("load")
    return Slow()

sys.exit(run(arguments, Outside(load=load, check_name=lambda name, settings: None)))
"""


@pytest.fixture
def stopped(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Run a command until it reaches a stage, send SIGINT `times` times: (exit code, stderr)."""

    def run(stage: str, *arguments: str, pause_s: float = 1.0, times: int = 1) -> tuple[int, str]:
        (tmp_path / "at").unlink(missing_ok=True)
        process = subprocess.Popen(command(stage, pause_s, *arguments), cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while not (tmp_path / "at").exists():
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        for number in range(times):
            time.sleep(0.2 * (number > 0))  # until the one before it is answered
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        return process.returncode, err

    return run


def command(stage: str, pause_s: float, *arguments: str) -> list[str]:
    """The process, with this folder and the engine's on its path."""
    path = f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}\n"
    return [sys.executable, "-c", path + PROGRAM, stage, str(pause_s), *arguments]


def go_on(folder: Path, *arguments: str) -> dict[str, list[str]]:
    """Run a command to its end; its line of JSON."""
    done = subprocess.run(command("", 0, *arguments, "--json"), cwd=folder, capture_output=True, text=True, check=True)
    facts: dict[str, list[str]] = json.loads(done.stdout)
    return facts


@pytest.mark.parametrize(("stage", "finished"), [("load", 0), ("plan", 1), ("diffuse", 1), ("decode", 1), ("write", 4)])
def test_the_first_ctrl_c_keeps_finished_takes(
    stopped: Callable[..., tuple[int, str]], tmp_path: Path, stage: str, finished: int
) -> None:
    code, err = stopped(stage, *STORY)
    assert code == 130, err
    assert err.splitlines()[-1].startswith("stopped; ")
    assert "same command" in err.splitlines()[-1]
    assert "Traceback" not in err
    takes = list(tmp_path.glob("storm/takes/*.json"))
    assert finished <= len(takes) <= finished + (stage == "decode")
    for file in tmp_path.rglob("*.wav"):
        soundfile.read(file)
    assert not list(tmp_path.rglob("*.tmp"))
    assert len(go_on(tmp_path, *STORY)["kept"]) == len(takes)


def test_loading_stops_at_once(stopped: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    assert stopped("load", *STORY, pause_s=30)[0] == 130
    assert not (tmp_path / "over").exists()


def test_a_second_ctrl_c_ends_the_process_at_once(stopped: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, _ = stopped("decode", *STORY, pause_s=30, times=2)
    assert code == -signal.SIGINT
    assert not (tmp_path / "over").exists()


def test_a_stopped_continuation_is_told_once(stopped: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    go_on(tmp_path, *STORY)
    more = ("continue", "storm", "a door slams", "--seconds", "3")
    code, err = stopped("load", *more)
    assert (code, "same command" in err) == (130, True)
    code, err = stopped("write", *more)
    assert (code, "go on with `diegetic render storm/story.toml`" in err) == (130, True)
    facts = go_on(tmp_path, "render", "storm/story.toml")
    assert (facts["seconds"], len(facts["rendered"]), len(facts["kept"])) == (15, 0, 6)
