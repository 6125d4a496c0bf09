"""What a text tells, part by part: its clauses, and the words in them that can name a sound.

By punctuation, joining words and a list of words that name nothing; English only. Knows nothing of models.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from diegetic.model.attributes import says_how, says_how_it_moves, without_how
from diegetic.model.once import happens, says_how_often
from diegetic.model.stops import EVERYTHING, stopped
from diegetic.model.when import NOT_SAID, When, timed

_SPEECH = re.compile(r"""["“„«](?:[^"”“»]*[.,!?…-]|[^"”“»]*\s[^"”“»]*)["”“»]""")
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_BREAKS = re.compile(r"(?:[!?;()\[\]\n/+=*|\"“”…–—&>@]|[.:,](?!(?<=\d.)\d))+|\s-+\s|--+")
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
_NO_VERBS = frozenset({"across", "always", "as", "perhaps", "this", "times", "us"})
# One a line would be four hundred lines.
_NOTHING = frozenset(
    """
    a about above across after afternoon again all almost along already also always am amb ambience ambient among an
    and another answer answered answers any appear appears are around arrive arrives as at atmo atmos away back be
    because been before begin begins begun behind being below beside between beyond big bigger bit black blue both
    brief but by came can center centre close closer come comes could cutscene dark dawn day daybreak days deep did
    different distance distant do does doing done dont down during dusk each eight either else empty end ends enough
    enter enters even evening ever every everyone everything everywhere except ext exterior fade faded fades far
    fast faster feel feels few final finally find finds first five for forth found four fro from full game get gets
    getting give gives go goes going gone got green had half hall has have he hear heard hears heavy hello her here
    hers herself high higher him himself his hold holds hour hours house how huge i if in indoors inside instead int
    interior into intro is it its itself just keep keeps know known knows last later lean leaned leans least left
    less let lets level like little live lives long loop loops lot loud louder loudly low lower lvl made make makes
    many may maybe me mid midday middle midnight minute minutes miss missed misses moment monday more morning most
    move moves much must my name near nearer nearly need needs never new next night nightfall nine no nobody none
    noon nor not nothing now of off ok old on once one only onto or other our out outdoors outside over own past
    pause pauses perhaps phase picture piece place play player plays please pls ppl promised promising put puts
    quick quickly quiet quietly random randomly really red reverb right room rooms said same saturday say says scene
    scenes second seconds see seem seems set seven several sfx she should show shows side silence silent since
    single sit sits six slow slowly small so soft softly some somebody somehow someone something sometime sometimes
    somewhere soon sound sounds stage stand stands start started starts still stir stirs stop stopped stops strange
    such sudden suddenly summer sunday sunrise sunset take takes tell tells ten text than that the their them
    themselves then there these they thing think thinks third this those though three through till time times title
    to together too toward towards trigger triggers turns twice twilight two ui under unknown until up upon us use
    version very wait waits want wants was way we went were what when where which while white who whole whose why
    wide will winter with within without word words would yet you young your yourself
    """.split()  # noqa: SIM905
)
_NONE = re.compile(
    r"(?:no|not|never|without|dont|don't|nothing|nobody|neither|nor)\b(?! but|-)"
    r"|.*\b(?:(?:do|does|did|is|are|was|were|has|have|had|ca|could)(?:n['’]?t| not)|never|no longer)\b"
    r"(?!-| (?:far|only|just|stops?|ends?|ceases?)\b)",
    re.IGNORECASE,
)
_WITHOUT = re.compile(
    r"\b(?:without (?!(?:a )?(?:pause|end|stop|break|ceasing|interruption|warning)|(?:pausing|ending|stopping)\b)"
    r"|(?:no(?! longer)|not an?|neither|nor) ).*",
    re.IGNORECASE,
)
_AFTER = re.compile(r"(?:.* )?(?:then|after which|followed by|finally|eventually|at last|afterwards)\b", re.IGNORECASE)
_IT = re.compile(r"(?:it|they) ", re.IGNORECASE)
_ITS = re.compile(r"(?:its|their|his|her)$", re.IGNORECASE)
_SOMEBODY = re.compile(r"(?:some(?:one|body)|i|you|he|she|it|we|they|who|people)$", re.IGNORECASE)
_PREPOSITION = re.compile(r"\b(?:in|into|on|onto|at|to|from|off|over|under|down|up|against|through|out|away)\b")
_WEATHER = re.compile(r"\b(?:rain|snow|hail|thunder|storm|drizzl|pour|blow|lightning)", re.IGNORECASE)
_FEW_WORDS = 3
_ALONG = "all the time|all time|whole time|all along|throughout|in the background|underneath"
_ALL_ALONG = re.compile(rf"\b(?:{_ALONG})\b", re.IGNORECASE)
_GOES_ON = re.compile(
    rf"\b(?:{_ALONG}|all the while|without (?:pause|end|stop)|never stops?|goes on|all (?:around|night|day)"
    r"|non-?stop|endless(?:ly)?|incessant(?:ly)?|ceaseless(?:ly)?|unceasing(?:ly)?|relentless(?:ly)?"
    r"|keeps?|constant(?:ly)?|everywhere|bed|amb|ambience|loops?|looping|steady|steadily|continuous(?:ly)?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Stop:
    """That a clause's sound stops: before the clause whose place this is begins, and when, where that is said."""

    place: int
    when: When = NOT_SAID


@dataclass(frozen=True, slots=True)
class Part:
    """A clause of a text, the stems of its words that can name a sound, and whether it says that the sound goes on.

    place: how many come before it; how: what is said of how the sound is heard, apart ("a cow moos, far to the right");
    when: when it is heard; after: whether that is after what was told before ("then"); all_along: whether it is heard
    from the beginning on; stop: where the text says that it stops.
    """

    text: str
    stems: frozenset[str]
    goes_on: bool = False
    place: int = 0
    how: str = ""
    when: When = NOT_SAID
    after: bool = False
    all_along: bool = False
    stop: Stop | None = None


def parts(text: str) -> list[Part]:
    """The clauses of a text in their order, without those that name nothing, or say what isn't to be heard, or stops.

    What only sets the scene is left out where more follows: the words before a colon ("Sunday breakfast: ..."), and a
    first sentence of several words without a verb ("Deep jungle. ..."). So is what is said in quotes.
    """
    found: list[Part] = []
    spoken = _SPEECH.sub(". ", text)
    sentences = [each for each in _SENTENCES.split(spoken if stems(spoken) else text) if each.strip(" .")]
    for number, sentence in enumerate(sentences):
        frame, colon, rest = sentence.partition(": ")
        if colon and rest.strip() and len(list(_pieces(frame))) == 1:
            sentence = rest
        elif number == 0 and len(sentences) > 1 and len(_told(sentence).split()) > 1 and not _has_verb(sentence):
            continue
        _add_sentence(found, sentence)
    return found


def _add_sentence(found: list[Part], sentence: str) -> None:
    """Add a sentence's clauses. One that names nothing may say how, or when, the one beside it is heard."""
    first, ahead = len(found), Part("", frozenset())
    for joined, words, goes_on in _pieces(sentence):
        words, when = timed(_told(words))
        after = ahead.after or bool(_AFTER.match(joined) or _AFTER.match(words))
        if _NONE.match(words):
            ahead = replace(ahead, after=after)
        elif places := _stopped(words, found):
            for place in places:
                found[place] = replace(found[place], stop=Stop(len(found), when | ahead.when))
            if places == [len(found) - 1] and says_how_it_moves(words):  # it dies down
                found[-1] = _said_of(found[-1], words, goes_on, NOT_SAID)
            ahead = Part("", frozenset())
        elif stems(_GOES_ON.sub(" ", without_how(words))):
            words, goes_on = _with_subject(words, found), (goes_on or ahead.goes_on) and happens(words) < 2
            when |= ahead.when
            all_along = ahead.all_along or _is_all_along(words, after, when)
            found.append(Part(words, stems(words), goes_on, len(found), ahead.how, when, after, goes_on and all_along))
            ahead = Part("", frozenset())
        elif (len(found) > first and not after and when.at_s is None) or (found and says_how_it_moves(words)):
            found[-1] = _said_of(found[-1], words, goes_on, when)
        else:
            ahead = replace(_said_of(ahead, words, goes_on, when), after=after)
    if len(found) > first:
        found[-1] = replace(found[-1], when=found[-1].when | ahead.when)


def _told(words: str) -> str:
    """Words without what they say isn't heard."""
    return _WITHOUT.sub("", words)


def _stopped(words: str, found: Sequence[Part]) -> list[int]:
    """Places of the clauses whose sounds stop, as these words say; where they don't name one, it is the last."""
    what = stopped(words)
    if what is None:
        return []
    if what == EVERYTHING:
        return [part.place for part in found if part.stop is None]
    named = stems(what)
    told = [part.place for part in found if share_word(named, part.stems) or not named]
    return told[-1:]


def _said_of(part: Part, words: str, goes_on: bool, when: When) -> Part:
    """A clause of which further words say how, and when, it is heard."""
    how = words if says_how(words) or says_how_often(words) else ""
    when |= part.when
    return replace(
        part,
        goes_on=part.goes_on or goes_on,
        how=", ".join(filter(None, (part.how, how))),
        when=when,
        all_along=part.all_along or _is_all_along(words, part.after, when),
    )


def _is_all_along(words: str, after: bool, when: When) -> bool:
    return bool(_ALL_ALONG.search(words)) and not after and when == NOT_SAID


def stems(text: str) -> frozenset[str]:
    """Stems of the words that can name a sound: without endings, and without words that name nothing."""
    return frozenset(_stem(word) for word in _WORD.findall(text.lower()) if word not in _NOTHING and len(word) > 1)


def denied(text: str) -> frozenset[str]:
    """Stems of what a text says isn't heard ("no birds", "without rain")."""
    told = [words for sentence in _SENTENCES.split(text) for _, words, _ in _pieces(sentence)]
    unheard = (words if _NONE.match(words) else words.removeprefix(_told(words)) for words in told)
    return frozenset[str]().union(*map(stems, unheard))


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


def _with_subject(words: str, found: Sequence[Part]) -> str:
    """A clause of one naming word, with what "it" is in it ("it growls" behind "a dog barks": "a dog growls").

    That is who did what was told before, or, where that was somebody, what it was done to.
    """
    pronoun = _IT.match(words)
    if pronoun is None or len(stems(without_how(words))) > 1 or _WEATHER.search(words):
        return words
    told = (_who(part.text.split()) for part in reversed(found))
    who = next((" ".join(each) for each in told if each), "")
    return f"{who} {words[pronoun.end() :]}" if who else words


def _who(words: Sequence[str]) -> Sequence[str]:
    """Who does something in a clause, or what somebody does it to; nothing where it isn't said anew ("its", a verb)."""
    if _ITS.match(words[0]):
        return ()
    for place, word in enumerate(words):
        if not _is_verb(word):
            continue
        if _SOMEBODY.match(" ".join(words[:place])):
            return _PREPOSITION.split(" ".join(words[place + 1 :]))[0].split()
        if stems(" ".join(words[:place])):
            return words[:place]
    return () if _is_verb(words[0]) or len(words) > _FEW_WORDS else words


def _pieces(sentence: str) -> Iterator[tuple[str, str, bool]]:
    """A sentence's clauses, without empty ones: what joins each, its words, and whether it says that it goes on.

    What is told "while" or "with ...ing" goes on, and what is told "until".
    """
    sentence, joined = _AND_AGAIN.sub("constantly", sentence), ""
    for piece in _BREAKS.split(_UNTIL.sub(r" \1", sentence)):
        clauses = ["", *_JOINS.split(piece), ""]  # join, clause, join, clause, ..., join
        for before, clause, after in zip(clauses[::2], clauses[1::2], clauses[2::2], strict=False):
            words, joined = " ".join(clause.split()), " ".join((joined, before.lower())).strip()
            during = before.lower() == "while" or (before.lower() == "with" and words.endswith("ing"))
            if words:
                yield joined, words, during or after.lower() in ("until", "till") or bool(_GOES_ON.search(words))
                joined = ""


def _is_verb(word: str) -> bool:
    return bool(_VERB.search(word.lower()) or word.lower() in _VERBS) and word.lower() not in _NO_VERBS


def _has_verb(sentence: str) -> bool:
    return any(_is_verb(word) for word in sentence.rstrip(".!?").split())
