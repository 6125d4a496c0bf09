"""What a text tells, part by part: its clauses, and the words in them that can name a sound.

By punctuation, joining words and a list of words that name nothing; English only. Knows nothing of models.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from diegetic.model.attributes import says_how, says_how_it_moves, without_how
from diegetic.model.lasting import is_heard, lasts
from diegetic.model.once import happens, says_how_often
from diegetic.model.prose import TOGETHER, together
from diegetic.model.sounding import MOODS, is_continuous, is_noise
from diegetic.model.spread import A_SENTENCE, gap_before
from diegetic.model.stems import share_word, stems
from diegetic.model.stops import EVERYONE, EVERYTHING, silent_s, stopped, with_what_runs
from diegetic.model.subjects import says_who_does, with_subject
from diegetic.model.unheard import heard_of, is_unheard
from diegetic.model.when import LENGTH, NOT_SAID, When, timed

_SPEECH = re.compile(r"""["“„«](?:[^"”“»]*[.,!?…-]|[^"”“»]*\s[^"”“»]*)["”“»]""")
_SPEECH_IN_SINGLE = re.compile(r"(?<![\w'’])['‘](?=\w)[^\n\"“”]*?[.,!?…-]['’](?!\w)")
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_BREAKS = re.compile(r"(?:[!?;()<\[\]\n/+=*|\"“”…–—&>@]|[.:,](?!(?<=\d.)\d))+|\s-+\s|--+")
_JOINS = re.compile(
    r"\b(and|then|(?<!\ba )while|until|till|but|before|after which|when|whereupon|as|followed by|because|so that|or"
    r"|(?<!\bfills )(?<!\bfilled )(?<!\bfilling )(?<!\bcovered )(?<!\bpacked )(?<!\bcrowded )with)\b",
    re.IGNORECASE,
)
_AND_AGAIN = re.compile(r"\b(on|over|again) and \1\b", re.IGNORECASE)
_NOW_AND_THEN = re.compile(r"\b(?:every )?now and (?:then|again)\b", re.IGNORECASE)
_AFTER_SILENCE = re.compile(
    rf"\bafter ((?:an?|another|some|{LENGTH} of)(?: [\w-]+)? (?:pause|silence|break)\b(?: (?:of|for) {LENGTH})?)",
    re.IGNORECASE,
)
_AGAIN = re.compile(
    r"(?:(?:and|then|once|it|they|is|are|heard|sounds?|yet) )*"
    r"(?:again|once more|one more time|(?:a|the) (?:second|third|fourth|last) time|another(?: one)?)$",
    re.IGNORECASE,
)
_AT_TIMES = re.compile(
    r"\bat \d+(?:\.\d+)?(?: ?(?:s|secs?|seconds))?(?:(?:,? and |, )\d+(?:\.\d+)? ?(?:s|secs?|seconds)?)*"
    r"(?:,? and |, )\d+(?:\.\d+)? ?(?:s|secs?|seconds)\b(?![:\])])",
    re.IGNORECASE,
)
_ONLY = re.compile(r"(?:(?:and|then) )*(?:only|just|except|save|apart|but for)\b", re.IGNORECASE)
_UNTIL = re.compile(r",\s*(until|till)\b", re.IGNORECASE)
_AFTER = re.compile(
    r"(?:.* )?(?:then|until|till|after which|followed by|finally|eventually|at last|afterwards)\b", re.IGNORECASE
)
_A_THING = re.compile(r"\s*an? \w+\W*$", re.IGNORECASE)
_SAYS = re.compile(
    r"(?:said|asked|replied|answered|added) |(?:\w+ )?\w+ (?:said|asked|replied|answered|added)$", re.IGNORECASE
)
_STROKES = re.compile(
    r"(?:\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) (?:short |long |loud |slow |quick )*"
    r"(?:strikes|strokes|rings|knocks|chimes|tolls|blasts|hits|taps|beeps|blows)$",
    re.IGNORECASE,
)
_IS_STRUCK = re.compile(
    r"\b(?:bells?|clock|(?:tele)?phone|doorbell|door|gong|horn|foghorn|whistle|buzzer)$", re.IGNORECASE
)
_FIRST = re.compile(r"first\b", re.IGNORECASE)
_KNOWN = re.compile(
    r"(?:the|his|her|their|its|this|that|these|those|my|our|your|some(?:one|body)|he|she|they|i|you|we)\b",
    re.IGNORECASE,
)
_SOMEBODY_S = re.compile(r"(?:he|she|it|they|we|i|you|his|her|its|their|my|your|\w+ing)\b", re.IGNORECASE)
_NEVER_STOPS = re.compile(r"\bnever (?:stops|ends|ceases)\b", re.IGNORECASE)
_KINDS = "ambient ambience rain wind crowd traffic city forest noise music drone sound background low water synth"
_BED = "(?:(?<![a-z] )" + "".join(f"|(?<={kind} )" for kind in _KINDS.split()) + ")bed"
"""The lane; not a bed to lie in."""
_ALONG = "all the time|all time|whole time|all along|throughout|in the background|underneath"
_ALL_ALONG = re.compile(rf"\b(?:{_ALONG})\b", re.IGNORECASE)
_GOES_ON = re.compile(
    rf"\b(?:{_ALONG}|all the while|without (?:pause|end|stop)|never stops?|goes on|all (?:around|night|day)"
    r"|every second|non-?stop|endless(?:ly)?|incessant(?:ly)?|ceaseless(?:ly)?|unceasing(?:ly)?|relentless(?:ly)?"
    rf"|continues?|keeps?|constant(?:ly)?|everywhere|{_BED}|amb|ambience|loops?|looping|steady"
    r"|steadily|continuous(?:ly)?)\b",
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
    from the beginning on; stop: where the text says that it stops; silent_s: how long nothing is heard before it;
    is_place: whether it is what sets the scene; beside: whether it is listed after another in its sentence, without an
    order or a time: two beds are heard at once ("rain and wind"); gap: how far it is from the clause before it
    (`gap_before`).
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
    silent_s: float = 0.0
    is_place: bool = False
    beside: bool = False
    gap: float = A_SENTENCE

    @property
    def is_timed(self) -> bool:
        """Whether the text says when it is heard."""
        return self.when.at_s is not None

    @property
    def says_until_when(self) -> bool:
        """Whether the text says how long its sound lasts, or at which second it stops."""
        return self.when.lasts_s is not None or (self.stop is not None and self.stop.when.at_s is not None)

    @property
    def is_bed(self) -> bool:
        """Whether what it names goes on where nothing else is said of it: rain, traffic."""
        return self.goes_on or is_continuous(self.text)


def parts(text: str, over: Sequence[str] | None = None) -> list[Part]:
    """The clauses of a text (`parts_and_silence`) alone."""
    return parts_and_silence(text, over)[0]


def parts_and_silence(text: str, over: Sequence[str] | None = None) -> tuple[list[Part], float]:
    """The clauses of a text in their order, without those that name nothing, or say what isn't to be heard, or stops.

    What only sets the scene is left out where more follows: the words before a colon ("Sunday breakfast: ..."), and a
    first sentence of several words without a verb ("The old house. ..."); unless it is heard by itself ("Deep jungle.
    ...") and nothing that is told goes on. What is said in quotes is left out. over: where the text goes on with a
    story, the sounds of before that it says stop (`stopping`). With them, how many seconds of silence the text ends
    with.
    """
    found, silence_s = _parsed(text, over, with_places=True)
    if any(part.is_place for part in found) and any(part.goes_on and not part.is_place for part in found):
        return _parsed(text, over, with_places=False)
    return found, silence_s


def _parsed(text: str, over: Sequence[str] | None, with_places: bool) -> tuple[list[Part], float]:
    """`parts_and_silence`, with the places that are heard by themselves or without."""
    found, scene, silence_s = list[Part](), "", 0.0
    spoken = _SPEECH_IN_SINGLE.sub(". ", _SPEECH.sub(". ", text))
    sentences = [each for each in _SENTENCES.split(spoken if stems(spoken) else text) if each.strip(" .")]
    for number, sentence in enumerate(sentences):
        frame, colon, rest = sentence.partition(": ")
        if colon and rest.strip() and len(list(_pieces(frame))) == 1:
            sentence, new_scene = rest, frame
        elif number == 0 and _only_sets_the_scene(sentences):
            sentence, new_scene = "", sentence
        else:
            new_scene = ""
        if new_scene and with_places:
            _add_place(found, new_scene, [sentence, *sentences[number + 1 :]])
        scene = new_scene or scene
        silence_s = _add_sentence(found, sentence, scene, over, silence_s)
    return found, silence_s


def _add_place(found: list[Part], scene: str, following: Sequence[str]) -> None:
    """Add what sets the scene, where that is heard by itself, and what follows doesn't tell of it.

    The scene of before stops; the only one is heard all along.
    """
    if says_who_does(scene) or not stems(scene):
        return
    before = [part.place for part in found if part.is_place and part.stop is None]
    _stop(found, before, NOT_SAID)
    for place in before:
        found[place] = replace(found[place], all_along=False)
    if is_heard(scene) and not any(share_word(stems(scene), stems(each)) for each in following):
        words, number = scene.strip(" .!"), len(found)
        found.append(Part(words, stems(words), True, number, after=number > 0, all_along=number == 0, is_place=True))


def _only_sets_the_scene(sentences: Sequence[str]) -> bool:
    """Whether a text's first sentence, of several, is a place rather than a sound.

    Two words with an article are a thing ("A typewriter."), and where no sentence has a verb, each is a sound.
    """
    first, *others = (heard_of(each) for each in sentences)
    is_list = not any(says_who_does(each) or len(list(_pieces(each))) > 1 for each in others)
    is_sound = says_who_does(first) or _FIRST.match(first) or _A_THING.match(first)
    is_noisy = any(is_noise(timed(words)[0]) for _, words, _ in _pieces(first))
    return len(first.split()) > 1 and not is_sound and not is_noisy and not is_list


def stopping(text: str, sounding: Sequence[str]) -> list[str]:
    """Those of some sounds that a text says stop."""
    told = [stopped(timed(words)[0], joined) for each in _SENTENCES.split(text) for joined, words, _ in _pieces(each)]
    return [each for each in sounding if any(_names(what, stems(each)) for what in told if what is not None)]


def _add_sentence(found: list[Part], sentence: str, scene: str, over: Sequence[str] | None, silence_s: float) -> float:
    """Add a sentence's clauses. One that names nothing may say how, or when, the one beside it is heard.

    scene: what sets it; silence_s: told before the sentence; what is told at its end is given back.
    """
    first, ahead = len(found), Part("", frozenset(), silent_s=silence_s)
    for joined, words, goes_on in _pieces(sentence):
        words, when = timed(heard_of(words))
        after = ahead.after or bool(_AFTER.match(joined) or _AFTER.match(words))
        if _ONLY.match(f"{joined} {words}".strip()):  # silence but for what comes
            ahead = replace(ahead, silent_s=0.0)
        silent = silent_s(words, when.lasts_s) if found or when.lasts_s else None
        if silent is not None:
            _stop(found, _stopped(EVERYTHING, words, found, "", over) or (), when | ahead.when)
            ahead = Part("", frozenset(), silent_s=ahead.silent_s + silent)
        elif is_unheard(words) or _SAYS.match(words):
            ahead = replace(ahead, after=after)
        elif (places := _stopped(stopped(words, joined), words, found, scene, over)) is not None:
            _stop(found, places, when | ahead.when)
            if places == [len(found) - 1] and says_how_it_moves(words):  # it dies down
                found[-1] = _said_of(found[-1], words, goes_on, NOT_SAID)
            ahead = Part("", frozenset())
        elif told := [part for part in found if _NEVER_STOPS.search(words) and _names(words, part.stems)]:
            found[told[-1].place] = _said_of(told[-1], words, True, when)
        elif len(found) > first and _STROKES.match(words) and _IS_STRUCK.search(found[-1].text):
            found[-1] = replace(found[-1], how=", ".join(filter(None, (found[-1].how, words))))
        elif stems(_GOES_ON.sub(" ", without_how(words))) - MOODS:
            before = [part.text for part in found]
            does = with_subject(words, joined, before, before[first:])
            gap = gap_before(joined, words, len(found) == first, does != words)
            part = _part(does, len(found), goes_on, replace(ahead, when=when | ahead.when, after=after, gap=gap))
            found.append(replace(part, beside=len(found) > first and not after and part.when == NOT_SAID))
            ahead = Part("", frozenset())
        elif _is_again(joined, words, when, found[first:]):
            found.append(replace(found[-1], place=len(found), when=when, stop=None, silent_s=0.0))
        elif (len(found) > first and not after and when.at_s is None) or (found and says_how_it_moves(words)):
            found[-1] = _said_of(found[-1], words, goes_on, when)
        else:
            ahead = replace(_said_of(ahead, words, goes_on, when), after=after)
    if len(found) > first:
        found[-1] = replace(found[-1], when=found[-1].when | ahead.when)
    return ahead.silent_s


def _is_again(joined: str, words: str, when: When, told: Sequence[Part]) -> bool:
    """Whether a clause says that the sound before it is heard once more, at another time."""
    if not told or when.at_s is None:
        return False
    return bool(_AGAIN.match(words)) or (joined == "and" and not words and told[-1].when.at_s is not None)


def _stop(found: list[Part], places: Sequence[int], when: When) -> None:
    """Say of some clauses' sounds that they stop before what is told next, or then."""
    for place in places:
        found[place] = replace(found[place], stop=Stop(len(found), when))


def _part(words: str, place: int, goes_on: bool, ahead: Part) -> Part:
    """A clause, with what was said of it ahead."""
    goes_on = (goes_on or ahead.goes_on or lasts(words)) and happens(words) < 2 and ahead.when.every_s is None
    all_along = goes_on and (ahead.all_along or _is_all_along(words, ahead.after, ahead.when))
    words = words.replace(TOGETHER, " ")
    return replace(ahead, text=words, stems=stems(words), place=place, goes_on=goes_on, all_along=all_along)


def _stopped(
    what: str | None, words: str, found: Sequence[Part], scene: str, over: Sequence[str] | None
) -> list[int] | None:
    """Places of the clauses whose sounds stop where these words say that something does; None where they tell a sound.

    Where they don't say what stops, it is the last; where it is what sets the scene, all that goes on there. Of what
    was never told, nothing is heard ("the typing stops"), unless it is told anew ("a car stops"), comes first, or is
    heard ending ("the wind dies down").
    """
    if what is None:
        return None
    told = [part.place for part in found if _names(what, part.stems) or not stems(what)]
    told = told or [part.place for part in found if _names(with_what_runs(what), part.stems)]
    if what in (EVERYTHING, EVERYONE):
        return [place for place in told if found[place].stop is None]
    if told:
        return told[-1:]
    if share_word(stems(what), stems(scene)) and any(part.goes_on for part in found):
        return [part.place for part in found if part.goes_on and part.stop is None]
    goes_on = bool(found) or over is not None
    is_known = goes_on and _KNOWN.match(words) is not None and not says_how_it_moves(words)
    return [] if is_known or any(_names(what, stems(each)) for each in over or ()) else None


def _names(what: str, sound: frozenset[str]) -> bool:
    """Whether what stops is this sound, by its stems."""
    return what == EVERYTHING or share_word(stems(what), sound)


def _said_of(part: Part, words: str, goes_on: bool, when: When) -> Part:
    """A clause of which further words say how, and when, it is heard."""
    words = words.replace(TOGETHER, " ")
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


def denied(text: str) -> frozenset[str]:
    """Stems of what a text says isn't heard ("no birds", "without rain")."""
    told = [words for sentence in _SENTENCES.split(text) for _, words, _ in _pieces(sentence)]
    unheard = (words if is_unheard(words) else words.removeprefix(heard_of(words)) for words in told)
    return frozenset[str]().union(*map(stems, unheard))


def _is_under(joined: str, words: str) -> bool:
    """Whether a clause is heard under the one before it: while thunder rolls, as waves crash; not while he eats."""
    return (joined == "while" and not _SOMEBODY_S.match(words)) or (joined == "as" and lasts(words))


def _each_time(told: re.Match[str]) -> str:
    """Times told together ("at 5, 12 and 20 seconds"), one by one."""
    return " and ".join(f"at {time} seconds" for time in re.findall(r"\d+(?:\.\d+)?", told[0]))


def _pieces(sentence: str) -> Iterator[tuple[str, str, bool]]:
    """A sentence's clauses, without empty ones: what joins each, its words, and whether it says that it goes on.

    What is told "while" or "with ...ing" goes on, and what is told "until". What happens while it does comes behind it.
    """
    sentence, joined = _AND_AGAIN.sub("constantly", _NOW_AND_THEN.sub("occasionally", sentence)), ""
    sentence = together(_AFTER_SILENCE.sub(r", \1, ", _AT_TIMES.sub(_each_time, sentence)))
    for piece in _BREAKS.split(_UNTIL.sub(r" \1", sentence)):
        clauses = ["", *_JOINS.split(piece), ""]  # join, clause, join, clause, ..., join
        told = list[tuple[str, str, bool]]()
        for before, clause, after in zip(clauses[::2], clauses[1::2], clauses[2::2], strict=False):
            words, joined = " ".join(clause.split()), " ".join((joined, before.lower())).strip()
            during = before.lower() == "while" or (before.lower() == "with" and words.endswith("ing"))
            if words:
                goes_on = during or after.lower() in ("until", "till") or bool(_GOES_ON.search(words))
                told.append((joined, words, goes_on))
                if told[:-1] and _is_under(joined, words) and stopped(told[-2][1]) is None:
                    happens_then = told.pop(-2)
                    told[-1:] = [(happens_then[0], words, True), ("and", *happens_then[1:])]
                joined = ""
        yield from told
