"""MIDI ports: what is played goes to the engine by a map, and its cues show on the pads.

A port of our own ("Diegetic") where the system has such, else one that is chosen by name. A port that vanishes
is reported, and a chosen one taken again when it is back; the pads then show all cues anew. Our own goes with JACK's
server alone, and isn't made again: processes that did so crashed, in jack2 by the looks of it. Needs mido and
python-rtmidi (the extra "midi").

Threads: a backend calls `_hear` in a thread of its own; it only hands over to the event loop's thread, where all else
belongs. What ports there are in JACK is asked by a process of its own: RtMidi's question waits there for a cycle, which
waits for `_hear`, which waits for Python's lock, and all of this process stands still for a second.
"""

import asyncio
import contextlib
import ctypes
import logging
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any, Protocol

from diegetic.child import GOODBYE, Child
from diegetic.errors import DiegeticError, Failure, InputError
from diegetic.live.cue_sheet import CueSheet
from diegetic.live.cues import Cue
from diegetic.live.news import CueChanged, News
from diegetic.schema import unknown
from diegetic.service import Service
from diegetic_bridges.midi_clock import MidiClock
from diegetic_bridges.midi_map import Fires, Heard, MidiMap, Played, feedback, notes_of, play

NOT_THERE = (
    "midi: this system's ports can't be reached; on Linux ALSA's are there after `modprobe snd-seq`, "
    "and with a JACK server --midi-api jack has others"
)
NO_OWN = (
    "midi: Windows has no ports of a program's own; make one with loopMIDI, for one, and give part of its name as "
    "--midi; there are"
)
OWN_PORT = "Diegetic"
APIS = {"alsa": "LINUX_ALSA", "jack": "UNIX_JACK", "coremidi": "MACOSX_CORE", "winmm": "WINDOWS_MM"}
"""Systems of ports, as they are asked for, and as mido calls them."""

_ASKED_S = 5.0
_GONE, _NOT_KEPT = 503, 500
_CLOCK = frozenset(("clock", "start", "continue", "stop", "songpos"))

_log = logging.getLogger(__name__)


class Backend(Protocol):
    """What is used of mido.Backend."""

    def open_input(self, name: str, virtual: bool = False, callback: Callable[[Any], None] | None = None) -> Any: ...
    def open_output(self, name: str, virtual: bool = False) -> Any: ...
    def get_input_names(self) -> Sequence[str]: ...
    def get_output_names(self) -> Sequence[str]: ...


def rtmidi_backend(api: str = "") -> Backend:
    """python-rtmidi. api: one of APIS, or "" for what rtmidi takes by itself.

    Raises InputError for an api that isn't one, or isn't in this rtmidi; Failure where mido or rtmidi is missing.
    """
    if api and api not in APIS:
        raise InputError(f"midi: {unknown('api', api, list(APIS))}")
    try:
        mido = import_module("mido")
        rtmidi = import_module("mido.backends.rtmidi")
    except ImportError as error:
        raise Failure(f"midi: needs {error.name}; pip install 'diegetic[midi]'") from None
    if api and APIS[api] not in (there := rtmidi.get_api_names()):
        names = ", ".join(name for name, known in APIS.items() if known in there) or "none"
        raise InputError(f"midi: api {api} is not in this rtmidi; there are: {names}")
    backend: Backend = mido.Backend("mido.backends.rtmidi" + (f"/{APIS[api]}" if api else ""), load=True)
    return backend


Names = tuple[Sequence[str], Sequence[str]]
"""Of the inputs and the outputs that there are."""


def names_of(backend: Backend) -> Names | None:
    """None where the system of ports itself is gone, as when jackd has ended."""
    try:
        return backend.get_input_names(), backend.get_output_names()
    except Exception:  # each backend has errors of its own
        return None


def input_names(backend: Backend) -> list[str]:
    """The inputs that there are. Raises Failure where the system of ports isn't there."""
    names = names_of(backend)
    if names is None:
        raise Failure(NOT_THERE)
    return sorted(names[0])


def tell_names(connection: Connection, api: str) -> None:
    """The main of a process that tells what ports there are, each time that it is asked."""
    backend = rtmidi_backend(api)
    with contextlib.suppress(EOFError, OSError):
        while connection.recv() != GOODBYE:
            connection.send(names_of(backend))


class MidiBridge(Service):
    """One input, and one output for feedback. port: part of a port's name; "" for a port of our own.

    asks: the api whose ports another process is to ask for; "" asks here. own_may_go: whether a port of our own is
    watched, too.
    learned: told the map each time that it has learned a controller, to be kept.
    """

    def __init__(
        self,
        engine: Played,
        midi_map: MidiMap,
        backend: Backend,
        port: str = "",
        watch_s: float = 1.0,
        asks: str = "",
        own_may_go: bool = False,
    ) -> None:
        self.map = midi_map
        self.clock = MidiClock()
        self.connected = False
        self._engine, self._backend, self._port, self._asks = engine, backend, port, asks
        self._input: Any = None
        self._output: Any = None
        self._own_may_go = own_may_go
        self._learning = ""
        self.learned: Callable[[MidiMap], None] = lambda learned: None
        self._notes: tuple[Fires, ...] = ()
        self._cues: dict[str, Cue] = {}  # as they were last told
        self._watch_s = watch_s
        self._watching: asyncio.Task[None] | None = None
        self._asking: Child | None = None
        self._answers: asyncio.Queue[Names | None] = asyncio.Queue()
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Open the ports. Raises Failure where there can't be one of our own, or none of that name is there."""
        self._loop = asyncio.get_running_loop()
        self._open()
        self._unsubscribe = self._engine.subscribe(self._on_news)
        if self._asks:
            self._asking = Child("midi-ports", tell_names, (self._asks,), self._answers.put_nowait, self._asked)
            await self._asking.start()
        if self._port or self._own_may_go:
            self._watching = asyncio.create_task(self._watch())
        _log.info("MIDI on %s", self._input.name)

    async def stop(self) -> None:
        """Close the ports. Can be called twice."""
        self._unsubscribe()
        self._unsubscribe = lambda: None
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None
        is_gone = False
        if self._input is not None:
            with contextlib.suppress(TimeoutError):
                is_gone = await self._names() is None
        asking, self._asking = self._asking, None
        if asking is not None:
            await asking.stop()
        self._close(is_gone)

    def learn(self, parameter: str) -> None:
        """Let the next controller that is moved move this parameter from then on."""
        self._learning = parameter

    def use_sheet(self, sheet: CueSheet) -> None:
        """Take the notes that a cue sheet names, before the map's, in place of the last sheet's."""
        self._notes = notes_of(sheet)

    @property
    def _played(self) -> MidiMap:
        return self.map.with_notes(self._notes)

    def _open(self) -> None:
        try:
            if self._port:
                found = self._find()
                outputs = [name for name in self._backend.get_output_names() if self._port in name]
                self._output = self._backend.open_output(outputs[0]) if outputs else None
                self._input = self._backend.open_input(found, callback=self._hear)  # last: nothing is heard before
            else:
                self._output = self._backend.open_output(OWN_PORT, virtual=True)
                self._input = self._backend.open_input(OWN_PORT, virtual=True, callback=self._hear)
        except DiegeticError:
            raise
        except Exception as error:  # each backend and system has errors of its own
            names = names_of(self._backend)
            self._close(is_gone=names is None)
            if names is None:
                raise Failure(NOT_THERE) from None
            known = ", ".join(names[0]) or "none"
            if isinstance(error, NotImplementedError):
                raise Failure(f"{NO_OWN}: {known}") from None
            raise Failure(f"midi: can't be opened ({error}); choose one of the ports there are: {known}") from None
        self.connected = True

    def _find(self) -> str:
        names, _ = names_of(self._backend) or ((), ())
        found = next((name for name in names if self._port in name), None)
        if found is None:
            raise Failure(f"midi: no port has {self._port!r} in its name; there are: {', '.join(names) or 'none'}")
        return found

    def _close(self, is_gone: bool) -> None:
        """is_gone: the server that the ports were in has ended."""
        for port in (self._input, self._output):
            if port is None:
                continue
            if is_gone:
                _leave(port)
            else:
                port.close()
        self._input = self._output = None
        self.connected = False

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._watch_s)
            with contextlib.suppress(TimeoutError):
                self._look(await self._names())

    async def _names(self) -> Names | None:
        """Raises TimeoutError where the process that is asked doesn't answer."""
        if self._asking is None:
            return names_of(self._backend)
        while not self._answers.empty():  # to one who asked and was stopped
            self._answers.get_nowait()
        self._asking.send("ports")
        return await asyncio.wait_for(self._answers.get(), _ASKED_S)

    def _asked(self, exit_code: int) -> None:
        if self._asking is not None:
            _log.warning("MIDI ports are watched no more: what watches them ended (%d)", exit_code)

    def _look(self, names: Names | None) -> None:
        """Let a port go that vanished, and take it again when it is back."""
        there = names is not None and self._is_among(*names)
        if self.connected and not there:
            self._close(is_gone=names is None or not self._port)  # one of our own goes with its server alone
            again = "it is taken again when it is back" if self._port else "start the engine again to have it back"
            gone = f"MIDI port {self._port or OWN_PORT} is gone; {again}"
            _log.warning("%s", gone)
            self._engine.report(_GONE, gone)
        elif there and not self.connected and self._port:
            try:
                self._open()
                _log.info("MIDI port %s is back", self._port)
                for cue in self._cues.values():
                    self._show(cue)
            except Failure as error:
                _log.warning("%s", error)

    def _is_among(self, inputs: Sequence[str], outputs: Sequence[str]) -> bool:
        """Whether the port is there: a chosen one as an input, our own as one that others can send to."""
        return any((self._port or OWN_PORT) in name for name in (inputs if self._port else outputs))

    def _hear(self, message: Any) -> None:
        """In the backend's thread."""
        self._loop.call_soon_threadsafe(self._take, message, time.perf_counter())

    def _take(self, message: Any, at_s: float) -> None:
        if message.type in _CLOCK:
            self.clock.hear(message.type, at_s, getattr(message, "pos", 0))
            return
        heard = _heard(message)
        if heard is None:
            return
        if self._learning and heard.type == "control_change":
            _log.info("MIDI controller %d moves %s from now on", heard.number, self._learning)
            self.map, self._learning = self.map.learn(heard.number, self._learning), ""
            try:
                self.learned(self.map)
            except DiegeticError as error:
                _log.warning("%s", error)
                self._engine.report(_NOT_KEPT, str(error))
        try:
            play(heard, self._played, self._engine)
        except DiegeticError as error:
            _log.warning("MIDI %s %d: %s", heard.type, heard.number, error)

    def _on_news(self, news: News) -> None:
        if isinstance(news, CueChanged):
            self._cues[news.cue.name] = news.cue
            self._show(news.cue)

    def _show(self, cue: Cue) -> None:
        """Light the pads of a cue by its state."""
        if self._output is not None:
            message = import_module("mido").Message
            channel = max(self.map.channel - 1, 0)
            for note, velocity in feedback(cue, self._played):
                self._output.send(message("note_on", channel=channel, note=note, velocity=velocity))


def _leave(port: object) -> None:
    """Never close a port, nor let Python do so: where jackd has ended, that ends this process too.

    Seen with RtMidi 5.0 and jack2, whose library has freed the client by then (segmentation fault).
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(port))


def _heard(message: Any) -> Heard | None:
    """A channel message as the map knows it; None for any other."""
    match message.type:
        case "note_on" | "note_off":
            return Heard(message.type, message.channel + 1, message.note, message.velocity)
        case "control_change":
            return Heard(message.type, message.channel + 1, message.control, message.value)
        case "program_change":
            return Heard(message.type, message.channel + 1, message.program)
    return None
