"""What was played, into files: none longer than a WAV may be."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from diegetic.player import recorder
from diegetic.player.recorder import Recorder


def test_a_recording_too_long_for_one_file_goes_on_in_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "_MOST_BYTES", 1000 * 4 * 2)
    played = np.random.default_rng(1).uniform(-1, 1, (2500, 2)).astype(np.float32)
    recording = Recorder(tmp_path / "day.wav", 8_000, 2)
    for start in range(0, len(played), 64):
        recording.take(played[start : start + 64])
    recording.close()
    files = [tmp_path / name for name in ("day.wav", "day-2.wav", "day-3.wav")]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    kept = [soundfile.read(file, dtype="float32")[0] for file in files]
    assert [len(each) for each in kept] == [1000, 1000, 500]
    assert np.array_equal(np.concatenate(kept), played)
    assert recording.take_trouble() == ""
