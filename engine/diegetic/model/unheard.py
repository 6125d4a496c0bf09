"""What a text says isn't heard, and what is heard alone: "no birds", "he couldn't hear the train over the wind".

English only. Knows nothing of sounds.
"""

import re

_WHO = r"(?:he|she|it|we|you|i|they|one|anyone|anybody|nobody|no one)"
_NONE = re.compile(
    r"(?:no|not|never|without|dont|don't|nothing|nobody|neither|nor|instead of|rather than)\b(?! but|-)"
    r"|.*\b(?:(?:do|does|did|is|are|was|were|has|have|had|ca|could)(?:n['’]?t| not)|cannot|never|no longer)\b"
    r"(?!-| (?:far|only|just|stops?|ends?|ceases?)\b)"
    r"|.*\b(?:is|are|was|were|lies) (?:\w+ )?(?:quiet|silent)(?: again| now)?$"
    r"|.*\b(?:deaf to|too \w+ to hear)\b"
    r"|.*\blisten(?:s|ed|ing)? (?:in vain )?for\b(?! (?:an? )?(?:\w+ )?(?:moments?|while|seconds?|minutes?)\b)"
    r"|(?:it|that|all|everything|he|she|they)(?:['’](?:s|re)| is| are| was| were) (?:all )?(?:done|ready|finished)$",
    re.IGNORECASE,
)
_WITHOUT = re.compile(
    r"\b(?:without (?!(?:a )?(?:pause|end|stop|break|ceasing|interruption|warning)|(?:pausing|ending|stopping)\b)"
    r"|(?:no(?! longer)|not an?|neither|nor) ).*",
    re.IGNORECASE,
)
_EXCEPT = re.compile(
    r"((?:\b(?:no|nothing|not an?|cannot|never|without)|n['’]t)\b[^.;:!?\n]{0,60}?),? "
    r"(?:except(?:ing)?(?: for)?|other than|apart from|aside from|save(?: for)?|but for|besides)\b(?! that)",
    re.IGNORECASE,
)
_OVER = re.compile(
    rf"\b{_WHO} (?:could|can|did|do|does)(?: ?n['’]t| ?not)(?: even)? hear [^.,;:!?\n]*?"
    r" (?:over|above|through|because of|for all) (?=(?:the|his|her|their|all|that|this|its)\b)",
    re.IGNORECASE,
)
_ALONE = re.compile(
    rf"\b(?:(?:the|their|his|her) only (?:sounds?|noises?|thing)"
    rf"(?: (?:that )?(?:{_WHO}|to be heard|heard)[^.,;:!?\n]{{0,24}}?)?"
    rf"|all (?:that )?{_WHO} (?:(?:can|could) )?hears?d?(?: now)?) (?:is|was|are|were|comes? from|came from) ",
    re.IGNORECASE,
)


def heard_alone(text: str) -> str:
    """The same in which what is heard is told by itself: "no sound except the wind" has "but" there."""
    return _EXCEPT.sub(r"\1 but", _ALONE.sub("", _OVER.sub("", text)))


def is_unheard(clause: str) -> bool:
    """Whether a clause says that something isn't heard."""
    return _NONE.match(clause) is not None


def heard_of(words: str) -> str:
    """Words without what they say isn't heard."""
    return _WITHOUT.sub("", words)
