"""TOML into frozen dataclasses, strictly: a typo is refused with its file, its key and the nearest right one.

A dataclass is the schema: its fields are the keys, its annotations the types (numbers, strings, booleans, paths,
Literal, optionals, tuples, string-keyed dicts, other dataclasses, and object for what is read elsewhere), its defaults
the defaults. Rules about values belong to `__post_init__`, as ValueError.

Knows nothing of stories, presets or settings.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from diegetic.errors import InputError
from diegetic.text_file import read_text

T = TypeVar("T")

_WINDOWS_PATH = re.compile(r'"(?:[A-Za-z]:|\\)\\')


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file, with or without a byte order mark. Raises InputError where it is missing or not TOML."""
    text = ""
    try:
        text = read_text(path)
        return tomllib.loads(text)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: must be UTF-8 text, byte {error.start} is not; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        way_out = "put a path with \\ in 'single quotes'" if _WINDOWS_PATH.search(text) else "correct it there"
        raise InputError(f"{path}: is not valid TOML: {_lower_first(str(error))}; {way_out}") from None


def read_strict(cls: type[T], mapping: Mapping[str, object], where: str) -> T:
    """Build the dataclass `cls` from a parsed TOML table.

    where: the subject of error messages, a file name for instance. Raises InputError for an unknown or missing key, a
    wrong type, and for whatever `__post_init__` of `cls` refuses with a ValueError.
    """
    known = {field.name: field for field in fields(cls) if field.init}  # type: ignore[arg-type]
    for key in mapping:
        if key not in known:
            raise InputError(f"{where}: {unknown('key', key, list(known))}")
    for name, field in known.items():
        if name not in mapping and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{where}: key {name!r} is missing; add it")
    hints = get_type_hints(cls)
    values = {key: _convert(value, hints[key], key, where) for key, value in mapping.items()}
    try:
        return cls(**values)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None


def unknown(kind: str, given: str, known: Sequence[str]) -> str:
    """Say that a name is unknown, and which it may have meant: the nearest right one, or all of them."""
    near = get_close_matches(given, known, n=1, cutoff=0.6)
    way_out = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return f"unknown {kind} {_short(given)}; {way_out}"


def _convert(value: object, annotation: Any, key: str, where: str) -> Any:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _convert_union(value, arguments, key, where)
    if origin is Literal:
        return _convert_literal(value, arguments, key, where)
    if origin is tuple:
        return _convert_tuple(value, arguments, key, where)
    if origin in (dict, Mapping):
        table = _expect(value, isinstance(value, dict), "a table", key, where)
        return {name: _convert(item, arguments[1], name, f"{where}, {key}") for name, item in table.items()}
    if is_dataclass(annotation) and isinstance(annotation, type):
        table = _expect(value, isinstance(value, dict), "a table", key, where)
        return read_strict(annotation, table, f"{where}, {key}")
    return _convert_plain(value, annotation, key, where)


def _convert_plain(value: object, annotation: Any, key: str, where: str) -> Any:
    if annotation not in _PLAIN:
        raise TypeError(f"schema: the annotation {annotation!r} of {key} can't be read from TOML")
    rule, accepts, build = _PLAIN[annotation]
    return build(_expect(value, accepts(value), rule, key, where))


def _convert_union(value: object, members: tuple[Any, ...], key: str, where: str) -> Any:
    """The first member that takes the value, or the last one's error. JSON has null; TOML leaves keys out."""
    if value is None and NoneType in members:
        return None
    candidates = [member for member in members if member is not NoneType]
    for member in candidates[:-1]:
        try:
            return _convert(value, member, key, where)
        except InputError:
            continue
    return _convert(value, candidates[-1], key, where)


def _convert_literal(value: object, choices: tuple[Any, ...], key: str, where: str) -> Any:
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        given = repr(value) if isinstance(value, str) and len(value) < 40 else _say(value)
        raise InputError(f"{where}: {key} must be one of {', '.join(map(str, choices))}, got {given}")
    return value


def _convert_tuple(value: object, members: tuple[Any, ...], key: str, where: str) -> tuple[Any, ...]:
    items = _expect(value, isinstance(value, list), "a list", key, where)
    if members[-1:] == (Ellipsis,):
        members = members[:1] * len(items)
    if len(items) != len(members):
        raise InputError(f"{where}: {key} must have {len(members)} values, got {len(items)}")
    pairs = zip(items, members, strict=True)
    return tuple(
        _convert_item(item, member, key, number, where) for number, (item, member) in enumerate(pairs, start=1)
    )


def _convert_item(item: object, member: Any, key: str, number: int, where: str) -> Any:
    name = f"{key.removesuffix('s')} {number}"  # the third of `events` is "event 3"
    if is_dataclass(member) and isinstance(member, type):
        return read_strict(member, _expect(item, isinstance(item, dict), "a table", name, where), f"{where}, {name}")
    return _convert(item, member, name, where)


def _expect(value: object, holds: bool, rule: str, key: str, where: str) -> Any:
    if not holds:
        raise InputError(f"{where}: {key} must be {rule}, got {_say(value)}")
    return value


def _say(value: object) -> str:
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    kinds = {str: "the string ", int: "the number ", float: "the number ", list: "a list", dict: "a table"}
    kind = kinds.get(type(value), "")
    return kind if isinstance(value, list | dict) else kind + _short(value)


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:56]}...{text[-1]}"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# annotation -> (the rule in words, does a value keep it, how it is built from the value)
_PLAIN: dict[Any, tuple[str, Callable[[object], bool], Callable[[Any], Any]]] = {
    bool: ("true or false", lambda value: isinstance(value, bool), bool),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool), int),
    float: ("a finite number", _is_number, float),
    str: ("a string", lambda value: isinstance(value, str), str),
    Path: ("a path", lambda value: isinstance(value, str), Path),
    object: ("anything", lambda value: True, lambda value: value),
}
