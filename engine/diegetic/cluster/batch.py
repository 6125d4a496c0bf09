"""Many scenes on a Ray cluster: a generator for each GPU, or for some CPUs; what a lost node had begun is done again.

What comes of a scene is what a render on this machine would write, byte for byte but for the times in it, as long as
the nodes have the same processors and versions; generators use as many threads as the model would here.

Knows nothing of command lines.

Threads: one for each generator, which waits for it and moves its files; `run` works in the caller's thread. They
share a Work.
"""

import queue
import socket
import threading
from collections.abc import Generator as Coming
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import ray

from diegetic.atomic import remove
from diegetic.bounce import Output
from diegetic.cluster.remote import Lost, Patience, Remote, Unfit
from diegetic.cluster.travel import Parcel, Unpacking, pack, pieces
from diegetic.cluster.work import Work
from diegetic.errors import Cancelled, Failure, InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest, write_manifest
from diegetic.project.append import refresh_above
from diegetic.scenes import Load, Result, Scene, Watch, attempt, look

_LOOK_S = 0.3
_ANSWER_S, _JOIN_S = 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a batch runs. address: of the cluster, as ray.init takes it; device: as in Settings.

    threads: of a model without GPU, and the CPUs that are kept for it; jobs: the most generators, None for as many as
    there is room for; attempts: how many generators may be lost over one scene.
    """

    address: str
    device: Literal["auto", "cpu", "cuda"]
    threads: int
    jobs: int | None = None
    attempts: int = 3
    patience: Patience = field(default_factory=Patience)


def run(scenes: Sequence[Scene], load: Load, output: Output, cluster: Cluster, watch: Watch) -> Coming[Result]:
    """Render what is missing; results as they come. Raises InputError for jobs below 1, Failure without a cluster.

    Closed early, or stopped by what `watch` raises, it ends all generators at once; what was fetched is kept.
    """
    if cluster.jobs is not None and cluster.jobs < 1:
        raise InputError(f"jobs: must be 1 or more, got {cluster.jobs}")
    missing = []
    for scene in dict.fromkeys(scenes):
        looked = look(scene, output)
        if looked is None:
            missing.append(scene)
        else:
            yield looked
    if missing:
        yield from _run_missing(missing, load, output, cluster, watch)


def _run_missing(
    missing: Sequence[Scene], load: Load, output: Output, cluster: Cluster, watch: Watch
) -> Coming[Result]:
    _connect(cluster.address)
    try:
        gpus, count = _room(cluster)
        work = Work(missing, min(count, len(missing)), cluster.attempts)
        serving = [_Serving(work, load, output, cluster, gpus) for _ in range(work.servers)]
        threads = [threading.Thread(target=each.run, daemon=True) for each in serving]
        for thread in threads:
            thread.start()
        try:
            yield from _results(work, len(missing), watch)
        finally:
            work.stop()
            for thread in threads:
                thread.join()
    finally:
        ray.shutdown()


def _results(work: Work, count: int, watch: Watch) -> Coming[Result]:
    while count:
        try:
            yield work.results.get(timeout=_LOOK_S)
            count -= 1
        except queue.Empty:
            watch(dict(work.shares))


@dataclass(slots=True)
class _Serving:
    """One thread with its generator: scene after scene, and a new generator where one is lost.

    A scene is taken only by who has a generator: while one waits for a new one, others go on.
    """

    work: Work
    load: Load
    output: Output
    cluster: Cluster
    gpus: int

    def run(self) -> None:
        try:
            while (remote := self._start()) and self._serve(remote):
                pass
        except Cancelled:
            pass  # all are done, or all shall stop

    def _start(self) -> Remote | None:
        """A new generator; None, and the last word on this one's place in the batch, where there can be none."""
        cpus = 1 if self.gpus else self.cluster.threads
        try:
            return Remote.start(self.load, self.gpus, cpus, self.cluster.patience, self._check)
        except Unfit as unfit:
            self.work.leave(str(unfit))
            return None

    def _serve(self, remote: Remote) -> bool:
        """Render scenes until all are done, or the generator is lost: whether it was. Raises Cancelled."""
        while (scene := self.work.take()) is not None:
            try:
                self.work.done(attempt(scene, partial(self._render, remote, scene), (Lost, Cancelled)), scene)
            except Lost as lost:
                remote.kill()
                self.work.lost(scene, str(lost))
                return True
            except Cancelled:
                remote.close()
                raise
        remote.close()
        return False

    def _render(self, remote: Remote, scene: Scene) -> Literal["rendered"]:
        """Render a scene on a node, and fetch it. Raises Lost, Cancelled, Failure."""
        folder = StoryFolder(scene.folder)
        with folder.held():
            remote.begin(folder.name)
            sent = pack(folder.path)
            for parcel in sent:
                for piece in pieces(folder.path, parcel):
                    remote.send(piece)
            result = remote.render(scene, self.output, lambda share: self.work.told(scene, share))
            if result.state == "failed":
                raise Failure(result.problem)
            self._fetch(remote, folder, {parcel.path: parcel for parcel in sent})
        refresh_above(folder)
        return "rendered"

    def _fetch(self, remote: Remote, folder: StoryFolder, sent: dict[str, Parcel]) -> None:
        """Write what is new, as `deliver` would: the manifest is unfinished until all is there."""
        packed = remote.packed()
        stale = set[str]()
        if folder.manifest.exists():
            before = read_manifest(folder.manifest)
            write_manifest(folder.manifest, replace(before, finished_at=None))
            stale = {laid.path for laid in before.files} - {parcel.path for parcel in packed}
        unpacking = Unpacking(folder.path)
        for path in stale:
            remove(folder.path / path)
        for parcel in packed:
            if sent.get(parcel.path) != parcel:
                remote.fetch(parcel, unpacking.add)

    def _check(self) -> None:
        if self.work.ended:
            raise Cancelled("stopped")


def _connect(address: str) -> None:
    """Become a driver of the cluster. Raises Failure where there is none.

    ray.init waits for minutes where nobody answers, and can't be stopped: so there is a look first, and it has a
    thread.
    """
    problem: list[str] = []
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
        except OSError as error:
            problem.append(error.strerror or str(error))
    if not problem:
        joining = threading.Thread(target=_join, args=(address, problem), daemon=True)
        joining.start()
        joining.join(_JOIN_S)
        if joining.is_alive():
            problem.append(f"no answer within {_JOIN_S:g} s")
    if problem:
        raise Failure(
            f"--ray {address}: no cluster can be reached there ({problem[0].lower():.200}); check the address; "
            "where it asks for a token, set RAY_AUTH_MODE=token"
        )


def _join(address: str, problem: list[str]) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        problem.append(" ".join(str(error).split()))


def _room(cluster: Cluster) -> tuple[int, int]:
    """GPUs of each generator, 0 or 1, and how many generators there is room for. Raises Failure where there is none."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes) if cluster.device != "cpu" else 0
    if cluster.device == "cuda" and not gpus:
        raise Failure(f"--ray {cluster.address}: has no GPU, and cuda was asked for; use --device cpu")
    count = gpus or sum(int(node.get("CPU", 0)) // cluster.threads for node in nodes)
    if not count and cluster.jobs is None:
        raise Failure(
            f"--ray {cluster.address}: no node has the {cluster.threads} CPUs of a generator; set threads lower in "
            "settings.toml"
        )
    return min(gpus, 1), count if cluster.jobs is None else cluster.jobs
