"""A VBAN receiver that others wrote (PyPI's aiovban) hears what the player sends, frame for frame."""

import asyncio
import socket
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SharedSound
from diegetic.player.client import Player
from diegetic.player.messages import Play, PlayerConfig, Report, VoiceNews

pytestmark = [pytest.mark.real, pytest.mark.alone]

RATE = 48_000
SECONDS = 2
ALL_BYTES = 4 << 20


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_aiovban_hears_every_frame_of_a_voice() -> None:
    pytest.importorskip("aiovban", reason="needs aiovban (pip install aiovban)")
    noise = np.random.default_rng(2).uniform(-0.5, 0.5, (SECONDS * RATE, 2)).astype(np.float32)
    sound = SharedSound.make(noise, np.ones(len(noise), np.float32))
    port, heard = free_port(), list[Report]()

    async def scene() -> tuple[list[NDArray[np.int32]], list[int]]:
        from aiovban.asyncio import AsyncVBANClient
        from aiovban.packet.headers.audio import BitResolution, Codec

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it asks for the locale in an old way
            client = AsyncVBANClient(default_queue_size=5000)
        await client.listen("127.0.0.1", port)
        receiver = client._transport.get_extra_info("socket")
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ALL_BYTES)  # it may be held up as long as all lasts
        device = await client.register_device("127.0.0.1", port)
        stream = device.receive_stream("stage")
        player = Player(
            PlayerConfig(f"vban:127.0.0.1:{port}/stage", RATE, 256, 2, (), 16, "quietest", None), heard.append
        )
        await player.start()
        player.play_now([Play(1, sound.handle, "bed", 0, (0, 1))])
        while not any(isinstance(each, VoiceNews) and each.kind == "ended" for each in heard):
            await asyncio.sleep(0.01)
        await player.stop()
        client_heard, numbers = [], []
        while (packet := stream.get_packet_nowait()) is not None:
            head = packet.header
            assert (head.sample_rate.rate, head.codec) == (RATE, Codec.PCM)
            assert head.bit_resolution is BitResolution.INT24
            data = np.frombuffer(bytes(packet.body.data), np.uint8).reshape(-1, 3).astype(np.int32)
            whole = (data[:, 0] | data[:, 1] << 8 | data[:, 2] << 16) << 8 >> 8
            client_heard.append(whole.reshape(head.samples_per_frame, head.channels))
            numbers.append(head.framecount)
        client.close()
        return client_heard, numbers

    blocks, numbers = asyncio.run(asyncio.wait_for(scene(), 30))
    sound.remove()
    assert numbers == list(range(len(numbers)))
    start = next(each.frame for each in heard if isinstance(each, VoiceNews) and each.kind == "started")
    part = np.concatenate(blocks)[start : start + len(noise)]
    assert np.array_equal(part, np.rint(noise.astype(np.float64) * 2**23).astype(np.int32))
