"""Too little memory, and a GPU that isn't there: one sentence each, with what would do."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory
from diegetic.model.config import read_config
from diegetic.model.memory import available_bytes, check_fits, needed_bytes, out_of_memory
from diegetic.model.placement import Placement, place
from diegetic.model.registry import load_model
from diegetic.model.release_files import find_release
from diegetic.model.released import load_network
from diegetic.settings import Settings
from made_up import released_state
from tiny_release import RANK, tiny_config, tiny_model, write_release

PRESET = Path(__file__).parents[1] / "presets" / "models" / "audiostory-3b.toml"
CPU, GPU = torch.device("cpu"), torch.device("cuda")
CODEC_BYTES = 624_450_000
ON_GPU = Placement(GPU, GPU, torch.bfloat16, torch.bfloat16)
EXACT = Placement(GPU, GPU, torch.float32, torch.float32)


@pytest.fixture(scope="module")
def weights() -> dict[str, int]:
    """The paper's size: values of each weight, tied ones once."""
    with torch.device("meta"):
        model = AudioStory(read_config(PRESET))
    return {name: weight.numel() for name, weight in model.named_parameters()}


def test_the_papers_size_fits_into_12_gb_in_bfloat16(weights: dict[str, int]) -> None:
    needed = needed_bytes(weights, CODEC_BYTES, ON_GPU)
    assert 7.2e9 + CODEC_BYTES < needed[GPU] < 12e9
    assert needed_bytes(weights, CODEC_BYTES, EXACT)[GPU] > 14e9


def test_offloading_keeps_the_llm_off_the_gpu(weights: dict[str, int]) -> None:
    needed = needed_bytes(weights, CODEC_BYTES, replace(ON_GPU, llm_device=CPU))
    assert needed[CPU] > 6e9
    assert needed[GPU] < 4e9


@pytest.mark.parametrize(
    ("placement", "gpu_gb", "cpu_gb", "ways"),
    [
        (EXACT, 10, 4, 'precision = "bfloat16"'),
        (EXACT, 6, 20, 'offload = true, offload = true with precision = "bfloat16", --device cpu'),
        (ON_GPU, 6, 20, 'offload = true, offload = true with precision = "bfloat16", --device cpu'),
        (ON_GPU, 6, 4, ""),
    ],
)
def test_too_little_says_how_much_is_missing_and_what_would_fit(
    placement: Placement, gpu_gb: float, cpu_gb: float, ways: str, weights: dict[str, int]
) -> None:
    free = {GPU: int(gpu_gb * 1e9), CPU: int(cpu_gb * 1e9)}
    with pytest.raises(Failure) as caught:
        check_fits("audiostory-3b", weights, CODEC_BYTES, placement, free.get)
    missing = needed_bytes(weights, CODEC_BYTES, placement)[GPU] / 1e9 - gpu_gb
    assert f"{gpu_gb:.1f} GB are free, {missing:.1f} GB too few" in str(caught.value)
    would_fit = ", ".join(filter(None, [ways, "--model pocket"]))
    assert str(caught.value).endswith(f"what would fit: {would_fit}")
    check_fits("audiostory-3b", weights, CODEC_BYTES, placement, lambda device: 40_000_000_000)


def test_a_model_that_does_not_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny_config()
    folder = write_release(tmp_path / "ckpt", config, released_state(tiny_model(config), RANK))
    monkeypatch.setattr("diegetic.model.memory.available_bytes", lambda device: 1_000_000)
    with pytest.raises(Failure, match=r"tiny: needs 1\.5 GB on cpu and 0\.0 GB are free, 1\.5 GB too few"):
        load_network(config, find_release(folder), Placement(CPU, CPU))


def test_memory_that_is_full_in_the_midst_is_one_sentence() -> None:
    said = r"event e1: the memory is full \(CUDA out of memory\); end other programs"
    with pytest.raises(Failure, match=said), out_of_memory("event e1"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nGPU 0")


def test_a_full_main_memory_is_told_as_well_and_other_errors_stay() -> None:
    said = r"event e1: the memory is full \(.*allocate.*\); end other programs"
    with pytest.raises(Failure, match=said), out_of_memory("event e1"):
        torch.empty(1 << 60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="another"), out_of_memory("event e1"):
        raise RuntimeError("another")


def test_a_memory_that_is_full_while_a_model_is_loaded_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diegetic.model.loading.load", lambda *given: torch.empty(1 << 60, dtype=torch.uint8))
    with pytest.raises(Failure, match=r"pocket: the memory is full"):
        load_model("pocket", Settings())


def test_this_machine_says_what_is_free() -> None:
    free = available_bytes(CPU)
    assert free > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_asked_for_and_is_not_there_is_refused() -> None:
    with pytest.raises(Failure, match="device: cuda was asked for and isn't there; use --device cpu"):
        place(Settings(device="cuda"))
    with pytest.raises(Failure, match="offload: keeps the LLM off a GPU, and there is none in use"):
        place(Settings(offload=True))


def test_settings_choose_the_types() -> None:
    assert place(Settings(device="cpu")) == Placement(CPU, CPU, torch.bfloat16, torch.float32)
    assert place(Settings(device="cpu", precision="float32")) == Placement(CPU, CPU, torch.float32, torch.float32)
