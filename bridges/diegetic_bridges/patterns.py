"""OSC's address patterns: ? * [a-z] [!a-z] {this,that}, never across a slash.

All places a name can be matched up to are followed at once, so that no pattern takes long, whatever it holds: as a
regular expression, "/*a*a*a*a*a*a" can take hours.

Knows nothing of the registry.
"""

from collections.abc import Callable, Iterator

_SPECIAL = frozenset("?*[]{}")

Step = Callable[[str, int], Iterator[int]]
"""From a name and a place in it, all places to go on from."""


def is_pattern(address: str) -> bool:
    return not _SPECIAL.isdisjoint(address)


def matches(pattern: str, name: str) -> bool:
    """Whether a name is one that the pattern means. A bracket that is never closed stands for itself."""
    places = {0}
    for step in _steps(pattern):
        places = {after for place in places for after in step(name, place)}
        if not places:
            return False
    return len(name) in places


def _steps(pattern: str) -> Iterator[Step]:
    index = 0
    while index < len(pattern):
        sign = pattern[index]
        closing = {"[": "]", "{": "}"}.get(sign, "")
        end = pattern.find(closing, index + 1) if closing else -1
        if sign == "*":
            yield _any_number
        elif sign == "?":
            yield _one_of(lambda character: character != "/")
        elif sign == "[" and end > 0:
            yield _one_of(_in_class(pattern[index + 1 : end]))
        elif sign == "{" and end > 0:
            yield _either(pattern[index + 1 : end].split(","))
        else:
            yield _either([sign])
        index = end + 1 if end > 0 else index + 1


def _any_number(name: str, place: int) -> Iterator[int]:
    end = name.find("/", place)
    yield from range(place, (len(name) if end < 0 else end) + 1)


def _one_of(holds: Callable[[str], bool]) -> Step:
    def step(name: str, place: int) -> Iterator[int]:
        if place < len(name) and holds(name[place]):
            yield place + 1

    return step


def _either(words: list[str]) -> Step:
    def step(name: str, place: int) -> Iterator[int]:
        yield from (place + len(word) for word in words if name.startswith(word, place))

    return step


def _in_class(inside: str) -> Callable[[str], bool]:
    """[a-z], [!a-z], [abc-]: ranges, characters, a "-" at the end for itself."""
    negated, inside = inside.startswith("!"), inside.removeprefix("!")
    ranges: list[tuple[str, str]] = []
    index = 0
    while index < len(inside):
        last = index + 2 if inside[index + 1 : index + 2] == "-" and index + 2 < len(inside) else index
        ranges.append((inside[index], inside[last]))
        index = last + 1
    return lambda character: character != "/" and negated != any(low <= character <= high for low, high in ranges)
