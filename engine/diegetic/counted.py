"""How many there are of something, as it is said: "1 event", "2 events".

Knows nothing of what is counted.
"""


def counted(number: int, one: str) -> str:
    """A number and its noun, given for one of it."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"
