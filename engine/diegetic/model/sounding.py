"""Words that are heard: noises by themselves ("rain on a roof", "a knock"), and what makes some when it is told of.

Said of whole clauses, where a text has more of them than a plan has room for, or begins with a sentence that may be a
place or a sound. English only. Knows nothing of recordings.
"""

import re

from diegetic.model.stems import share_word, stems

_NOISES = """
rain drizzle downpour hail sleet wind breeze gale gust thunder thunderclap thunderstorm storm blizzard waves surf
crickets cicadas insects birdsong birds gulls seagulls crows owls frogs
applause laughter giggle chatter murmur whisper shout scream shriek yell cry sob wail moan groan gasp sigh cough sneeze
snore snoring hiccup burp breath breathing heartbeat cheer cheering boo chant singing humming whistle whistling
bark howl growl snarl roar hiss purr meow moo bleat neigh whinny snort grunt oink squeal squeak chirp tweet twitter caw
croak hoot coo cluck quack buzz buzzing
footsteps steps knock knocking tap tapping click clack clank clang clatter clink clunk clap bang boom blast explosion
gunshot gunshots gunfire shot shots crash smash shatter slam slamming thud thump thunk crack crackle creak crunch
rattle rustle rustling scrape scratch scratching screech squelch splash splat drip drips dripping gurgle bubbles
bubbling sizzle rumble rumbling hum drone whir whirr whine whoosh swoosh swish zap zip pop ping ding dong ring ringing
chime chimes bells bell gong toll beep beeping bleep buzzer alarm alarms siren sirens horn horns foghorn honk toot
static glitch noise tone tick ticking typing drumming drumbeat drums music melody tune song jingle fanfare fireworks
traffic hubbub commotion
"""
"""Noises: whatever has one of them as its last word is heard."""
_SOUND_OF = """
dog cat horse cow sheep goat pig rooster hen chicken duck goose geese bird crow raven owl eagle hawk gull pigeon parrot
wolf wolves fox bear lion tiger elephant monkey whale dolphin snake rat rats mouse mice bat bats bee bees wasp mosquito
fly frog toad dragon monster zombie ghost golem ogre troll goblin demon beast creature baby child children kids crowd
audience people soldiers guests monks choir
door doors gate window glass shutters hinges lock key keys latch bolt chain chains drawer curtain curtains blinds
bottle cork cup mug glasses plates dishes cutlery pan pots kettle coffee tea teapot soup oven fridge microwave blender
toaster dishwasher tap faucet sink shower bath toilet washing vacuum
car cars truck lorry van bus taxi motorcycle motorbike scooter bicycle tram train subway locomotive carriage cart wagon
trolley plane aeroplane airplane jet helicopter drone rocket spaceship shuttle ship boat motorboat ferry submarine
engine motor brakes tyres tires wheels propeller anchor sail sails rigging ropes oars mast
phone telephone cellphone radio television tv tape vinyl record jukebox computer keyboard printer fax modem typewriter
teleprinter camera projector clock watch timer metronome monitor machine machinery generator pump fan drill saw chainsaw
hammer anvil nails axe shovel ladder elevator lift escalator robot laser plasma portal spell magic
gun rifle pistol shotgun cannon arrow arrows sword swords blade knife dagger shield armour armor whip bomb grenade
missile catapult boulder boulders
fire flame flames campfire fireplace torch match candle lighter logs embers sparks smoke steam lava
water stream river brook creek waterfall fountain puddle pool sea ocean tide mud snow ice gravel leaves twig twigs
branch branches grass reeds tree trees rock rocks stones sand debris rubble metal wood timber planks floorboard
floorboards stairs boots heels shoes spurs hooves paws wings coin coins money paper page pages book letter envelope
newspaper bag zipper velcro cloth
piano organ guitar violin fiddle cello harp flute trumpet trombone tuba saxophone clarinet accordion harmonica banjo
bagpipes lute drum cymbal tambourine xylophone orchestra band bugle whistle
ball bat dice cards balloon swing toy
"""
"""What is heard when something is told of it."""
_DOES = """
run runs ran walk walks march trudge stomp stamp shuffle tiptoe climb jump jumps leap fall falls fell land lands trip
stumble tumble roll rolls rolled slide slides slid drag drags drop drops dropped throw hit hits strike struck beat
kick punch slap fight break breaks broke burst snap snaps snapped split tear tore rip crumple crush collapse tumble
pour pours spill flow flush spray leak drink drinks gulp swallow chew bite eat eats munch slurp crunch boil fry cook cut
chop saw dig sweep scrub wipe brush write writes scribble scratch type unlock lock open opens opened close closes shut
shuts cast knock bolt slam load reload fire fires shoot charge launch start starts sputter idle rev drive drives brake
brakes skid swerve pass passes flies flew flap flutter swoop hover crow howl laugh laughs laughed talk talking speak
argue call calls called shout shouted sing sang hum play plays strum ring rings rang toll sound sounds blow blows blew
breathe pant weep cry sob snore yawn sneeze clap cheer panic chug rattle shake trembles vibrate spin whirl churn grind
crackle burn burns fizz explode splash swim dive wade row sail dock flicker scurry gallop trot
"""
"""What is heard being done."""

_AMBIENT = """
rain drizzle downpour hail sleet wind breeze gale storm blizzard thunderstorm waves surf sea ocean tide stream river
brook creek waterfall fountain water crickets cicadas insects birdsong birds gulls seagulls frogs crowd audience people
voices chatter murmur hubbub traffic city hum drone static noise tone ambience atmosphere ambient atmos air
fire campfire fireplace bonfire flames music melody breathing typing engine engines machinery machines fan fridge
"""
"""What mostly goes on where nothing else is said of it."""

MOODS = stems(
    """
    cozy cosy creepy spooky eerie scary chaotic epic moody atmospheric dramatic tense calm peaceful relaxing relaxed
    sparkly magical mysterious romantic gloomy ominous cinematic realistic punchy crisp subtle intense lively harder
    immersive stereo mono cute funny weird beautiful
    """
)
"""Stems of words that say how a scene or a sound should feel: nothing is heard of them by themselves."""
_NOISE = frozenset(_NOISES.split())
_SOUNDS = stems(f"{_NOISES} {_SOUND_OF} {_DOES}")
_CONTINUOUS = frozenset(
    """
    rain drizzle downpour hail sleet wind breeze gale blizzard rainstorm waves surf sea ocean stream river brook creek
    waterfall crickets cicadas traffic hubbub static ambience atmosphere
    """.split()  # noqa: SIM905
)
"""What goes on wherever nothing else is said of it."""
_AT_ITS_END = re.compile(r"(?: (?:starts?|begins?|beginning|starting|in|up|again|loop|bed|outside|everywhere))+$")
_DOING = re.compile(r"\w{3,}(?:ing|ed)")
_RAINS = re.compile(r"\b(?!it |the |a |heavy |light )\w+s? rain down\b", re.IGNORECASE)
"""What falls like rain: debris."""
_AMBIENCES = frozenset(_AMBIENT.split())
_PREPOSITION = re.compile(
    r"\b(?:in|into|on|onto|at|to|from|off|over|under|down|up|against|through|out|of|by|near|behind|across|outside|inside"
    r"|far|for|along|above|below|beneath|around|between|all|during|after|before|with)\b"
)


def is_noise(clause: str) -> bool:
    """Whether a clause without a verb names a noise: "rain on a roof", "low hum"; not a street in the rain."""
    return _head(clause) in _NOISE


def is_ambient(clause: str) -> bool:
    """Whether what a clause names mostly goes on: "rain on a roof", "in the morning gulls"."""
    clause = _AT_ITS_END.sub("", clause.lower())
    words = re.findall(r"[a-z]+", clause)
    return _head(clause) in _AMBIENCES or (not _head(clause) and words[-1:] != [] and words[-1] in _AMBIENCES)


def may_sound(clause: str) -> bool:
    """Whether a clause has a word that is heard, or that something is heard of."""
    return share_word(_SOUNDS, stems(clause))


def is_continuous(clause: str) -> bool:
    """Whether what a clause without a verb names goes on: "heavy rain", "traffic in the distance", "wind again"."""
    return _head(_AT_ITS_END.sub("", clause.lower())) in _CONTINUOUS and _RAINS.search(clause) is None


def _head(clause: str) -> str:
    """The last word before the first preposition, or before what it is doing; "" where there is none."""
    words = re.findall(r"[a-z]+", _PREPOSITION.split(clause.lower().strip(), maxsplit=1)[0])
    does = next((place for place, word in enumerate(words) if place and _DOING.fullmatch(word)), len(words))
    return words[does - 1] if words else ""
