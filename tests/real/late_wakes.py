"""When the machine itself was late: threads that only sleep, one a core, before all others; each a process of its own.

Where such a thread wakes late, no other could have been in time: its core was not run, as happens to virtual machines.
"""

import json
import os
import subprocess
import sys

LATE_S = 0.0015

SLEEPER = """
import gc, json, os, signal, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(90))
gc.disable()
late, on = [], [True]
signal.signal(signal.SIGTERM, lambda *_: on.clear())
print("ready", flush=True)
due = time.monotonic()
while on:
    due = max(due + 0.002, time.monotonic())
    time.sleep(max(0.0, due - time.monotonic()))
    if time.monotonic() - due > float(sys.argv[2]):
        late.append(time.monotonic())
print(json.dumps(late), flush=True)
"""


class LateWakes:
    """Watches from now on, where the system lets it."""

    def __init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._sleepers = [
            subprocess.Popen(
                [sys.executable, "-c", SLEEPER, str(core), str(LATE_S)],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for core in cores
        ]
        said = [_line(each) for each in self._sleepers]
        self.watches = bool(cores) and set(said) == {"ready\n"}

    def stop(self) -> list[float]:
        """The times of time.monotonic() at which a core had been late."""
        late: list[float] = []
        for each in self._sleepers:
            each.terminate()
            late += json.loads(_line(each) or "[]")
            each.wait(10)
            assert each.stdout is not None
            each.stdout.close()
        return late


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()
