"""The MIDI bridge, over ports that the test plays."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from diegetic.errors import Failure
from diegetic.live.cue_sheet import CueSheet, SheetCue
from diegetic.live.jobs import Refused
from diegetic.live.news import CueChanged, News, Trouble
from diegetic_bridges.midi import MidiBridge, input_names
from diegetic_bridges.midi_map import Fires, MidiMap, Moves
from fake_engine import FakeEngine

mido = pytest.importorskip("mido", reason="needs mido (pip install 'diegetic[midi]')")

MAP = MidiMap(note=(Fires(36, slot=2),), controller=(Moves(1, "intensity"),))


class Port:
    def __init__(self, name: str, callback: Callable[[Any], None] | None) -> None:
        self.name, self.callback = name, callback
        self.sent: list[Any] = []
        self.closed = False

    def send(self, message: Any) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.closed = True


class Ports:
    """A backend. names: the ports that are there; own: whether a port of our own can be made; gone: it has ended.

    ours: the ports that were made, as long as they are there. looks: how often names were asked for.
    """

    def __init__(self, names: list[str], own: bool = True) -> None:
        self.names, self.own, self.gone = names, own, False
        self.ours: list[str] = []
        self.looks = 0
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []

    def open_input(self, name: str, virtual: bool = False, callback: Callable[[Any], None] | None = None) -> Port:
        if virtual and not self.own:
            raise NotImplementedError("virtual ports are not supported")
        self.ours += [f"RtMidiIn Client:{name}"] * virtual
        self.inputs.append(Port(name, callback))
        return self.inputs[-1]

    def open_output(self, name: str, virtual: bool = False) -> Port:
        self.outputs.append(Port(name, None))
        return self.outputs[-1]

    def get_input_names(self) -> list[str]:
        self.looks += 1
        if self.gone:
            raise SystemError("JACK server not running?")
        return self.names

    def get_output_names(self) -> list[str]:
        return [*self.get_input_names(), *self.ours]

    def play(self, *messages: Any) -> None:
        """As a backend does: from a thread of its own."""
        callback = self.inputs[-1].callback
        assert callback is not None
        thread = threading.Thread(target=lambda: [callback(message) for message in messages])
        thread.start()
        thread.join()


def run(scene: Callable[[MidiBridge, FakeEngine, Ports], Awaitable[None]], ports: Ports, port: str = "") -> None:
    async def whole() -> None:
        engine = FakeEngine()
        async with MidiBridge(engine, MAP, ports, port, watch_s=0.005, own_may_go=True) as bridge:
            await asyncio.wait_for(scene(bridge, engine, ports), 10)
        assert all(each.closed for each in (*ports.inputs, *ports.outputs))
        assert engine.listeners == []

    asyncio.run(whole())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def test_notes_reach_the_engine_and_its_cues_show_on_the_pads() -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        ports.play(mido.Message("note_on", note=36, velocity=127), mido.Message("sysex", data=[1, 2]))
        await until(lambda: bool(engine.calls))
        assert engine.calls == [("cue/go", "2", None, 1.0)]
        engine.tell_news(CueChanged(replace(engine.cues[0], state="sounding")))
        assert ports.outputs[0].sent == [mido.Message("note_on", note=36, velocity=127)]
        assert [port.name for port in ports.inputs] == ["Diegetic"]

    run(scene, Ports([]))


def test_a_system_without_ports_is_one_sentence() -> None:
    ports = Ports(["Keys", "Pads"])
    assert input_names(ports) == ["Keys", "Pads"]
    ports.gone = True
    with pytest.raises(Failure, match="midi: this system's ports can't be reached"):
        input_names(ports)


def test_what_the_engine_refuses_ends_nothing() -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        engine.refuses = Refused(404, "slot 2: is empty")
        ports.play(mido.Message("note_on", note=36))
        ports.play(mido.Message("control_change", control=1, value=127))
        await until(lambda: engine.values["intensity"] == 1.0)

    run(scene, Ports([]))


def test_a_learned_controller_moves_its_parameter_at_once() -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        kept = []
        bridge.learned = kept.append
        bridge.learn("distance")
        ports.play(mido.Message("control_change", control=20, value=127))
        await until(lambda: engine.values["distance"] == 1.0)
        assert Moves(20, "distance") in bridge.map.controller
        assert kept == [bridge.map]

    run(scene, Ports([]))


def test_what_was_learned_and_can_not_be_kept_is_told_and_moves_its_parameter() -> None:
    def full(learned: MidiMap) -> None:
        raise Failure("midi.toml: can't be written, the disk is full")

    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        bridge.learned = full
        bridge.learn("distance")
        news: list[News] = []
        end = engine.subscribe(news.append)
        ports.play(mido.Message("control_change", control=20, value=127))
        await until(lambda: engine.values["distance"] == 1.0)
        end()
        assert Trouble(500, "midi.toml: can't be written, the disk is full") in news

    run(scene, Ports([]))


def test_clock_is_heard() -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        ports.play(mido.Message("songpos", pos=8), mido.Message("continue"), *[mido.Message("clock")] * 20)
        await until(lambda: bridge.clock.tempo_bpm() is not None)
        assert bridge.clock.running

    run(scene, Ports([]))


def test_a_port_that_vanishes_is_taken_again_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        news: list[News] = []
        end = engine.subscribe(news.append)
        ports.names = []
        await until(lambda: not bridge.connected)
        assert ports.inputs[0].closed
        assert "is gone" in caplog.text
        assert news == [Trouble(503, "MIDI port Pads is gone; it is taken again when it is back")]
        engine.tell_news(CueChanged(replace(engine.cues[0], state="pending")))
        ports.names = ["Pads 20:0"]
        await until(lambda: bridge.connected)
        assert ports.outputs[-1].sent == [mido.Message("note_on", note=36, velocity=64)]
        end()
        ports.play(mido.Message("note_on", note=36, velocity=127))
        await until(lambda: bool(engine.calls))

    run(scene, Ports(["Pads 20:0"]), "Pads")


def test_a_port_whose_server_has_ended_is_not_closed_and_taken_again_when_it_is_back() -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        left = [ports.inputs.pop(), ports.outputs.pop()]
        ports.gone = True
        await until(lambda: not bridge.connected)
        ports.gone = False
        await until(lambda: bridge.connected)
        assert not any(each.closed for each in left)

    run(scene, Ports(["Pads 20:0"]), "Pads")


@pytest.mark.parametrize("back", [False, True])
def test_a_port_of_our_own_that_is_gone_with_its_server_is_told(back: bool) -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        news: list[News] = []
        end = engine.subscribe(news.append)
        left = [ports.inputs.pop(), ports.outputs.pop()]
        ports.ours, ports.gone = [], not back
        await until(lambda: bool(news))
        assert news == [Trouble(503, "MIDI port Diegetic is gone; start the engine again to have it back")]
        ports.gone, looks = False, ports.looks
        await until(lambda: ports.looks >= looks + 6)
        assert not bridge.connected
        assert not any(each.closed for each in left)
        end()

    run(scene, Ports([]))


def test_a_port_that_is_not_there_is_a_failure_that_names_those_that_are() -> None:
    with pytest.raises(Failure, match="no port has 'Pads' in its name; there are: Keys"):
        run(_nothing, Ports(["Keys"]), "Pads")
    with pytest.raises(Failure, match=r"no ports of a program's own; make one with loopMIDI.*--midi; there are: Keys"):
        run(_nothing, Ports(["Keys"], own=False))


def test_where_no_ports_can_be_reached_the_way_to_some_is_told() -> None:
    ports = Ports([], own=False)

    def none() -> list[str]:
        raise OSError("no sequencer")

    ports.get_input_names = none  # type: ignore[method-assign]
    with pytest.raises(Failure, match=r"ports can't be reached.*modprobe snd-seq.*--midi-api jack"):
        run(_nothing, ports)


async def _nothing(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
    return


def test_notes_of_a_cue_sheet_fire_and_show_until_another_is_used() -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine, ports: Ports) -> None:
        bridge.use_sheet(CueSheet(cue=(SheetCue("slam", "the door slams", note=70),)))
        ports.play(mido.Message("note_on", note=70, velocity=127))
        await until(lambda: engine.calls == [("cue/go", "slam", None, 1.0)])
        engine.tell_news(CueChanged(replace(engine.cues[0], state="sounding")))
        assert [message.note for message in ports.outputs[0].sent] == [70, 36]
        bridge.use_sheet(CueSheet())
        ports.play(mido.Message("note_on", note=70, velocity=127), mido.Message("note_on", note=36, velocity=127))
        await until(lambda: len(engine.calls) == 2)
        assert engine.calls[1] == ("cue/go", "2", None, 1.0)

    run(scene, Ports([]))
