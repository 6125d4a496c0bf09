"""What goes on by its nature, though the text doesn't say so: a fire crackles, the fridge hums, a band plays.

By what sounds and what it does, together: a bee that buzzes past is no lamp that buzzes. And places that are heard.
English only. Knows nothing of plans.
"""

import re

PLAYED = """
piano pianist organ organist harpsichord accordion accordionist guitar guitarist banjo violin violinist fiddle fiddler
cello cellist harp harpist flute saxophone harmonica sitar lute bagpipes piper busker buskers bard minstrel minstrels
musician musicians band orchestra quartet radio jukebox gramophone stereo carousel music
"""
"""Who plays, and what: heard without a verb, too."""

_LASTING = {
    "rain drizzle sleet downpour": "fall fell patter drum pour beat lash pelt pound hammer",
    "wind breeze gale blizzard": "blow blew howl whistle moan sigh whisper sweep rustle",
    "waves sea surf ocean tide": "lap roll crash break wash roar murmur",
    "stream brook creek river water fountain waterfall": "flow babble gurgle trickle rush murmur drip",
    "fire campfire bonfire fireplace hearth logs embers flames torches": "crackle burn roar",
    "crickets cicadas insects grasshoppers frogs birds songbirds larks": "chirp sing sang buzz croak twitter chirr",
    "leaves reeds grass trees branches": "rustle whisper sway",
    "crowd people guests voices diners patrons customers audience": "murmur chatter talk mutter",
    "traffic city highway motorway": "hum rumble roar buzz murmur rush",
    "clock": "tick",
    "neon sign light lights lamp lamps fridge refrigerator freezer fan fans ventilator vent conditioner server servers"
    " computer computers machine machines machinery generator transformer jukebox projector reactor spaceship boiler"
    " furnace dishwasher engine engines motor": "hum buzz whir drone throb purr chug idle spin",
    "oil bacon steak onions eggs": "sizzle fry",
    "pot cauldron kettle soup stew water lava swamp": "bubble boil simmer",
    "tap faucet shower": "run",
    "windmill sails chimes": "turn creak sway tinkle",
    PLAYED: "play strum drift blare thump",
    "choir monks congregation": "sing sang chant",
    "drums drummers": "beat pound throb play",
}
"""What sounds, and what it does."""
_PLACES = """
forest forests woods woodland jungle rainforest meadow swamp marsh bog desert tundra arctic mountain mountains
mountaintop cave cavern dungeon crypt graveyard cemetery underwater seabed
beach coast shore seashore seaside river riverbank riverside lake lakeside harbour harbor docks quay marina
city downtown street streets road roadside highway motorway
market marketplace bazaar tavern inn alehouse pub bar cafe café restaurant stadium factory farm farmyard barnyard
"""
"""Places that are heard by themselves, though nothing is told of them; a kitchen or a church is silent."""


def _does(verbs: str) -> str:
    """A verb's forms: it hums, they hum, hummed, humming."""
    stems = (re.sub("e$|(?<![aeiou])y$", "", verb) for verb in verbs.split())
    return "|".join(rf"{stem}{stem[-1]}?(?:e|es|ed|y|ies|ied|s|ing)?" for stem in stems)


def _told(what: str, verbs: str) -> str:
    """That it does so: the wind howls, the wind in the trees howls, howling wind, plays the piano."""
    named, does = "|".join(what.split()), _does(verbs)
    return rf"(?:{named})\ (?:\w+\ ){{0,3}}?(?:{does})|(?:{does})\ (?:(?:an?|the)\ )?(?:{named})"


_LASTS = re.compile(
    rf"""\b(?:{"|".join(_told(*each) for each in _LASTING.items())})\b
    |^(?:(?:an?|the|some|distant|faint|soft|quiet|loud|slow|sad|lone|lonely|old|street|church|jazz)\ )*
    (?:{"|".join(PLAYED.split())})(?:\ music)?
    (?:$|\ (?:in|on|at|from|across|behind|through|outside|nearby|somewhere)\b)""",
    re.IGNORECASE | re.VERBOSE,
)


def lasts(clause: str) -> bool:
    """Whether what a clause tells goes on until something says that it doesn't."""
    return _LASTS.search(clause) is not None


_HEARD = re.compile(rf"\b(?:{'|'.join(_PLACES.split())})\b", re.IGNORECASE)


def is_heard(place: str) -> bool:
    """Whether a place sounds by itself."""
    return _HEARD.search(place) is not None
