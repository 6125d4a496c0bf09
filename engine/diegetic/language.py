"""Whether a text looks like English, by its letters and its small words: enough to warn, not to refuse.

Knows nothing of models.
"""

import re

_ENGLISH = "a an the and of in on at with to from then is are by over under through into its while as"
_OTHERS = {
    "German": "der die das und ein eine im auf mit dem den von zu ist über unter dann",
    "French": "le la les une un des et dans sur avec du au est puis sous",
    "Spanish": "el los las una del en con y por que su",
    "Italian": "il lo gli della nel con sul che poi",
    "Dutch": "het een op met en de",
    "Portuguese": "o os uma um na com em",
    "Swedish": "och det som på med ett",
}
_ENGLISH_WORDS = frozenset(_ENGLISH.split())
_OTHER_WORDS = frozenset(word for words in _OTHERS.values() for word in words.split())
_LEAST = 2
"""How many small words of other languages make a text theirs."""


def looks_english(text: str) -> bool:
    """Whether most letters are ASCII, and small English words are as many as others'."""
    letters = [char for char in text if char.isalpha()]
    if sum(char.isascii() for char in letters) < 0.7 * max(1, len(letters)):
        return False
    words = re.findall(r"\w+", text.lower())
    others = sum(word in _OTHER_WORDS for word in words)
    return others < _LEAST or sum(word in _ENGLISH_WORDS for word in words) >= others
