"""Devices on the network: what arrives, read by a parser that shares nothing with what made it."""

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SharedSound
from diegetic.errors import Failure, InputError
from diegetic.player.client import Player
from diegetic.player.messages import Lost, Opened, Play, PlayerConfig, Report, VoiceNews
from diegetic.player.network import NetworkDevice, Target, target
from diegetic.player.packets import ReaStream, Vban

Samples = NDArray[np.float32]

NOISE = np.random.default_rng(1).uniform(-1, 1, (600, 2)).astype(np.float32)


@dataclass
class Packet:
    """What a receiver reads."""

    name: str
    rate_hz: int
    number: int
    samples: Samples


def read_vban(packet: bytes) -> Packet:
    """By the specification's C struct: magic, SR, nbs, nbc, bit, name[16], nuFrame."""
    magic, rate, frames, channels, form, name, number = struct.unpack("<4sBBBB16sI", packet[:28])
    assert magic == b"VBAN"
    assert rate >> 5 == 0, "is no audio"
    assert form == 2, "is no PCM of 24 bits"
    assert len(packet) <= 1464
    shape = (frames + 1, channels + 1)
    assert len(packet) == 28 + 3 * shape[0] * shape[1]
    numbers = [int.from_bytes(packet[i : i + 3], "little", signed=True) for i in range(28, len(packet), 3)]
    rate_hz = {3: 48_000, 16: 44_100, 7: 8000}[rate]
    return Packet(name.rstrip(b"\0").decode(), rate_hz, number, np.reshape(np.array(numbers) / 8388608, shape))


def read_reastream(packet: bytes) -> Packet:
    assert packet[:4] == b"MRSR"
    assert int.from_bytes(packet[4:8], "little") == len(packet)
    assert packet[39] == 0, "the last byte of the name isn't 0"
    channels, size = packet[40], int.from_bytes(packet[45:47], "little")
    assert size == len(packet) - 47
    assert size <= 1200
    samples = np.array([value for (value,) in struct.iter_unpack("<f", packet[47:])], np.float32)
    name = packet[8:40].rstrip(b"\0").decode()
    return Packet(name, int.from_bytes(packet[41:45], "little"), -1, samples.reshape(channels, -1).T)


READERS = {"vban": read_vban, "reastream": read_reastream}


@pytest.mark.parametrize("frames", [1, 64, 239, 240, 256, 512, 600])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_vban_packets_hold_the_samples_in_24_bits_in_order(frames: int, channels: int) -> None:
    block = np.resize(NOISE, (frames, channels))
    found = [read_vban(packet) for packet in Vban("Diegetic", 44_100, channels).packets(block)]
    assert [packet.number for packet in found] == list(range(len(found)))
    assert {(packet.name, packet.rate_hz) for packet in found} == {("Diegetic", 44_100)}
    joined = np.concatenate([packet.samples for packet in found])
    assert joined.shape == block.shape
    assert np.abs(joined - block).max() <= 2**-24
    assert max(len(packet.samples) for packet in found) - min(len(packet.samples) for packet in found) <= 1


@pytest.mark.parametrize("frames", [1, 64, 150, 151, 256, 600])
@pytest.mark.parametrize("channels", [1, 2, 8, 64])
def test_reastream_packets_hold_exactly_the_samples_channel_after_channel(frames: int, channels: int) -> None:
    block = np.resize(NOISE, (frames, channels))
    found = [read_reastream(packet) for packet in ReaStream("default", 48_000, channels).packets(block)]
    assert {(packet.name, packet.rate_hz) for packet in found} == {("default", 48_000)}
    assert np.array_equal(np.concatenate([packet.samples for packet in found]), block)


def test_full_scale_and_beyond_stay_within_24_bits() -> None:
    (packet,) = Vban("x", 48_000, 1).packets(np.array([[1.0], [-1.0], [3.0], [-3.0], [0.0]], np.float32))
    top = 1 - 2**-23
    assert read_vban(packet).samples[:, 0].tolist() == [top, -1.0, top, -1.0, 0.0]


@pytest.mark.parametrize(
    ("device", "meant"),
    [
        ("vban:studio", Target("vban", "studio", 6980, "Diegetic")),
        ("vban:192.168.1.20:7000/Stage left", Target("vban", "192.168.1.20", 7000, "Stage left")),
        ("reastream:localhost", Target("reastream", "localhost", 58710, "default")),
        ("reastream:[::1]:5000/a%2Fb", Target("reastream", "::1", 5000, "a/b")),
        ("null", None),
        ("default", None),
        ("HDA Intel: ALC (hw:0,0)", None),
    ],
)
def test_a_device_is_a_receiver_by_its_prefix(device: str, meant: Target | None) -> None:
    assert target(device) == meant


@pytest.mark.parametrize("device", ["vban:", "vban:/Stage", "reastream:h:port", "vban:h:70000", "vban:[", "vban:u@h"])
def test_a_broken_address_is_refused_with_what_it_must_be(device: str) -> None:
    with pytest.raises(InputError, match=r"must be (vban|reastream):HOST\[:PORT\]\[/NAME\]"):
        target(device)


@pytest.mark.parametrize(
    ("device", "rate_hz", "channels", "text"),
    [
        ("vban:h/a-name-of-more-than-15", 48_000, 2, "1..15 bytes"),
        ("vban:h", 47_999, 2, "rate must be one of"),
        ("vban:h", 48_000, 257, "256 channels at most"),
        ("reastream:h/" + "a" * 32, 48_000, 2, "1..31 bytes"),
        ("reastream:h", 48_000, 65, "64 channels at most"),
    ],
)
def test_what_a_receiver_cant_take_is_refused_before_anything_starts(
    device: str, rate_hz: int, channels: int, text: str
) -> None:
    with pytest.raises(InputError, match=text):
        PlayerConfig(device, rate_hz, 64, channels, (), 16, "quietest", None)


class Receiver:
    """A socket, and all that comes to it."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.packets: list[bytes] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while packet := self.socket.recv(65_536):
            self.packets.append(packet)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self.socket.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.mark.parametrize("kind", ["vban", "reastream"])
def test_a_voice_arrives_sample_for_sample_at_its_frame(kind: str, receiver: Receiver) -> None:
    sound = SharedSound.make(0.5 * NOISE, np.ones(len(NOISE), np.float32))
    config = PlayerConfig(f"{kind}:127.0.0.1:{receiver.port}/stage", 8000, 64, 2, (), 16, "quietest", None)
    heard: list[Report] = []

    async def scene() -> None:
        player = Player(config, heard.append)
        await player.start()
        try:
            player.play_now([Play(1, sound.handle, "bed", 0, (0, 1))])
            async with asyncio.timeout(20):
                while not any(isinstance(each, VoiceNews) and each.kind == "ended" for each in heard):
                    await asyncio.sleep(0.01)
        finally:
            await player.stop()

    asyncio.run(scene())
    sound.remove()
    assert [each.name for each in heard if isinstance(each, Opened)] == [config.device]
    found = [READERS[kind](packet) for packet in receiver.packets]
    assert {(packet.name, packet.rate_hz) for packet in found} == {("stage", 8000)}
    start = next(each.frame for each in heard if isinstance(each, VoiceNews) and each.kind == "started")
    whole = np.concatenate([packet.samples for packet in found])
    part = whole[start : start + len(NOISE)]
    assert np.abs(part - 0.5 * NOISE).max() <= (2**-24 if kind == "vban" else 0)
    assert not whole[:start].any()


def test_nobody_there_costs_packets_and_nothing_else(receiver: Receiver) -> None:
    receiver.close()
    filled = threading.Event()
    device = NetworkDevice(Target("vban", "127.0.0.1", receiver.port, "x"), 8000, 64, 2, lambda out, late: None)
    device.start()
    while device.lost == 0:
        filled.wait(0.01)
    assert device.alive
    assert device.close()


def test_an_unknown_host_is_reported_and_stood_in_for() -> None:
    with pytest.raises(Failure, match="is not known"):
        NetworkDevice(Target("vban", "no.such.host.invalid", 6980, "x"), 8000, 64, 2, lambda out, late: None)
    config = PlayerConfig("vban:no.such.host.invalid", 8000, 64, 2, (), 16, "quietest", None)
    heard: list[Report] = []

    async def scene() -> None:
        player = Player(replace(config), heard.append)
        await player.start()
        await player.stop()

    asyncio.run(scene())
    assert any(isinstance(each, Lost) and "is not known" in each.reason for each in heard)
    assert [each.name for each in heard if isinstance(each, Opened)] == ["null"]
