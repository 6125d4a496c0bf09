"""What a text tells, part by part: its clauses, and the words in them that can name a sound.

By punctuation, joining words and a list of words that name nothing; English only. Knows nothing of models.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_BREAKS = re.compile(r"[.!?;:,()\[\]\n/+=*|\"“”…–—&>@]+|\s-+\s|--+")
_JOINS = re.compile(
    r"\b(and|then|while|until|till|but|before|after which|when|whereupon|as|followed by|with|because|so that|or)\b",
    re.IGNORECASE,
)
_AND_AGAIN = re.compile(r"\b(on|over|again) and \1\b", re.IGNORECASE)
_UNTIL = re.compile(r",\s*(until|till)\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_ENDINGS = ("'s", "ings", "ing", "ers", "er", "ed", "es", "ly", "s", "e", "y")
_VERB = re.compile(r"(?:s|ed|ing)$")
_VERBS = frozenset({"is", "are", "was", "were", "has", "have", "had", "broke", "came", "fell", "ran", "rang", "went"})
# One a line would be four hundred lines.
_NOTHING = frozenset(
    """
    a about above across after afternoon again all almost along already also always am amb ambience ambient among an
    and another answer answered answers any appear appears are around arrive arrives as at atmo atmos away back be
    because been before begin begins begun behind being below beside between beyond big bigger bit black blue both
    brief but by came can close closer come comes could cutscene dark dawn day days deep did different distance
    distant do does doing done dont down during dusk each eight either else empty end ends enough enter enters even
    evening ever every everyone everything everywhere ext exterior fade faded fades far fast faster feel feels few
    final finally find finds first five for found four from full game get gets getting give gives go goes going gone
    got green had half hall has have he hear heard hears heavy hello her here hers herself high higher him himself
    his hold holds hour hours house how huge i if in indoors inside instead int interior into intro is it its itself
    just keep keeps know known knows last later lean leaned leans least left less let lets level like little live
    lives long loop loops lot loud louder loudly low lower lvl made make makes many may maybe me mid midday midnight
    minute minutes miss missed misses moment monday more morning most move moves much must my name near nearer
    nearly need needs never new next night nine no nobody none noon nor not nothing now of off ok old on once one
    only onto or other our out outdoors outside over own past pause pauses perhaps phase picture piece place play
    player plays please pls ppl promised promising put puts quick quickly quiet quietly random randomly really red
    reverb right room rooms said same saturday say says scene scenes second seconds see seem seems set seven several
    sfx she should show shows side silence silent since single sit sits six slow slowly small so soft softly some
    somebody somehow someone something sometime sometimes somewhere soon sound sounds stage stand stands start
    started starts still stir stirs stop stopped stops strange such sudden suddenly summer sunday sunset take takes
    tell tells ten text than that the their them themselves then there these they thing think thinks third this
    those though three through till time times title to together too toward towards trigger triggers turns twice two
    ui under unknown until up upon us use version very wait waits want wants was way we went were what when where
    which while white who whole whose why wide will winter with within without word words would yet you young your
    yourself
    """.split()  # noqa: SIM905
)
_NONE = re.compile(r"(?:no|not|never|without|dont|don't|nothing)\b(?! but)", re.IGNORECASE)
_GOES_ON = re.compile(
    r"\b(?:all the (?:while|time)|all time|whole time|without (?:pause|end|stop)|never stops?|goes on"
    r"|all (?:around|night|day|along)|in the background|underneath|throughout"
    r"|non-?stop|endless(?:ly)?|incessant(?:ly)?|ceaseless(?:ly)?|unceasing(?:ly)?|relentless(?:ly)?"
    r"|keeps?|constant(?:ly)?|everywhere|bed|amb|ambience|loops?|looping|steady|steadily|continuous(?:ly)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Part:
    """A clause of a text, the stems of its words that can name a sound, and whether it says that the sound goes on.

    place: how many come before it.
    """

    text: str
    stems: frozenset[str]
    goes_on: bool = False
    place: int = 0


def parts(text: str) -> list[Part]:
    """The clauses of a text in their order, without those that name nothing or say what isn't to be heard.

    What only sets the scene is left out where more follows: the words before a colon ("Sunday breakfast: ..."), and a
    first sentence of several words without a verb ("Deep jungle. ...").
    """
    found: list[Part] = []
    sentences = [each for each in _SENTENCES.split(text) if each.strip()]
    for number, sentence in enumerate(sentences):
        frame, colon, rest = sentence.partition(": ")
        if colon and rest.strip() and len(_pieces(frame)) == 1:
            sentence = rest
        elif number == 0 and len(sentences) > 1 and len(sentence.split()) > 1 and not _has_verb(sentence):
            continue
        for words, goes_on in _pieces(sentence):
            if (named := stems(words)) and not _NONE.match(words):
                found.append(Part(words, named, goes_on, len(found)))
    return found


def stems(text: str) -> frozenset[str]:
    """Stems of the words that can name a sound: without endings, and without words that name nothing."""
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in _NOTHING and len(word) > 1)


def share_word(first: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two sets of stems have one in common; endings that change a stem's last letters are forgiven."""
    others = list(other)
    return any(_alike(stem, each) for stem in first for each in others)


def _alike(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return one == other or (len(shorter) >= 5 and longer.startswith(shorter) and len(longer) - len(shorter) <= 2)


def _stem(word: str) -> str:
    """A word without its ending, if three letters are left; no double letter at the end, and y for i."""
    ending = next((each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) >= 3), "")
    if word.endswith("ss"):
        ending = ""
    stem = word.removesuffix(ending)
    if len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] not in "ls":
        stem = stem[:-1]
    return stem[:-1] + "y" if stem[-1] == "i" else stem


def _pieces(sentence: str) -> list[tuple[str, bool]]:
    """A sentence's clauses, without empty ones, and whether each goes on: it says so, or how it is joined does.

    What is told "while" or "with ...ing" goes on, and what is told "until".
    """
    found = []
    sentence = _AND_AGAIN.sub("constantly", sentence)
    for piece in _BREAKS.split(_UNTIL.sub(r" \1", sentence)):
        clauses = ["", *_JOINS.split(piece), ""]  # join, clause, join, clause, ..., join
        for before, clause, after in zip(clauses[::2], clauses[1::2], clauses[2::2], strict=False):
            words = " ".join(clause.split())
            during = before.lower() == "while" or (before.lower() == "with" and words.endswith("ing"))
            if words:
                found.append((words, during or after.lower() in ("until", "till") or bool(_GOES_ON.search(words))))
    return found


def _has_verb(sentence: str) -> bool:
    return any(_VERB.search(word) or word in _VERBS for word in sentence.lower().rstrip(".!?").split())
