"""The board of jobs: each is a coroutine from its beginning to exactly one end, which can be asked for long after.

Knows nothing of what a job does.

Threads: all in the event loop's.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace

from diegetic.errors import Cancelled, DiegeticError, InputError
from diegetic.live.jobs import End, Job, Refused, State, Verb
from diegetic.live.news import JobEnded, JobProgress, News
from diegetic.progress import Stage

REMEMBERED = 4096
"""Ended jobs that can still be asked for."""

Work = Callable[[int], Awaitable[str]]
"""Does a job, given its id; returns what came of it in a sentence, raises Refused or any error."""

_log = logging.getLogger(__name__)


class Board:
    """All jobs of one engine. limit: how many may be on their way at once. begun: called when some are that weren't."""

    def __init__(self, tell: Callable[[News], None], limit: int, begun: Callable[[], None]) -> None:
        self._tell, self._limit, self._begun = tell, limit, begun
        self._jobs: OrderedDict[int, Job] = OrderedDict()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ends: dict[int, asyncio.Event] = {}
        self._stages: dict[int, tuple[Stage, float]] = {}
        self._last = 0
        self._closed = False

    def begin(self, verb: Verb, subject: str, work: Work) -> Job:
        """Begin a job; its news come after this has returned. Raises Refused as `check_room`."""
        self.check_room()
        self._last += 1
        job = self._jobs[self._last] = Job(self._last, verb, subject)
        self._ends[job.id] = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._tasks[job.id] = loop.create_task(self._run(job.id, work), name=f"job-{job.id}")
        loop.call_soon(self._begun)  # after its first step, with which many are done
        return job

    def check_room(self) -> None:
        """Raise Refused where no more jobs are taken: 429 while too many are on their way, 503 after `close`."""
        if self._closed:
            raise Refused(503, "engine: is ending; start it again")
        if len(self._tasks) >= self._limit:
            raise Refused(429, f"queue: {self._limit} jobs are on their way, no more are taken; wait for some to end")

    def get(self, job: int) -> Job:
        """A job as it is now. Raises Refused (404)."""
        if job not in self._jobs:
            raise Refused(404, f"job {job}: there is none of that number, or it is long over")
        return self._jobs[job]

    def open(self) -> tuple[Job, ...]:
        """Those that haven't ended."""
        return tuple(self._jobs[job] for job in self._tasks)

    def cancel(self, job: int) -> None:
        """Have a job end. Raises Refused: 404, or 410 where it has ended."""
        if self.get(job).ended:
            raise Refused(410, f"job {job}: has ended; there is nothing to cancel")
        # Not at once: a task that is cancelled before its first step never begins, and tidies nothing up.
        asyncio.get_running_loop().call_soon(self._tasks[job].cancel)

    def close(self) -> None:
        """Have all end, and begin no more."""
        self._closed = True
        for job in self._tasks:
            self.cancel(job)

    async def ended(self, job: int) -> Job:
        """Wait for a job's end. Raises Refused (404)."""
        if not self.get(job).ended:
            await self._ends[job].wait()
        return self.get(job)

    def progress(self, job: int, stage: Stage, done: float, total: float) -> None:
        """Note how far a job is, and tell."""
        now = time.monotonic()
        if job not in self._stages or self._stages[job][0] != stage:
            self._stages[job] = (stage, now)
        spent_s = now - self._stages[job][1]
        eta_s = spent_s * (total - done) / done if done > 0 else 0.0
        self._jobs[job] = replace(self._jobs[job], state="running", stage=stage, done=done, total=total)
        self._tell(JobProgress(job, stage, done, total, eta_s))

    def run(self, job: int) -> None:
        """Note that work on a job has begun."""
        if self._jobs[job].state == "queued":
            self._jobs[job] = replace(self._jobs[job], state="running")

    async def _run(self, job: int, work: Work) -> None:
        """The boundary of a job: whatever comes out of it is its end."""
        state: State = "failed"
        try:
            end = End(0, await work(job))
            state = "done"
        except (asyncio.CancelledError, Cancelled):
            end, state = End(499, f"job {job}: was cancelled"), "cancelled"
        except Refused as refused:
            end = End(refused.code, str(refused))
        except DiegeticError as error:
            end = End(422 if isinstance(error, InputError) else 500, str(error))
        except Exception as error:
            _log.exception("job %d failed", job)
            end = End(
                500, f"job {job}: failed unexpectedly ({type(error).__name__}: {error}); the log has the traceback"
            )
        self._finish(job, state, end)

    def _finish(self, job: int, state: State, end: End) -> None:
        self._jobs[job] = replace(self._jobs[job], state=state, end=end)
        self._jobs.move_to_end(job)
        del self._tasks[job]
        self._stages.pop(job, None)
        self._ends.pop(job).set()
        while len(self._jobs) - len(self._tasks) > REMEMBERED:
            oldest = next(each for each in self._jobs.values() if each.ended)
            del self._jobs[oldest.id]
        level = logging.WARNING if state == "failed" else logging.INFO
        told = self._jobs[job]
        _log.log(level, "%s %s: %s", told.verb, told.subject, end.text)
        self._tell(JobEnded(told))

    async def drained(self, timeout_s: float) -> None:
        """Wait until no job is on its way, for so long at most."""
        tasks = list(self._tasks.values())
        if tasks:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait(tasks, timeout=timeout_s)
