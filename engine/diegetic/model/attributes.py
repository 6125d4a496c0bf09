"""What words of a caption say of how a sound is heard: how far, how loud, how fast, how big, behind what, where.

    distant, far away | close          level; what the air swallows; how much of it is the room
    loud | soft, quiet, gentle         level
    slow | fast                        speed at the same pitch
    a tick, a page | thunder           level: what is soft or mighty by itself (every recording is as loud as any other)
    dies down | comes nearer           level, from the event's beginning to its end; of what goes on in windows, through
                                       these (moves.py)
    heavy, huge | light, small         size: pitch and speed together; of what goes on (rain): level
    muffled, through a wall            a low-pass, and level
    in a hall, cave, room, tunnel      the space that answers; where the caption names none, the story's place
    on the left | passing by           the side, or from one side to the other

The recordings are chosen by the same caption before: these words then change what was chosen. A sound that goes on
keeps to the middle, others stand where their caption puts them: the same caption, the same side.

Knows nothing of samples.
"""

import re
import zlib

from diegetic.audio.rooms import CAVE, HALL, INDOORS, SMALL_ROOM, TUNNEL, VALLEY, Room
from diegetic.audio.treatment import Treatment
from diegetic.model.moves import FADES, RISES, course_of
from diegetic.story import BED, Event

_DISTANT = r"distant(ly)?|distance|far|faraway|afar|faint(ly)?|miles away|on the horizon"
_CLOSE = (
    r"close(ly|-up| by| up| at hand)|(?<=very )close|(?<=, )close|close$|^close(?! the)|near|nearby|"
    r"next to (me|us|you)|in your ear"
)
_LOUD = (
    r"loud(ly|er)?|deafening(ly)?|violent(ly)?|fierce(ly)?|furious(ly)?|mighty|ear-splitting|full volume|powerful(ly)?"
)
_SOFT = r"soft(ly|er)?|quiet(ly|er)?|gentle|gently|hushed|subdued|barely audible|timid(ly)?"
_SLOW = r"slow(ly|er)?|sluggish(ly)?|leisurely|lazy|lazily|unhurried|plodding|measured"
_FAST = r"fast(er)?|quick(ly|er)?|rapid(ly)?|hurried(ly)?|hasty|hastily|brisk(ly)?|frantic(ally)?|racing"
_HEAVY = r"heavy|heavily|huge|giant|massive|enormous|gigantic|hulking|big|large|colossal"
_LIGHT = r"(?<!first )light(ly)?(?! (switch|bulb|house))|small|tiny|little|delicate(ly)?|miniature"
_FAINT_ITSELF = (
    r"tick(s|ing)?|tick-?tock|clocks?(?! (tower|bell))|wristwatch|click(s|ed|ing)?|switch(es)?|keyboard|typing|types|"
    r"mouse|pages?|paper|parchment|whispers?|drips?|dripping|coins?|keys?|lock|latch|rustl(e|es|ing)|cloth|breath(es|ing)?|"
    r"heartbeat|purr(s|ing)?|pencil|quill|buttons?|zipper|candle|spoon"
)
_MIGHTY_ITSELF = r"thunder\w*|lightning|explosions?|explodes?|detonat\w+|cannons?|avalanche|eruption|erupts"
_MUFFLED = (
    r"muffled|through (a|the) (\w+ )?(wall|door|floor|ceiling|window)|behind (a|the) (\w+ )?(wall|door)|"
    r"(in|from) the (next|other) room|next door|(from )?(upstairs|downstairs)|inside a box"
)
_PASSING = r"pass(es|ing)?( by| overhead| over)?|flies (by|past|over)|drives (by|past)|runs past|rushes by|goes by"

_ROOMS: tuple[tuple[str, Room | None], ...] = (
    (r"cave(rn)?s?|grotto|mines?|mineshaft|crypt|catacombs?|dungeon", CAVE),
    (r"tunnels?|sewers?|underpass|subway|metro|pipe", TUNNEL),
    (r"halls?|cathedral|church|chapel|nave|ballroom|theat(re|er)|auditorium|arena|warehouse|hangar|temple|vault", HALL),
    (r"small room|bathroom|bedroom|cabin|hut|closet|cell|lift|elevator|nursery|studio", SMALL_ROOM),
    (r"indoors|room|kitchen|office|house|corridor|hallway|cellar|basement|attic|shop|tavern|pub|workshop", INDOORS),
    (r"valley|canyon|gorge|ravine|mountains", VALLEY),
    (r"outdoors|outside|open|fields?|forest|woods|meadow|streets?|garden|beach|desert|harbour", None),
)
_WITHIN = "in|inside|through|into|across|from"
_ADVERBS = "outdoors|outside|indoors"
_OUTDOORS = "outdoors"

_ON_A_SIDE = (
    r"(on|to|from|at) (the|your|my|our|his|her) (left|right)|from (left|right) to (left|right)|(left|right) (side|ear)"
)
_MOVES = rf"{FADES}|{RISES}"
_HOW = "|".join((_DISTANT, _CLOSE, _LOUD, _SOFT, _SLOW, _FAST, _HEAVY, _LIGHT, _MUFFLED, _MOVES, _ON_A_SIDE))

_SIDES = {"left": -0.7, "right": 0.7}
_USUAL_SIDE = 0.35
_PASSING_SIDE = 0.8
_BED_WET_DB, _FAR_WET_DB, _CLOSE_WET_DB = -6.0, 8.0, -6.0
_MIGHTY_DB, _FAINT_DB = 4.0, -8.0
_IMPLIED_WET_DB = -16.0
"""Of a room that only the story tells: a recording has one of its own, and a second one that is as loud blurs it."""


def says_how(text: str) -> bool:
    """Whether words say how a sound is heard."""
    return _has(_HOW, text.lower())


def says_how_it_moves(text: str) -> bool:
    """Whether words say that a sound comes or goes."""
    return _has(_MOVES, text.lower())


def without_how(text: str) -> str:
    """Words, in lower case, without those that say how a sound is heard."""
    return re.sub(rf"\b(?:{_HOW})\b", " ", text.lower())


def treatment_of(event: Event, place: str, since_s: float = 0.0) -> Treatment:
    """How an event is to be heard. place: the story's, in words; it counts where the caption names none.

    since_s: for how long it has gone on before this window of it.
    """
    bed = event.lane == BED
    said, room, is_told = _placed(event.caption.lower(), place.lower())
    gain_db, cutoff_hz, order = 0.0, 0.0, 1
    wet_db = (_BED_WET_DB if bed else 0.0) + (0.0 if is_told else _IMPLIED_WET_DB)
    size, speed = 1.0, 1.0
    if _has(_DISTANT, said):
        gain_db, cutoff_hz, wet_db = gain_db - 9.0, 2_500.0, wet_db + _FAR_WET_DB
    elif _has(_CLOSE, said):
        gain_db, wet_db = gain_db + 3.0, wet_db + _CLOSE_WET_DB
    if _has(_LOUD, said):
        gain_db += 4.0
    elif _has(_SOFT, said):
        gain_db -= 6.0
    if _has(_MIGHTY_ITSELF, said):
        gain_db += _MIGHTY_DB
    elif _has(_FAINT_ITSELF, said):
        gain_db += _FAINT_DB
    if _has(_HEAVY, said):
        gain_db, size = gain_db + 2.0, 1.0 if bed else 1.2
    elif _has(_LIGHT, said):
        gain_db, size = gain_db - 3.0, 1.0 if bed else 1 / 1.2
    if _has(_SLOW, said):
        speed = 0.72
    elif _has(_FAST, said):
        speed = 1.4
    if _has(_MUFFLED, event.caption.lower()):
        gain_db, cutoff_hz, order = gain_db - 5.0, 700.0, 3
    course = course_of(said, None if bed else event.duration_s, since_s)
    pan, pan_to = (0.0, 0.0) if bed else _side(said)
    return Treatment(size, speed, gain_db, cutoff_hz, order, pan, pan_to, room, wet_db, bed, course)


def _side(said: str) -> tuple[float, float]:
    """Where a sound is at its start and at its end: where the caption says, or somewhere that depends on it alone."""
    told = [match for match in re.findall(r"\b(left|right)\b", said) if match in _SIDES]
    if len(told) > 1:
        return _SIDES[told[0]], _SIDES[told[-1]]
    drawn = zlib.crc32(said.encode()) / 2**31 - 1
    if _has(_PASSING, said):
        return (-_PASSING_SIDE, _PASSING_SIDE) if drawn < 0 else (_PASSING_SIDE, -_PASSING_SIDE)
    if told and _has(_ON_A_SIDE, said):
        return _SIDES[told[0]], _SIDES[told[0]]
    return drawn * _USUAL_SIDE, drawn * _USUAL_SIDE


def _placed(said: str, place: str) -> tuple[str, Room | None, bool]:
    """What a caption says but where it is; the room, the caption's or else the story's; whether it is the caption's."""
    for words, room in _ROOMS:
        for where in re.finditer(rf"(,|\b({_WITHIN})\b)? ?\b(an? |the )?(\w+ )??\b(?P<name>{words})\b", said):
            if where[1] or _has(_ADVERBS, where["name"]):
                return said[: where.start()] + said[where.end() :], room, True
    if _has(_OUTDOORS, place):
        return said, VALLEY if _has(_ROOMS[-2][0], place) else None, False
    return said, next((room for words, room in _ROOMS if _has(words, place)), None), False


def _has(words: str, text: str) -> bool:
    return re.search(rf"\b(?:{words})\b", text) is not None
