"""`diegetic serve` as a process: its first lines, answers while the model loads, and three ways to stop it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from capture_file import write_capture
from diegetic.audio.wav import read_wav
from diegetic.bounce import Output
from diegetic.cli.live import read_outputs
from diegetic.errors import InputError
from diegetic.manifest import read_manifest
from diegetic.schema import read_strict
from diegetic.targets import Targets

PROGRAM = Path(__file__).parent / "serve_main.py"
TIMEOUT_S = 60.0


class Served:
    """A serving process and an OSC client of it."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.said: list[str] = []
        self.port = int(self.line(r"OSC on 127\.0\.0\.1:(\d+)"))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(TIMEOUT_S)

    def line(self, pattern: str) -> str:
        """Wait for a line of the log; its first group, or all of it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip())
            if match := re.search(pattern, line):
                return match[1] if match.groups() else match[0]
        raise AssertionError(f"no line has {pattern!r}: {self.said}")

    def send(self, address: str, *arguments: Any) -> None:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        self._socket.sendto(builder.build().dgram, ("127.0.0.1", self.port))

    def answer(self, address: str) -> list[Any]:
        """Wait for a message to this address; its arguments."""
        while True:
            message = OscMessage(self._socket.recv(65536))
            if message.address == address:
                return list(message)

    def close(self) -> None:
        self._socket.close()


@contextmanager
def served(project: Path, model: str = "quick", *options: str) -> Iterator[Served]:
    ports = ("--port", "0", "--web-port", "0")
    command = [sys.executable, str(PROGRAM), model, "serve", "--model", "mock", "--device", "null", *ports]
    paths = os.pathsep.join(filter(None, [str(PROGRAM.parent), *sys.path]))
    process = subprocess.Popen(
        [*command, "--project", str(project), *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        process_group=None if sys.platform == "win32" else 0,
    )
    client = Served(process)
    try:
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def program(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line with a quick model, to its end."""
    paths = os.pathsep.join(filter(None, [str(PROGRAM.parent), *sys.path]))
    return subprocess.run(
        [sys.executable, str(PROGRAM), "quick", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )


def test_the_first_lines_say_where_it_listens_plays_and_how_to_stop_it(tmp_path: Path) -> None:
    with served(tmp_path / "scene") as live:
        assert "plays on null at 48000 Hz; renders with mock" in live.line("plays on .*")
        assert f"project {tmp_path / 'scene'}; stop with Ctrl-C" in live.line("project .*")
        live.send("/diegetic/status")
        assert live.answer("/diegetic/status.reply")[-2:] == ["mock", "null"]


def test_the_web_answers_beside_osc_and_a_sheets_cues_are_there(tmp_path: Path) -> None:
    with served(tmp_path, "quick", "--cues", "harbour") as live:
        url = "http://" + live.line(r"HTTP, WebSocket and OSCQuery on http://(\S+)")
        live.line("harbour.toml: 8 cues")
        request = urllib.request.Request(f"{url}/diegetic/cue/go?wait=60", b'{"name": "bell"}')
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            assert json.load(answer)[-1]["address"] == "/diegetic/done"
        with urllib.request.urlopen(f"{url}/?HOST_INFO", timeout=TIMEOUT_S) as answer:
            assert json.load(answer)["OSC_PORT"] == live.port


def test_a_bounce_is_laid_out_as_serve_was_told_but_for_what_the_command_says(tmp_path: Path) -> None:
    options = ("--format", "flac", "--stems", "lane", "--bounce-rate", "16000", "--lane-loudness", "nowhere=-30")
    with served(tmp_path, "quick", *options) as live:
        live.send("/diegetic/tell", 1, "storm", "rain, a bell", 4.0)
        live.answer("/diegetic/done")
        live.send("/diegetic/bounce", 2, "storm", "usual")
        live.answer("/diegetic/done")
        live.send("/diegetic/bounce", 3, "storm", "own", "wav24", "mono")
        assert str(tmp_path / "own") in live.answer("/diegetic/done")[3]
        live.send("/diegetic/bounce", 4, "storm", "none", "mp3")
        assert live.answer("/diegetic/fail")[3:] == [
            422, "out-of-range", "format: unknown format 'mp3'; known: wav24, wav32f, flac"
        ]  # fmt: skip
    usual, own = (read_manifest(tmp_path / folder / "manifest.json") for folder in ("usual", "own"))
    assert {Path(laid.path).suffix for laid in usual.files} == {".flac"}
    assert {laid.kind for laid in usual.files} == {"mix", "lane"}
    assert (usual.rate_hz, own.rate_hz) == (16_000, 16_000)
    assert read_wav(tmp_path / "own" / "mix.wav")[0].shape == (4 * 16_000, 1)


def test_a_captured_session_is_replayed_fast_into_a_bounce(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"
    with served(tmp_path / "first", "quick", "--capture", str(file)) as live:
        live.send("/diegetic/tell", 1, "storm", "rain, a bell", 3.0)
        live.answer("/diegetic/done")
        live.send("/diegetic/quit")
        assert live.process.wait(TIMEOUT_S) == 0
    ended = program("replay", str(file), "--project", str(tmp_path / "again"), "--fast", "--bounce", "out")
    assert ended.returncode == 0, ended.stderr
    assert "1 command, 0 failed; stories: storm" in ended.stderr
    assert (tmp_path / "again/out/storm/mix.wav").is_file()
    assert program("replay", str(tmp_path / "none")).returncode == 2


def test_a_replay_lays_out_by_the_flags_that_serve_has(tmp_path: Path) -> None:
    tell = {"address": "/diegetic/tell", "arguments": [1, "storm", "rain, a bell", 3.0], "job": 1}
    file = write_capture(tmp_path / "session.jsonl", tell)
    again = ("replay", str(file), "--project", str(tmp_path / "again"), "--fast", "--bounce", "out")
    layout = ("--format", "flac", "--channels", "mono", "--stems", "lane", "--curve", "linear", "--handles", "0.5")
    levels = ("--loudness", "-23", "--lane-loudness", "bed=-30", "--true-peak", "-2", "--bpm", "120")
    ended = program(*again, *layout, *levels, "--bounce-rate", "16000")
    assert ended.returncode == 0, ended.stderr
    manifest = read_manifest(tmp_path / "again/out/storm/manifest.json")
    asked = Output(16_000, "lane", "linear", Targets(-23.0, {"bed": -30.0}), -2.0, 120.0, "flac", "mono", 0.5)
    assert read_strict(Output, manifest.output, "output") == asked
    refused = program(*again, "--bounce-rate", "5")
    assert (refused.returncode, "bounce rate: must be 8000..192000, got 5" in refused.stderr) == (2, True)


def test_who_waits_for_an_end_is_told_it_when_the_engine_ends(tmp_path: Path) -> None:
    with served(tmp_path, "slow") as live:
        live.send("/diegetic/notify", 1)
        live.send("/diegetic/tell", 7, "storm", "rain, a bell, thunder", 9.0)
        live.answer("/diegetic/segment/start")
        live.send("/diegetic/quit")
        assert live.answer("/diegetic/fail") == [7, "/diegetic/tell", 1, 499, "cancelled", "job 1: was cancelled"]
        assert live.process.wait(TIMEOUT_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals can't be sent to another process there")
@pytest.mark.parametrize("way", ["SIGINT", "SIGTERM", "SIGHUP", "SIGTERM to all", "/diegetic/quit"])
def test_it_stops_cleanly_in_the_middle_of_a_job(tmp_path: Path, way: str) -> None:
    if way == "SIGHUP" and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        pytest.skip("these tests were started by nohup, and so is the engine")
    with served(tmp_path, "slow") as live:
        live.send("/diegetic/notify", 1)
        live.send("/diegetic/tell", 1, "storm", "rain, a bell, thunder", 9.0)
        live.answer("/diegetic/segment/start")
        if way.startswith("/"):
            live.send(way)
        elif way == "SIGTERM to all":  # as systemd stops a service
            os.killpg(live.process.pid, signal.SIGTERM)
        else:
            live.process.send_signal(getattr(signal, way))
        assert live.process.wait(TIMEOUT_S) == 0
        assert live.process.stderr is not None
        rest = live.process.stderr.read()
        assert "Traceback" not in rest
        assert "killed" not in rest
        assert "started again" not in rest


def test_a_model_that_is_missing_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    with served(tmp_path, "missing") as live:
        live.send("/diegetic/tell", 1, "storm", "rain", 9.0)
        assert live.answer("/diegetic/fail")[5] == "model mock: its weights are missing; pull it first"
        live.send("/diegetic/status")
        assert live.answer("/diegetic/status.reply")[0] == "degraded"


def test_a_model_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with served(tmp_path) as live:
        live.send("/diegetic/model/load", 1, "nobody")
        refused = [1, "/diegetic/model/load", 1, 404, "not-found", "model: unknown model 'nobody'; known: mock"]
        assert live.answer("/diegetic/fail") == refused


def test_a_project_is_served_by_one_engine_at_a_time(tmp_path: Path) -> None:
    with served(tmp_path) as live:
        live.line("project .*")
        options = ("--model", "mock", "--device", "null", "--port", "0", "--no-web", "--project", str(tmp_path))
        second = program("serve", *options)
    assert second.returncode == 1
    assert f"{tmp_path}: is being worked on by process {live.process.pid} " in second.stderr


@pytest.mark.parametrize(("flag", "value"), [("--keep-alive", "-5"), ("--memory", "-1"), ("--memory", "inf")])
def test_less_than_nothing_is_refused(tmp_path: Path, flag: str, value: str) -> None:
    ended = program("serve", "--model", "mock", "--project", str(tmp_path), flag, value)
    told = f"{flag.strip('-').replace('-', ' ')}: must be 0 or more, got {value}\n"
    assert (ended.returncode, ended.stderr.removeprefix("diegetic: ")) == (2, told)


@pytest.mark.parametrize("flag", ["--port", "--web-port"])
def test_a_taken_port_is_said_in_one_sentence_before_anything_is_started(tmp_path: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ports = {"--port": "0", "--web-port": "0"} | {flag: str(port)}
        options = [each for pair in ports.items() for each in pair]
        ended = program("serve", "--model", "mock", "--device", "null", "--project", str(tmp_path), *options)
    assert ended.returncode == 1
    (said,) = ended.stderr.splitlines()
    assert f"port {port} is in use, most likely by another `diegetic serve`" in said
    assert flag in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rate", "5"), "rate: must be 8000..192000, got 5"),
        (("--compute", "gpu"), "--compute: must be one of auto, cpu, cuda, got 'gpu'"),
        (("--outputs", "bed"), "outputs: must be like bed=1-2"),
        (("--record", "evening.mp3"), "record: must end with .wav"),
        (("--steal", "newest"), "steal: must be quietest, oldest, refuse, got 'newest'"),
        (("--host", "0.0.0.0"), "is open to other machines"),
        (("--allow", "nobody"), "allow: must be an address or a network"),
        (("--midi-map", "nowhere.toml"), "nowhere.toml"),
        (("--midi", "own", "--midi-api", "jak"), "midi: unknown api 'jak'; did you mean 'jack'?"),
        (("--cues", "harbor"), "did you mean 'harbour'"),
        (("--cues", "nowhere.toml"), "nowhere.toml"),
        (("--port", "65536"), "port: must be 0..65535, got 65536"),
        (("--port", "9000", "--web-port", "9000"), "web port: must be another than OSC's, got 9000 for both"),
        (("--device", "vban:"), "must be vban:HOST"),
    ],
)
def test_bad_options_are_one_sentence(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    ended = program("serve", "--device", "null", "--project", str(tmp_path), *options)
    assert ended.returncode == 2
    assert said in ended.stderr.splitlines()[-1]


def test_outputs_are_read_from_one_word() -> None:
    assert read_outputs("bed=1-2, foreground=3") == (("bed", (1, 2)), ("foreground", (3,)))
    assert read_outputs("") == ()
    for wrong in ("bed", "bed=0", "bed=3-2", "bed=1-9", "Bed=1", "bed=1-2-3"):
        with pytest.raises(InputError):
            read_outputs(wrong)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are found in /proc")
def test_the_children_end_where_the_director_is_killed(tmp_path: Path) -> None:
    with served(tmp_path, "slow") as live:
        live.send("/diegetic/notify", 1)
        live.send("/diegetic/tell", 1, "storm", "rain, a bell, thunder", 9.0)
        live.answer("/diegetic/segment/start")
        children = [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if _facts(int(folder.name))[1:2] == [str(live.process.pid)]
        ]
        assert len(children) >= 2
        live.process.kill()
        live.process.wait()
        until_s = time.monotonic() + TIMEOUT_S
        while any(_runs(child) for child in children):
            assert time.monotonic() < until_s
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return _facts(pid)[:1] not in ([], ["Z"])


def _facts(pid: int) -> list[str]:
    """What /proc says of a process, from its state on: none where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
