"""The words of a text that can name a sound, as stems: without endings, and without words that name nothing.

English only. Knows nothing of sounds.
"""

import re
from collections.abc import Iterable

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_ENDINGS = ("'s", "ings", "ing", "ers", "er", "ed", "es", "ly", "s", "e", "y")
# One a line would be four hundred lines.
_NOTHING = frozenset(
    """
    a about above across after afternoon again all almost along already also always am amb ambience ambient among an
    and another answer answered answers any appear appears are around arrive arrives as at atmo atmos away back
    background be because been before begin begins begun behind being below beside between beyond bg big bigger bit
    black blue both brief but by came can center centre close closer come comes comment comments could cutscene dark
    dawn day daybreak days deep description did different distance distant do does doing done dont down duration
    during dusk each eight either else empty end ends enough enter enters even evening ever every everyone everything
    everywhere except ext exterior fade faded fades far fast faster feel feels few fg final finally find finds first
    five for foreground forth found four fro from full game get gets getting give gives go goes going gone got green
    had half hall has have he hear heard hears heavy hello her here hers herself high higher him himself his hold
    holds hour hours house how huge i idk if in indoors inside instead int interior into intro is it its itself just
    keep keeps know known knows large last later lean leaned leans least left less let lets level like list little
    live lives lmao lol long loop loops lot loud louder loudly low lower lvl made make makes many may maybe me mid
    midday middle midnight minute minutes miss missed misses moment monday more morning most move moves much must my
    name near nearer nearly need needs never new next night nightfall nine no nobody none noon nor not nothing now of
    off oh ok okay old omg on once one only onto or other our out outdoors outside over own past pause pauses perhaps
    phase picture piece place play player plays please pls ppl promised promising put puts quick quickly quiet quietly
    random randomly really red reverb right room rooms said same saturday say says scene scenes second seconds see
    seem seems set seven several sfx she should show shows side silence silent since single sit sits six slow slowly
    small so soft softly some somebody somehow someone something sometime sometimes somewhere soon sound sounds stage
    stand stands start started starts still stir stirs stop stopped stops strange such sudden suddenly summer sunday
    sunrise sunset take takes tell tells ten text than that the their them themselves then there these they thing
    think thinks third this those though three through till time times tiny title to together too toward towards
    trigger triggers turns twice twilight two uh ui um under unknown until up upon us use version very wait waits want
    wants was way we went were what when where which while white who whole whose why wide will winter with within
    without word words would wow yeah yet you young your yourself
    """.split()  # noqa: SIM905
)


def stems(text: str) -> frozenset[str]:
    """Stems of the words that can name a sound: without endings, and without words that name nothing."""
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in _NOTHING and len(word) > 1)


def share_word(first: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two sets of stems have one in common; endings that change a stem's last letters are forgiven."""
    others = list(other)
    return any(_alike(stem, each) for stem in first for each in others)


def told_share(named: frozenset[str], words: frozenset[str]) -> float:
    """How much of what a clause names is among some words: 0 where it is neither two of its own nor more than half."""
    count = count_of(named, words)
    return count / len(named) if count >= 2 or 2 * count > len(named) else 0.0


def count_of(named: frozenset[str], words: frozenset[str]) -> int:
    """How many of the stems that a clause names are among some words."""
    return sum(share_word([stem], words) for stem in named)


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
