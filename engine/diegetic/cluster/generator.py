"""What runs on a node: an actor that has a model, and renders scenes in a folder of its own.

Knows nothing of queues and retries.

Threads: Ray calls `share` in a second thread while `render` works in the first.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from diegetic.bounce import Output
from diegetic.cluster.travel import Parcel, Piece, Unpacking, pack, read_piece
from diegetic.manifest import installed
from diegetic.protocol import StoryModel
from diegetic.scenes import Load, Result, Scene, render_scene


class Generator:
    """One scene at a time: `begin`, `receive` what is there already, `render`, then `packed` and `piece` fetch it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._models: dict[str, StoryModel] = {}
        self._rooms = tempfile.TemporaryDirectory(prefix="diegetic-")
        self._folder = Path(self._rooms.name)
        self._unpacking = Unpacking(self._folder)
        self._share = 0.0

    def versions(self) -> dict[str, str]:
        """What this node's sound depends on."""
        return installed()

    def begin(self, name: str) -> None:
        """Make an empty folder for the next scene. name: of its folder, which its project is called by."""
        self._rooms.cleanup()
        self._rooms = tempfile.TemporaryDirectory(prefix="diegetic-")
        self._folder = Path(self._rooms.name) / name
        self._folder.mkdir()
        self._unpacking = Unpacking(self._folder)
        self._share = 0.0

    def receive(self, piece: Piece) -> None:
        """Take a piece of what the scene's folder has already. Raises Failure."""
        self._unpacking.add(piece)

    def render(self, scene: Scene, output: Output) -> Result:
        """Render a scene. What goes wrong is in the result, told of the folder that the scene came from."""
        result = render_scene(replace(scene, folder=self._folder), self._model, output, self._watch)
        problem = result.problem.replace(str(self._folder), str(scene.folder))
        return replace(result, folder=scene.folder, problem=problem)

    def share(self) -> float:
        """How much of the scene is done, 0..1."""
        return self._share

    def packed(self) -> tuple[Parcel, ...]:
        """What is in the folder now, in the order in which it is to be fetched. Raises Failure."""
        return pack(self._folder)

    def piece(self, parcel: Parcel, offset: int) -> Piece:
        """Some of a file. Raises Failure."""
        return read_piece(self._folder, parcel, offset)

    def close(self) -> None:
        """Leave nothing on the node's disk."""
        self._rooms.cleanup()

    def _model(self, name: str) -> StoryModel:
        if name not in self._models:
            self._models[name] = self._load(name)
        return self._models[name]

    def _watch(self, share: float) -> None:
        self._share = share
