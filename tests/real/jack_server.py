"""A JACK server with the dummy driver, and a client that keeps every frame it hears, each a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE, PERIOD = 48_000, 256
Samples = NDArray[np.float32]

EAR = """
import gc, os, sys, time, jack, numpy
gc.disable()  # it would hold the whole server up
name, path = sys.argv[1:]
client = jack.Client("ear", servername=name, no_start_server=True)
ports = [client.inports.register(f"in_{n}") for n in (1, 2)]
kept, xruns = [], []
client.set_process_callback(lambda frames: kept.append([port.get_array().copy() for port in ports]))
client.set_xrun_callback(lambda late: xruns.append(late))
client.activate()
print("ready", flush=True)
sys.stdin.readline()
client.deactivate()
numpy.savez(path, heard=numpy.concatenate([numpy.stack(block, 1) for block in kept]), xruns=len(xruns))
print("kept", flush=True)
sys.stdin.readline()
"""


@dataclass
class Jack:
    """A server of its own, and the client that listens to it."""

    name: str
    path: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self) -> None:
        """Synchronous (-S): each cycle waits for its clients, so what the ear lacks is what a client didn't deliver.

        Otherwise a cycle that begins late, on a machine that is late itself, leaves out what was delivered in time.
        """
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True}
        options = ["-R", "-S", "-P", "70", "-n", self.name, "-d", "dummy", "-r", str(RATE), "-p", str(PERIOD)]
        self.processes = [subprocess.Popen(["jackd", *options], **quiet)]
        subprocess.run(["jack_wait", "-s", self.name, "-w", "-t", "5"], check=True, capture_output=True, timeout=10)
        ear = subprocess.Popen(
            [sys.executable, "-c", EAR, self.name, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(ear)
        assert ear.stdout is not None
        assert ear.stdout.readline() == "ready\n"

    def heard(self) -> tuple[Samples, int]:
        """All that was heard, and the server's xruns."""
        ear = self.processes[1]
        assert ear.stdin is not None
        assert ear.stdout is not None
        ear.stdin.write("\n")
        ear.stdin.flush()
        assert ear.stdout.readline() == "kept\n"
        kept = np.load(self.path)
        return kept["heard"], int(kept["xruns"])

    def stop(self) -> None:
        """End it in peace: a killed server keeps one of eight places until one of its name starts again."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    def _end(self, end: Callable[[subprocess.Popen[str]], None]) -> None:
        stuck = []
        for process in self.processes if end is subprocess.Popen.kill else reversed(self.processes):
            end(process)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:  # the next test must not find it
                stuck.append(process.args)
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        assert not stuck
