"""Settings: what counts over what, and the manual that says so."""

import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from diegetic.errors import InputError
from diegetic.settings import Settings, config_folder, data_folder, resolve

MANUAL = Path(__file__).parent.parent / "presets" / "default.toml"


def test_the_manual_lists_every_key_with_its_default() -> None:
    assert tomllib.loads(MANUAL.read_text()) == asdict(Settings())


def test_flags_count_over_the_environment_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('rate_hz = 16000\nthreads = 2\nmodel = "a"\n')
    environment = {"DIEGETIC_SETTINGS": str(file), "DIEGETIC_RATE_HZ": "32000", "DIEGETIC_MODEL": "b"}
    settings = resolve(environment, {"model": "c", "stems": None})
    assert (settings.threads, settings.rate_hz, settings.model, settings.stems) == (2, 32_000, "c", "both")


@pytest.mark.parametrize(
    ("content", "environment", "flags", "sentence"),
    [
        ("rate = 1", {}, {}, "settings.toml: unknown key 'rate'; did you mean 'rate_hz'?"),
        ("", {"DIEGETIC_THREADS": "many"}, {}, "DIEGETIC_THREADS: must be a whole number, got 'many'"),
        (
            "",
            {"DIEGETIC_STEMS": "none"},
            {},
            "environment: stems must be one of event, lane, both, got 'none'",
        ),
        ("", {}, {"rate_hz": 1}, "--rate: must be 8000..192000, got 1; 48000 suits most uses"),
    ],
)
def test_a_wrong_setting_is_refused_by_where_it_stands(
    tmp_path: Path, content: str, environment: dict[str, str], flags: dict[str, object], sentence: str
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(content)
    with pytest.raises(InputError) as refusal:
        resolve({"DIEGETIC_SETTINGS": str(file), **environment}, flags, {"rate_hz": "rate"})
    assert sentence in str(refusal.value)


def test_a_settings_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        resolve({"DIEGETIC_SETTINGS": str(tmp_path / "none.toml")}, {})


def test_a_misspelt_variable_is_refused_and_one_of_somebody_else_is_not() -> None:
    for name, meant in (("DIEGETIC_MODLE", "DIEGETIC_MODEL"), ("DIEGETIC_RATE", "DIEGETIC_RATE_HZ")):
        with pytest.raises(InputError, match=f"unknown setting {name}; did you mean {meant}?"):
            resolve({name: "1"}, {})
    resolve({"DIEGETIC_SHARED": "/data", "DIEGETICMODEL": "a"}, {})


def test_a_user_without_a_home_folder_has_the_root_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert (config_folder(), data_folder()) == (Path("/.config/diegetic"), Path("/.local/share/diegetic"))
    assert resolve({}, {}).models_path == Path("/.local/share/diegetic/models")
