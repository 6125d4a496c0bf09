"""MIDI ports: what is played goes to the engine by a map, and its cues show on the pads.

A port of our own ("Diegetic") where the system has such, else one that is chosen by name. A chosen port that vanishes
is reported, and taken again when it is back; the pads then show all cues anew. Needs mido and python-rtmidi (the extra
"midi").

Threads: a backend calls `_hear` in a thread of its own; it only hands over to the event loop's thread, where all else
belongs.
"""

import asyncio
import ctypes
import logging
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from diegetic.errors import DiegeticError, Failure, InputError
from diegetic.live.cue_sheet import CueSheet
from diegetic.live.cues import Cue
from diegetic.live.news import CueChanged, News
from diegetic.schema import unknown
from diegetic.service import Service
from diegetic_bridges.midi_clock import MidiClock
from diegetic_bridges.midi_map import Fires, Heard, MidiMap, Played, feedback, notes_of, play

OWN_PORT = "Diegetic"
APIS = {"alsa": "LINUX_ALSA", "jack": "UNIX_JACK", "coremidi": "MACOSX_CORE", "winmm": "WINDOWS_MM"}
"""Systems of ports, as they are asked for, and as mido calls them."""

_GONE = 503
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


class MidiBridge(Service):
    """One input, and one output for feedback. port: part of a port's name; "" for a port of our own.

    learned: told the map each time that it has learned a controller, to be kept.
    """

    def __init__(
        self, engine: Played, midi_map: MidiMap, backend: Backend, port: str = "", watch_s: float = 1.0
    ) -> None:
        self.map = midi_map
        self.clock = MidiClock()
        self.connected = False
        self._engine, self._backend, self._port = engine, backend, port
        self._input: Any = None
        self._output: Any = None
        self._learning = ""
        self.learned: Callable[[MidiMap], None] = lambda learned: None
        self._notes: tuple[Fires, ...] = ()
        self._cues: dict[str, Cue] = {}  # as they were last told
        self._watch_s = watch_s
        self._watching: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Open the ports. Raises Failure where there can't be one of our own, or none of that name is there."""
        self._loop = asyncio.get_running_loop()
        self._open()
        self._unsubscribe = self._engine.subscribe(self._on_news)
        if self._port:
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
        self._close()

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
                self._input = self._backend.open_input(self._find(self._inputs_there() or ()), callback=self._hear)
                outputs = [name for name in self._backend.get_output_names() if self._port in name]
                self._output = self._backend.open_output(outputs[0]) if outputs else None
            else:
                self._input = self._backend.open_input(OWN_PORT, virtual=True, callback=self._hear)
                self._output = self._backend.open_output(OWN_PORT, virtual=True)
        except DiegeticError:
            raise
        except Exception as error:  # each backend and system has errors of its own
            self._close()
            known = ", ".join(self._inputs_there() or ()) or "none"
            raise Failure(f"midi: can't be opened ({error}); choose one of the ports there are: {known}") from None
        self.connected = True

    def _inputs_there(self) -> Sequence[str] | None:
        """The inputs' names; None where the system of ports itself is gone, as when jackd has ended."""
        try:
            return self._backend.get_input_names()
        except Exception:  # each backend has errors of its own
            return None

    def _find(self, names: Sequence[str]) -> str:
        found = next((name for name in names if self._port in name), None)
        if found is None:
            raise Failure(f"midi: no port has {self._port!r} in its name; there are: {', '.join(names) or 'none'}")
        return found

    def _close(self) -> None:
        ports = [port for port in (self._input, self._output) if port is not None]
        is_gone = bool(ports) and self._inputs_there() is None
        for port in ports:
            if is_gone:
                _leave(port)
            else:
                port.close()
        self._input = self._output = None
        self.connected = False

    async def _watch(self) -> None:
        """Let a port go that vanished, and take it again when it is back."""
        while True:
            await asyncio.sleep(self._watch_s)
            there = any(self._port in name for name in self._inputs_there() or ())
            if self.connected and not there:
                self._close()
                gone = f"MIDI port {self._port} is gone; it is taken again when it is back"
                _log.warning("%s", gone)
                self._engine.report(_GONE, gone)
            elif there and not self.connected:
                try:
                    self._open()
                    _log.info("MIDI port %s is back", self._port)
                    for cue in self._cues.values():
                        self._show(cue)
                except Failure as error:
                    _log.warning("%s", error)

    def _hear(self, message: Any) -> None:
        """In the backend's thread."""
        self._loop.call_soon_threadsafe(self._take, message, time.monotonic())

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
            self.learned(self.map)
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
