"""The long-running engine with its bridges: started, served until told to stop, and stopped, in that order.

    take the ports  ->  start the player, then the generator (its model loads while all else answers)
    ->  open the bridges
    Ctrl-C, SIGTERM, a closed terminal or /diegetic/quit
    ->  fade out, cancel all jobs, end the children  ->  close the bridges

Threads: one event loop in the main thread; a second Ctrl-C ends the process at once.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from diegetic.cli.outside import Listening, Replaying
from diegetic.counted import counted
from diegetic.engine import Engine, LiveConfig, Loader
from diegetic.folder import StoryFolder
from diegetic.live.cue_sheet import CueSheet, read_sheet
from diegetic.live.cue_watch import CueSheets
from diegetic.open_files import allow_many
from diegetic.settings import presets_folder
from diegetic_bridges.capture import Capture, Witnessed
from diegetic_bridges.discovery import Announcement
from diegetic_bridges.midi import MidiBridge, input_names, rtmidi_backend
from diegetic_bridges.midi_map import MidiMap, read_map, write_map
from diegetic_bridges.osc import OscServer
from diegetic_bridges.replay import FAST, replay
from diegetic_bridges.session import Session
from diegetic_bridges.web import WebServer

_SOUNDS_EVERY_S = 0.1

LEARNED = "midi.toml"
"""In the project: the MIDI map with what was learned."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


def serve(config: LiveConfig, loader: Loader, listening: Listening) -> None:
    """Serve until told to stop. Raises InputError or Failure where it can't begin."""
    _run(_serve(config, loader, listening))


async def _serve(config: LiveConfig, loader: Loader, listening: Listening) -> None:
    midi_map = read_map(listening.midi_map or _usual_map(config.project))
    if listening.cues is not None:
        read_sheet(listening.cues)  # refused before anything is started
    async with AsyncExitStack() as stack:
        engine = Engine(config, loader)
        _on_signals(engine.quit)
        capture = Capture(listening.capture) if listening.capture is not None else None
        if capture is not None:
            stack.callback(capture.close)
        session = Session(engine, capture=capture)
        server = OscServer(session, listening.host, listening.port, listening.allow)
        stack.enter_context(StoryFolder(config.project).held())
        web = _bound(stack, server, listening, session, engine)
        await stack.enter_async_context(engine)
        await stack.enter_async_context(server)
        if web is not None:
            await stack.enter_async_context(web)
            await stack.enter_async_context(Announcement(listening.host, server.port, web.port))
        await _open_hands(stack, session, engine, listening, midi_map, capture)
        status = engine.status()
        _log.info("plays on %s at %d Hz; renders with %s", status.device, status.rate_hz, status.model)
        _log.info("project %s; stop with Ctrl-C or /diegetic/quit", config.project.resolve())
        await engine.quitting()
        _log.info("stopping")
        await engine.stop()  # first: who waits for an end is told it


def _bound(
    stack: AsyncExitStack, server: OscServer, listening: Listening, session: Session, engine: Engine
) -> WebServer | None:
    """Take all ports, before there are children that would have to end again; the web's server, if it is wanted."""
    server.bind()
    stack.push_async_callback(server.stop)
    if listening.web_port is None:
        return None
    web = WebServer(session, engine, listening.host, listening.web_port, listening.allow, server.port)
    web.bind()
    stack.push_async_callback(web.stop)
    return web


async def _open_hands(
    stack: AsyncExitStack,
    session: Session,
    engine: Engine,
    listening: Listening,
    midi_map: MidiMap,
    capture: Capture | None,
) -> None:
    """MIDI and the cue sheet."""
    use_sheet: Callable[[CueSheet], None] | None = None
    if listening.midi != "off":
        played = Witnessed(engine, capture, "midi") if capture is not None else engine
        api = listening.midi_api
        is_jack = api == "jack"
        bridge = MidiBridge(
            played, midi_map, rtmidi_backend(api), listening.midi, asks=api if is_jack else "", own_may_go=is_jack
        )
        engine.set_bars(bridge.clock.next_bar_s)
        await stack.enter_async_context(bridge)
        bridge.learned = lambda learned: write_map(engine.config.project / LEARNED, learned)
        session.learn = bridge.learn
        use_sheet = bridge.use_sheet
    if listening.cues is not None:
        defined = Witnessed(engine, capture, "cues") if capture is not None else engine
        await stack.enter_async_context(CueSheets(listening.cues, defined, use_sheet))


def _usual_map(project: Path) -> Path:
    """The map that a project has learned, or the one in the box."""
    learned = project / LEARNED
    return learned if learned.exists() else presets_folder() / "midi" / "default.toml"


def replay_file(config: LiveConfig, loader: Loader, replaying: Replaying) -> int:
    """Play a capture again; how many of its commands failed. Raises InputError or Failure where it can't begin."""
    return _run(_replay(config, loader, replaying))


async def _replay(config: LiveConfig, loader: Loader, replaying: Replaying) -> int:
    with StoryFolder(config.project).held():
        return await _play_again(config, loader, replaying)


async def _play_again(config: LiveConfig, loader: Loader, replaying: Replaying) -> int:
    async with Engine(config, loader) as engine:
        speed = FAST if replaying.fast else 1.0
        done = await replay(engine, replaying.file, speed, replaying.bounce)
        while not replaying.fast and engine.status().voices:
            await asyncio.sleep(_SOUNDS_EVERY_S)
        stories = ", ".join(done.stories) or "none"
        _log.info("%s, %d failed; stories: %s", counted(done.commands, "command"), done.failed, stories)
    return done.failed


def midi_ports(api: str = "") -> list[str]:
    """The MIDI inputs there are. Raises Failure without the extra "midi", or where the system of ports isn't there."""
    return input_names(rtmidi_backend(api))


def _run(serving: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, for many clients and sounds, by the loop that is usual but on Windows.

    Windows' own hears no datagrams any more once an answer found nobody (python/cpython#127057), and takes no more
    connections once one was reset too soon (python/cpython#93821). Remove when no Python that we take does so.
    """
    allow_many()
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        return runner.run(serving)


def _on_signals(quit_: Callable[[], None]) -> None:
    """Quit at the first SIGINT, SIGTERM, SIGHUP or Windows' SIGBREAK; then they do what they do to any process.

    A SIGHUP that is ignored already (nohup) stays so.
    """
    loop = asyncio.get_running_loop()

    def once(number: int) -> None:
        signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(quit_)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    if hasattr(signal, "SIGBREAK"):
        numbers.append(signal.SIGBREAK)
    for number in numbers:
        signal.signal(number, lambda number, frame: once(number))
