"""Whether a caption tells of one thing that happens once: a door slams, a gunshot, a clap of thunder.

By its words, English only: a verb in the singular, or a noun, of what is over as soon as it has happened; and nothing
that says it is more than one. What isn't on the lists, goes on or is told in the plural isn't said to happen once.

Knows nothing of how it sounds.
"""

import re

_HAPPENS = re.compile(
    r"""\b(?:
    slams|shuts|bangs|bursts|breaks|shatters|smashes|snaps|cracks|explodes|erupts|detonates|fires|booms|crashes|thuds|thumps
    |clunks|clangs|strikes|hits|lands|drops|falls|collapses|splashes|clicks|pops|zaps|whooshes|swishes|creaks|squeaks
    |screams|shrieks|screeches|yells|gasps|groans|moans|grunts|growls|snarls|roars|howls|sneezes|coughs|sighs
    |crows|moos|neighs|whinnies|meows|mews|bleats|squeals|trumpets|hoots|honks|rings|tolls|chimes
    |(?<!(?<!')s\ )(?:
        slam|bang|explosion|blast|detonation|gunshot|shot|thunder|thunderclap|thunderbolt|crash|thud|thump|clang|snap|splash
        |scream|shriek|screech|roar|howl|growl|groan|sneeze|cough|gasp|honk|horn|bell|gong|whoosh|boom|creak|meow|neigh
        |whinny|moo
    ))\b""",
    re.VERBOSE,
)
_MORE_THAN_ONCE = re.compile(
    r"\b(?:and|or|again|over and over|repeatedly|constantly|times|twice|thrice|several|many|some|more|few|all|every|"
    r"each|other|two|three|four|five|six|seven|eight|nine|ten|twelve|dozens?|x?\d+x?|people|men|women|children|crowd|keeps?|"
    r"series|row|volley|barrage|burst of|(?!lightning|building|ceiling|morning|evening|clearing|something)\w{3,}ing)\b"
)


def happens_once(caption: str) -> bool:
    """Whether a caption tells of one thing that happens once."""
    said = caption.lower()
    return bool(_HAPPENS.search(said)) and not _MORE_THAN_ONCE.search(said)
