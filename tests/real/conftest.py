"""What several tests with real counterparts need."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from jack_server import Jack


@pytest.fixture
def jack(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jack]:
    if shutil.which("jackd") is None or shutil.which("jack_wait") is None:
        pytest.skip("needs jackd (apt install jackd2)")
    pytest.importorskip("jack", reason="needs the Python package JACK-Client")
    pytest.importorskip("sounddevice", reason="needs sounddevice and libportaudio2", exc_type=OSError)
    name = f"diegetic-{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server = Jack(name, str(tmp_path / "heard.npz"))
    try:
        server.start()
        yield server
    finally:
        server.stop()
