"""How often what a caption tells happens: a door slams, a gunshot; a taxi honks twice, three knocks.

Once by its words, English only: a verb in the singular, or a noun, of what is over as soon as it has happened; and
nothing that says it is more than one. More often where a number says so: "four times", "x3", or before such a noun in
the plural. What isn't on the lists, goes on or is told in the plural without a number isn't said to happen so often.

Knows nothing of how it sounds.
"""

import re

_NOUNS = (
    "slam|bang|explosion|blast|detonation|gunshot|shot|thunder|thunderclap|thunderbolt|crash|thud|thump|clang|snap|crack|"
    "splash|scream|shriek|screech|roar|howl|growl|groan|sneeze|cough|gasp|honk|horn|bell|gong|whoosh|boom|creak|meow|"
    r"neigh|whinny|moo|shout|yell|cry|burp|boing|pop|ping|ding|beep|click|slap|squelch|shutter|(?<!wind\ )chime"
)
_COUNTED = rf"{_NOUNS}|knock|bark|hoot|clap|tap|stroke|ring|punch|kick|blow|whistle|bleat|caw|quack"
_HAPPENS = re.compile(
    rf"""\b(?:
    slams|shuts|bangs|bursts|breaks|shatters|smashes|snaps|cracks|explodes|erupts|detonates|fires|booms|crashes|thuds|thumps
    |clunks|clangs|strikes|hits|lands|drops|falls|collapses|splashes|clicks|pops|zaps|whooshes|swishes|creaks|squeaks
    |screams|shrieks|screeches|yells|gasps|groans|moans|grunts|growls|snarls|roars|howls|sneezes|coughs|sighs
    |burps|belches|flushes|pings|is\ blown|goes\ (?:bang|boing|pop)|ui|notification|confirmation|level\ up
    |crows|moos|neighs|whinnies|meows|mews|bleats|squeals|trumpets|hoots|honks|rings|tolls|chimes
    |(?<!(?<!')s\ )(?:
        {_NOUNS}
    ))\b""",
    re.VERBOSE,
)
_MORE_THAN_ONCE = re.compile(
    r"\b(?:and|or|again|over and over|repeatedly|constantly|times|twice|thrice|several|many|some|more|few|all|every|"
    r"each|other|two|three|four|five|six|seven|eight|nine|ten|twelve|dozens?|x?\d+x?|people|men|women|children|crowd|"
    r"keeps?|series|row|volley|barrage|burst of|(?!lightning|spring|building|ceiling|morning|evening|clearing|"
    r"something)\w{3,}ing)\b"
)
_MAY_LAST = re.compile(
    r"\b(?:roar|howl|moan|groan|scream|shriek|screech|growl|cry|cries|fall|ring|toll|chime|thunder|whistle|horn|honk|bell"
    r"|rumble|alarm|creak|squeak|yell|shout)s?\b"
)
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_COUNTS = {word: number for number, word in enumerate(_NUMBERS, 1)} | {"twice": 2, "thrice": 3}
_NUMBER = rf"{'|'.join(_NUMBERS[1:])}|\d{{1,2}}"
_COUNTING = re.compile(rf"\b(?:twice|thrice|x ?\d{{1,2}}|(?:{_NUMBER})x?)\b")
_COUNT = re.compile(
    rf"\b(?P<often>twice|thrice)\b|\bx ?(?P<x>\d{{1,2}})\b|\b(?P<times>{_NUMBER}) ?(?:x|times)\b"
    rf"|\b(?P<many>{_NUMBER}) (?:[a-z-]+ )?(?:{_COUNTED})s\b|\b(?:strikes|tolls|chimes) (?P<strikes>{_NUMBER})$"
)


def happens_once(caption: str) -> bool:
    """Whether a caption tells of one thing that happens once."""
    said = caption.lower()
    return bool(_HAPPENS.search(said)) and not _MORE_THAN_ONCE.search(said)


def is_over_at_once(caption: str) -> bool:
    """Whether what happens once is over at once, too: a slam, not a howl."""
    return happens_once(caption) and _MAY_LAST.search(caption.lower()) is None


def happens(caption: str) -> int:
    """How often what a caption tells happens, up to twelve times; 0 where it doesn't say."""
    told = _COUNT.search(caption.lower())
    number = next(filter(None, told.groups())) if told else ""
    count = _COUNTS.get(number) or int(number or happens_once(caption))
    return count if count <= len(_NUMBERS) else 0


def says_how_often(text: str) -> bool:
    """Whether words say how often something happens, or how many there are."""
    return bool(_COUNTING.search(text.lower()))
