"""Who does what a clause tells, where it doesn't say so itself: "a wolf howls, then it growls", "... and growls".

English only. Knows nothing of sounds.
"""

import re
from collections.abc import Sequence

from diegetic.model.attributes import without_how
from diegetic.model.stems import stems

_VERB = re.compile(r"(?:s|ed|ing)$")
_VERBS = frozenset(
    "is are was were has have had broke came can could fell hear heard ran rang went".split()  # noqa: SIM905
)
_NO_VERBS = frozenset({"across", "always", "as", "perhaps", "something", "this", "times", "us"})
_MANY = frozenset({"cattle", "children", "geese", "kids", "men", "mice", "people", "police", "sheep", "women"})
_IT = re.compile(r"(?:it|they) ", re.IGNORECASE)
_ITS = re.compile(r"(?:its|their|his|her)$", re.IGNORECASE)
_SOMEBODY = re.compile(r"(?:some(?:one|body)|i|you|he|she|it|we|they|who|people)$", re.IGNORECASE)
_PREPOSITION = re.compile(r"\b(?:in|into|on|onto|at|to|from|off|over|under|down|up|against|through|out|away)\b")
_WEATHER = re.compile(r"\b(?:rain|snow|hail|thunder|storm|drizzl|pour|blow|lightning)", re.IGNORECASE)
_FEW_WORDS = 3
_GOES_ON = re.compile(r"\b(?:and|then|before)\b")
# One a line would be a hundred lines.
_DOES = frozenset(
    """
    accelerates applauds approaches begins blares brays breathes chews chuckles collapses comes continues creaks
    crunches disappears dives drags drives eats erupts explodes fades flies flutters gallops gets giggles goes grinds
    hits hovers idles keeps lands limps meows moos mumbles neighs opens passes recedes revs screeches shakes shatters
    shuffles shuts sings sits slams sloshes slows sneaks soars speaks sputters stomps stumbles swings swoops tiptoes
    trembles unlocks vanishes vibrates walks weeps wheezes whimpers whinnies whizzes writes
    """.split()  # noqa: SIM905
)
_DOES_OR_ARE = frozenset(
    """
    babbles bangs barks beeps bellows bleats blows boils booms brakes breaks bubbles burps bursts buzzes cackles caws
    chatters cheers chimes chirps chugs circles clacks clanks claps clatters clicks climbs clinks closes clucks clunks
    coughs crackles cracks crashes crawls cries crows crumbles digs drills drinks drips drops falls fizzes flaps
    flicks gasps groans growls grunts gulps gurgles gushes hammers hisses honks hoots howls hums jumps kisses knocks
    laps lashes laughs locks marches moans moves pants plops pops pounds pours puffs pulls purrs quacks rattles
    returns rings rips roars rolls rumbles runs rustles saws scrapes scratches screams shouts sighs sizzles skids
    slurps snaps snarls sneezes sniffs snores snorts sobs speeds spins spits splashes sprays squeaks squeals starts
    strikes stutters swallows sweeps swims talks taps tears thuds thunders ticks tolls trickles trips trots turns
    types wails whines whips whirs whispers whistles whooshes wipes yawns yells
    """.split()  # noqa: SIM905
)
"""Nouns, too: only behind "and" or "then"."""


def with_subject(words: str, joined: str, told: Sequence[str], sentence: Sequence[str]) -> str:
    """A clause with who does what it tells. joined: what joins it; told: the clauses before it; sentence: of its own.

    "It growls" behind "a dog barks" is "a dog growls", where nothing else is named: who did what was told before, or,
    where that was somebody, what it was done to. So is "and growls", in one sentence.
    """
    first, _, rest = words.partition(" ")
    if _IT.match(words) and len(stems(without_how(words))) <= 1 and not _WEATHER.search(words):
        who = next(filter(None, (_who(each.split()) for each in reversed(told))), ())
        return " ".join((*who, rest)) if who else words
    if first.lower() in _DOES or (first.lower() in _DOES_OR_ARE and _GOES_ON.search(joined)):
        does = (each.split() for each in reversed(sentence) if not _is_verb(each.split()[0]))
        who = _doer(next(does, []))
        return " ".join((*who, words)) if len(who) <= _FEW_WORDS else words
    return words


def _who(words: Sequence[str]) -> Sequence[str]:
    """Who does something in a clause, or what somebody does it to; nothing where that isn't said anew ("its")."""
    if _ITS.match(words[0]) or words[0].endswith("ing"):
        return ()
    for place, word in enumerate(words):
        if _is_verb(word) and _SOMEBODY.match(" ".join(words[:place])):
            return _PREPOSITION.split(" ".join(words[place + 1 :]))[0].split()
    return _doer(words) or (() if _is_verb(words[0]) or len(words) > _FEW_WORDS else words)


def _doer(words: Sequence[str]) -> Sequence[str]:
    """What stands before a clause's verb, where that names something."""
    verbs = (place for place, word in enumerate(words) if _is_verb(word) and stems(" ".join(words[:place])))
    return words[: next(verbs, 0)]


def says_who_does(sentence: str) -> bool:
    """Whether a sentence may have a verb; one of more than one person or animal may be anything ("children play")."""
    return any(_is_verb(word) or word.lower() in _MANY for word in sentence.rstrip(".!?").split())


def _is_verb(word: str) -> bool:
    """Whether a word may be what somebody or something does, by its ending."""
    return bool(_VERB.search(word.lower()) or word.lower() in _VERBS) and word.lower() not in _NO_VERBS
