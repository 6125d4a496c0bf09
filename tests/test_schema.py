"""The strict reader: what it takes, and the sentence it refuses with."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from diegetic.errors import InputError
from diegetic.schema import read_strict, read_toml


@dataclass(frozen=True, slots=True)
class Wheel:
    radius: float
    spokes: int = 12


@dataclass(frozen=True, slots=True)
class Cart:
    name: str
    wheels: tuple[Wheel, ...] = ()
    size: tuple[int, int] = (1, 1)
    load_kg: float | None = None
    horse: Wheel | None = None
    wood: Literal["oak", "ash"] = "oak"
    painted: bool = False
    seed: int | str = 0
    where: Path = Path()
    tags: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must not be empty")


def test_a_table_becomes_a_dataclass_with_nested_ones_inside() -> None:
    table = {
        "name": "hay",
        "wheels": [{"radius": 1}, {"radius": 0.5, "spokes": 8}],
        "size": [2, 3],
        "load_kg": 40,
        "horse": {"radius": 2.0},
        "wood": "ash",
        "painted": True,
        "seed": "x",
        "where": "a/b",
        "tags": {"old": 1},
    }
    assert read_strict(Cart, table, "cart.toml") == Cart(
        "hay", (Wheel(1.0), Wheel(0.5, 8)), (2, 3), 40.0, Wheel(2.0), "ash", True, "x", Path("a/b"), {"old": 1.0}
    )


def test_what_is_left_out_takes_its_default() -> None:
    assert read_strict(Cart, {"name": "hay"}, "cart.toml") == Cart("hay")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"nmae": "hay"}, "cart.toml: unknown key 'nmae'; did you mean 'name'?"),
    ({"name": "hay", "zzz": 1}, "cart.toml: unknown key 'zzz'; known: name, wheels, size, "),
    ({}, "cart.toml: key 'name' is missing; add it"),
    ({"name": 3}, "cart.toml: name must be a string, got the number 3"),
    ({"name": ""}, "cart.toml: name must not be empty"),
    (
        {"name": "hay", "wheels": [{"radius": 1}, {"radios": 1}]},
        "cart.toml, wheel 2: unknown key 'radios'; did you mean 'radius'?",
    ),
    (
        {"name": "hay", "wheels": [{"radius": "1"}]},
        "cart.toml, wheel 1: radius must be a finite number, got the string '1'",
    ),
    ({"name": "hay", "wheels": {"radius": 1}}, "cart.toml: wheels must be a list, got a table"),
    ({"name": "hay", "wheels": [1]}, "cart.toml: wheel 1 must be a table, got the number 1"),
    ({"name": "hay", "size": [1]}, "cart.toml: size must have 2 values, got 1"),
    ({"name": "hay", "size": [1, 2.5]}, "cart.toml: size 2 must be a whole number, got the number 2.5"),
    ({"name": "hay", "load_kg": float("nan")}, "cart.toml: load_kg must be a finite number, got the number nan"),
    ({"name": "hay", "load_kg": True}, "cart.toml: load_kg must be a finite number, got the boolean true"),
    ({"name": "hay", "painted": 1}, "cart.toml: painted must be true or false, got the number 1"),
    ({"name": "hay", "wood": "elm"}, "cart.toml: wood must be one of oak, ash, got 'elm'"),
    (
        {"name": "hay", "horse": {"radius": 1, "spoke": 2}},
        "cart.toml, horse: unknown key 'spoke'; did you mean 'spokes'?",
    ),
    ({"name": "hay", "tags": {"old": "x"}}, "cart.toml, tags: old must be a finite number, got the string 'x'"),
]


@pytest.mark.parametrize(("table", "sentence"), REFUSED)
def test_a_wrong_table_is_refused_with_place_rule_and_way_out(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_strict(Cart, table, "cart.toml")
    assert str(refusal.value).startswith(sentence)


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(InputError) as refusal:
        read_strict(Cart, {"name": "hay", "load_kg": "x" * 10_000}, "cart.toml")
    assert len(str(refusal.value)) < 150


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a = ", "is not valid TOML"), (b"a = '\xff'", "must be UTF-8 text, byte 5 is not"), (None, "no such file")],
)
def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "cart.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as refusal:
        read_toml(path)
    assert str(path) in str(refusal.value)


def test_a_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read"):
        read_toml(tmp_path)
