"""The files in bridges/<host>/, run by the hosts' own programs against an OSC server."""

import asyncio
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from programs import BRIDGES, TIMEOUT_S, Stage, needs, play

pytestmark = pytest.mark.real

DEFINE = ("cue/define", "door", "hall", "a heavy wooden door slams", "wait", None)
ARM = ("cue/arm", "door")
GO = ("cue/go", "door", None, 1.0)

UNITY_STUB = """
namespace UnityEngine {
    public class MonoBehaviour {
        public void Invoke(string method, float seconds) {
            System.Threading.Thread.Sleep((int)(seconds * 1000));
            GetType().GetMethod(method).Invoke(this, null);
        }
    }
    public static class Debug { public static void Log(object text) { System.Console.WriteLine(text); } }
}
public static class Program {
    public static void Main(string[] arguments) {
        var hello = new DiegeticHello { port = int.Parse(arguments[0]) };
        foreach (var method in new[] { "Start", "Wait", "Update", "OnDestroy" }) {
            if (method == "Wait") { System.Threading.Thread.Sleep(500); continue; }
            var flags = System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.NonPublic;
            typeof(DiegeticHello).GetMethod(method, flags).Invoke(hello, null);
        }
    }
}
"""


def at_port(file: Path, port: int, folder: Path) -> Path:
    """A copy of a host's file that sends to another port than 9777."""
    text = file.read_text(encoding="utf-8")
    assert "9777" in text
    copy = folder / file.name
    copy.write_text(text.replace("9777", str(port)), encoding="utf-8")
    return copy


@needs("pd", "puredata-core")
def test_pure_datas_patch_defines_arms_fires_and_moves_by_floats(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        patch = at_port(BRIDGES / "puredata/hello.pd", stage.server.port, tmp_path)
        says = (
            "diegetic-connect bang; diegetic-define bang; diegetic-arm bang; diegetic-fire bang; diegetic-intensity 0.8"
        )
        process = await asyncio.create_subprocess_exec(
            *("pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "-send", says, str(patch)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            await stage.until(lambda: stage.engine.values["intensity"] > 0.7)
            assert stage.engine.calls == [DEFINE, ARM, GO]
            printed = b""
            while printed.count(b"ack") < 2:
                printed += await asyncio.wait_for(process.stderr.readline(), TIMEOUT_S)
        finally:
            process.kill()
            await process.wait()
        assert re.search(rb"diegetic: .*ack 1 /?diegetic/cue/define 1", printed)
        assert stage.session.counts["refused"] == 0

    play(scene)


@needs("sclang", "supercollider-language")
def test_supercolliders_file_defines_arms_moves_and_fires_on_time(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        file = at_port(BRIDGES / "supercollider/hello.scd", stage.server.port, tmp_path)
        blocks = file.read_text(encoding="utf-8")
        file.write_text(f"Routine {{\n{_wrapped(blocks)}\n0.5.wait; 0.exit;\n}}.play(AppClock);\n", encoding="utf-8")
        quiet = {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1", "HOME": str(tmp_path)}
        lines = await stage.run("sclang", str(file), **quiet)
        define, arm, go = stage.engine.calls
        assert (define, arm) == (DEFINE, ARM)
        assert go[:2] == ("cue/go", "door")
        assert go[2] is not None
        assert stage.engine.values["intensity"] == pytest.approx(0.8)
        assert any(re.match(r"\[ ?/diegetic/ack, 1, /diegetic/cue/define, 1 ?\]", line) for line in lines), lines
        assert stage.session.counts["refused"] == 0

    play(scene)


def _wrapped(blocks: str) -> str:
    """The file as one function: without the brackets of its blocks, and with a pause after each."""
    lines = [line for line in blocks.splitlines() if line not in ("(", ")")]
    return "\n".join(line + (" 0.2.wait;" if line.startswith("~diegetic.send") else "") for line in lines)


@needs("mcs", "mono-mcs mono-runtime")
def test_unitys_script_compiles_defines_arms_and_fires(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stub, program = tmp_path / "stub.cs", tmp_path / "hello.exe"
        stub.write_text(UNITY_STUB, encoding="utf-8")
        await stage.run("mcs", f"-out:{program}", str(stub), str(BRIDGES / "unity/DiegeticHello.cs"))
        lines = await stage.run("mono", str(program), str(stage.server.port))
        assert stage.engine.calls == [DEFINE, ARM, GO]
        assert lines == ["/diegetic/ack", "/diegetic/ack"]
        assert stage.session.counts["refused"] == 0

    play(scene)


@pytest.mark.parametrize("program", ["gdparse", "gdlint"])
def test_godots_script_is_read_by_parsers_of_its_language(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program} (pip install gdtoolkit)")
    file = BRIDGES / "godot/hello.gd"
    read = subprocess.run([program, str(file)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert read.returncode == 0, read.stdout + read.stderr
