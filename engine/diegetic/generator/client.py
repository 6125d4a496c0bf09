"""The director's side of the generator: steps in order of priority, another process where one ends, time and memory.

A job whose step was under way when the process ended is begun again once; then it fails. Jobs that waited between two
steps are begun again as well, there and where the model was unloaded or another one loaded, and it isn't held against
them: takes that are kept are found again.

Threads: all in the event loop's.
"""

import asyncio
import contextlib
import heapq
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import RawValue
from typing import Any

from diegetic.audio.shared_sound import SharedSound, SoundHandle, keep
from diegetic.child import Child
from diegetic.generator.messages import (
    Answer,
    Drop,
    Early,
    Failed,
    Load,
    Request,
    Step,
    Stepped,
    Unload,
    Within,
)
from diegetic.generator.process import main
from diegetic.generator.tasks import Finished, Outcome, ReadyEvent, Task
from diegetic.live.jobs import Priority, Refused
from diegetic.protocol import StoryModel, unheard

_RESTARTS_S = (0.0, 0.2, 1.0, 3.0)

_log = logging.getLogger(__name__)


class Died(Exception):  # noqa: N818
    """The process ended, or let go of its model. mine: it ended in the middle of this job's step."""

    def __init__(self, mine: bool) -> None:
        super().__init__("the generator ended")
        self.mine = mine


@dataclass(slots=True)
class Turns:
    """Who may take the next step: the lowest number first, and among equals the first that came."""

    _busy: bool = False
    _waiting: list[tuple[int, int, asyncio.Future[None]]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @asynccontextmanager
    async def turn(self, priority: int) -> AsyncIterator[None]:
        """Wait for a turn, and have it."""
        if self._busy:
            turn = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (priority, next(self._numbers), turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._pass_on()
                raise
        self._busy = True
        try:
            yield
        finally:
            # Not at once: whoever had this turn may ask for the next one, which then is judged with the others.
            asyncio.get_running_loop().call_soon(self._pass_on)

    def _pass_on(self) -> None:
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._busy = False


class Generator:
    """One generator, however often its process is started. changed: called when it is loaded, unloaded, or dies."""

    def __init__(
        self,
        loader: Callable[[str], StoryModel],
        model: str,
        changed: Callable[[], None],
        keep_alive_s: float = 0.0,
        budget_bytes: int = 0,
    ) -> None:
        self._loader, self._changed = loader, changed
        self._keep_alive_s, self._budget_bytes = keep_alive_s, budget_bytes
        self.wanted, self.loaded = model, ""
        self.memory_bytes = self.restarts = 0
        self.alive = self.loading = False
        self.busy_with = 0
        self.trouble = ""
        self._cancel: Any = RawValue("q", 0)
        self._turns = Turns()
        self._answer: asyncio.Future[Answer] | None = None
        self._within: dict[int, tuple[Callable[[Within], None], Callable[[ReadyEvent], None] | None]] = {}
        self._given_early: SoundHandle | None = None
        self._epoch = 0
        self._child: Child | None = None
        self._ending = False
        self._failed_at = 0.0
        self._streak = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._unloading: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Start the process; the model is loaded by `load`, or when it is first needed."""
        self._child = Child("generator", main, (self._loader, self._cancel), self._hear, self._died)
        await self._child.start()
        self.alive = True

    async def stop(self) -> None:
        """End the process, in the middle of a step if need be; one that loads a model doesn't look up from that."""
        self._ending = True
        self._keep_awake()
        for task in self._tasks:
            task.cancel()
        if self._child is not None:
            self._cancel.value = self.busy_with
            if self.loading:
                self._child.kill()
            await self._child.stop(2.0)

    @property
    def pid(self) -> int:
        return self._child.pid if self._child is not None else 0

    async def load(self, name: str) -> None:
        """Load a model in the place of another, which is loaded again where this one can't be. Raises Refused."""
        async with self._turns.turn(Priority.LIVE):
            before, self.wanted = self.loaded, name
            try:
                await self._load()
            except (Refused, Died) as error:
                if before in ("", name):
                    raise
                self.wanted = before
                if isinstance(error, Refused):
                    await self._load()
                    raise Refused(error.code, f"{error}; {before} is loaded again") from None
                why = "the generator ended while it was loaded; it may need more memory than there is"
                raise Refused(500, f"model {name}: {why}; {before} is loaded again") from None

    async def unload(self) -> None:
        """Let go of the model, once the step under way is done."""
        async with self._turns.turn(Priority.LIVE):
            await self._unload()

    async def perform(
        self,
        job: int,
        priority: Priority,
        task: Task,
        take: Callable[[Outcome], None],
        watch: Callable[[Within], None],
        begun: Callable[[], None] = lambda: None,
        early: Callable[[ReadyEvent], None] | None = None,
    ) -> Finished:
        """Do a task; `take` is given each outcome, all again where it had to be begun again. Raises Refused.

        begun: called when it has its turn. early: given an event that can be heard before it is whole; once it is,
        `take` is given it with the same sound, which is to be freed once, and not before.
        """
        crashes = 0
        self._within[job] = watch, early
        try:
            while True:
                try:
                    return await self._steps(job, priority, task, take, begun)
                except Died as died:
                    crashes += died.mine
                    if crashes > 1:
                        text = "generator: ended twice in the middle of this job, which is given up; its log says more"
                        raise Refused(500, text) from None
        finally:
            del self._within[job]
            self._rest()

    async def _steps(
        self, job: int, priority: Priority, task: Task, take: Callable[[Outcome], None], begun: Callable[[], None]
    ) -> Finished:
        first, epoch, done = True, -1, False
        try:
            while True:
                async with self._turns.turn(priority):
                    if first:
                        begun()
                        await self._be_ready()
                        epoch = self._epoch
                    if epoch != self._epoch:
                        raise Died(mine=False)
                    step, first = Step(job, task if first else None), False
                    answer = await self._ask(step, job)
                if isinstance(answer, Failed):
                    done = True
                    raise Refused(answer.code, answer.text)
                assert isinstance(answer, Stepped)
                if isinstance(answer.outcome, Finished):
                    done = True
                    return answer.outcome
                take(answer.outcome)
        finally:
            if not first and not done and epoch == self._epoch and self._child is not None:
                self._child.send(Drop(job))

    async def _be_ready(self) -> None:
        """Have a process, and its model loaded; within a turn."""
        self._keep_awake()
        while not self.alive:
            await asyncio.sleep(0.02)
        if self.loaded != self.wanted:
            await self._load()
        if self._budget_bytes and self.memory_bytes > self._budget_bytes:
            await self._unload()  # next time it begins with less
            raise Refused(507, self._over_budget())

    async def _load(self) -> None:
        while not self.alive:
            await asyncio.sleep(0.02)
        self.loaded, self.loading = "", True
        self._epoch += 1
        self._changed()
        try:
            answer = await self._ask(Load(self.wanted), 0)
        finally:
            self.loading = False
        if isinstance(answer, Failed):
            self.trouble = answer.text
            self._changed()
            raise Refused(answer.code, answer.text)
        self.loaded, self.trouble = self.wanted, ""
        if self._budget_bytes and self.memory_bytes > self._budget_bytes:
            self.trouble = text = self._over_budget()
            await self._unload()
            raise Refused(507, text)
        self._changed()

    async def _unload(self) -> None:
        if self.loaded:
            self._epoch += 1
            await self._ask(Unload(), 0)
            self.loaded = ""
            self._changed()

    def _over_budget(self) -> str:
        held, budget = self.memory_bytes / 1e6, self._budget_bytes / 1e6
        return (
            f"memory: {self.wanted} takes {held:.0f} MB, {budget:.0f} are allowed; allow more, or take a smaller model"
        )

    async def _ask(self, request: Request, job: int) -> Answer:
        """Send a request and wait for its answer. Raises Died; when cancelled, only once the process has let go."""
        if self._child is None or not self.alive:
            raise Died(mine=False)
        self._answer = asyncio.get_running_loop().create_future()
        self.busy_with = job
        self._child.send(request)
        try:
            return await asyncio.shield(self._answer)
        except asyncio.CancelledError:
            self._cancel.value = job
            with contextlib.suppress(Died):
                self._free(await _come(self._answer))
            raise
        finally:
            self._cancel.value = 0
            self.busy_with = 0

    def _hear(self, answer: Answer) -> None:
        if isinstance(answer, Within | Early):
            self._hear_within(answer)
            return
        if isinstance(answer, Stepped) and isinstance(answer.outcome, ReadyEvent):
            self._keep(answer.outcome.sound)
        self.memory_bytes = answer.memory_bytes
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _hear_within(self, answer: Within | Early) -> None:
        """What comes before a step is over; of a step that nobody waits for any more it is nobody's."""
        watch, early = self._within.get(answer.job, (unheard, None))
        if isinstance(answer, Within):
            watch(answer)
        elif early is not None:
            self._keep(answer.ready.sound)
            self._given_early = answer.ready.sound
            early(answer.ready)

    def _keep(self, sound: SoundHandle | None) -> None:
        """Keep a sound there that the generator lets go of soon. One that was given early may be freed already."""
        if sound is not None and sound != self._given_early:
            keep(sound)

    def _free(self, answer: Answer) -> None:
        """Free a sound that nobody waits for any more; one that was given early is the receiver's."""
        if isinstance(answer, Stepped) and isinstance(answer.outcome, ReadyEvent):
            sound = answer.outcome.sound
            if sound is not None and sound != self._given_early:
                SharedSound.open(sound).remove()

    def _died(self, exit_code: int) -> None:
        self.alive, self.loaded = False, ""
        self._epoch += 1
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Died(mine=True))
            self._answer.exception()  # seen, even where nobody waits any more
        if not self._ending:
            _log.warning("the generator ended (%d), and is started again", exit_code)
            self._changed()
            task = asyncio.get_running_loop().create_task(self._restart())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _restart(self) -> None:
        """Another process, and the model loaded into it; slower each time that it ends soon after."""
        soon = time.monotonic() - self._failed_at < 10
        self._failed_at = time.monotonic()
        self.restarts = self.restarts + 1
        self._streak = self._streak + 1 if soon else 0
        await asyncio.sleep(_RESTARTS_S[min(self._streak, len(_RESTARTS_S) - 1)])
        await self.start()
        self._changed()
        with contextlib.suppress(Refused, Died):
            async with self._turns.turn(Priority.LIVE):
                if self.loaded != self.wanted:
                    await self._load()

    def _keep_awake(self) -> None:
        if self._unloading is not None:
            self._unloading.cancel()
            self._unloading = None

    def _rest(self) -> None:
        """Unload after a while without work."""
        self._keep_awake()
        if self._keep_alive_s and not self._within and not self._ending:
            self._unloading = asyncio.get_running_loop().call_later(self._keep_alive_s, self._unload_idle)

    def _unload_idle(self) -> None:
        if not self._within:
            task = asyncio.get_running_loop().create_task(self.unload())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


async def _come(answer: asyncio.Future[Answer]) -> Answer:
    """Wait for an answer, however often that is cancelled: the next one asked for must not be given this one."""
    while not answer.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([answer])
    return answer.result()
