"""What is heard of a screenplay or a radio script: its scenes set the scene; who speaks, and cuts, are no sounds.

    INT. KITCHEN - NIGHT           kitchen: (what sets the scene of what follows)
    CUT TO:  FADE OUT.             left out
    MARK (on the phone)            left out, to the next empty line; only where the text has such headings
    I'll call you back.
    NARRATOR: It was a dark night. left out; of others ("JOHN: Who's there?"), beside "SFX:", what looks spoken

English only. Knows nothing of sounds or of plans.
"""

import re

from diegetic.model.sounding import is_noise, may_sound

_SCENE = re.compile(
    r"(?:^|(?<=[\n.:!?] )|(?<=\n))[ \t]*(?:\d+[A-Z]?[.)]? +)?"
    r"(?:(?:INT|EXT|Int|Ext|int|ext|EST)\.|(?:INT|EXT)(?:\.?/(?:INT|EXT))?\.?(?= [A-Z]{2})|I/E\.?)[ \t]*"
    r"(?P<place>[^\n.,:/(–—-]*[^\n.,:/(–— -])[^\n.:]*(?:[.:]|\n|$)\s*"
)
_CUT = re.compile(
    r"\b(?:(?:SMASH|MATCH|JUMP|HARD|SLOW) )?(?:CUT|FADE|DISSOLVE|WIPE) (?:TO|IN|OUT|UP)(?: BLACK| WHITE)?"
    r"(?:[:.]\s*|(?=\n|$))"
)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")
_SPEAKS = re.compile(r"(?:[A-Z][A-Z0-9.'’#-]*[ \t]*){1,4}(?:\([^)\n]*\))?[ \t]*(?<![.!?:])\n(?=.)")
_BEGINS = r"(?:^|(?<=[\n.!?)] )|(?<=\n))[ \t]*"
_WHO = r"(?:[A-Z][A-Z0-9 .'’/-]*|Narrator|Host|Presenter|Announcer|Guest)"
_LINE = re.compile(
    rf"{_BEGINS}(?P<who>{_WHO})(?: *\([^)\n]*\))?:(?P<what>.*?)(?={_BEGINS}{_WHO}(?: *\([^)\n]*\))?:|\n|$)"
)
_IN_BRACKETS = re.compile(r"[\[(] *(S?FX|F/X|SOUNDS?|GRAMS|Sound|Sounds|Sfx) *: *([^\])\n]*)[\])]")
_ASIDE = re.compile(r"[(\[][^)\]\n]*[)\]]")
_IS_SOUND = re.compile(r"S?FX|F/X|SOUNDS?|GRAMS|SPOT FX")
_IS_LAYER = re.compile(
    r"\b(?:ATMOS?|AMB|AMBIENCE|AMBIENT|BG|FG|BED|BACKGROUND|FOREGROUND|MUSIC|FOLEY|SPOTS?|LAYER|LOOP|SCENE|PLACE|LOCATION"
    r"|SETTING|TIME|CUE|TRACK|NOTES?|INTRO|OUTRO|UI|START|END|WEATHER|DAY|NIGHT|MORNING|EVENING)\b"
)
_SPEAKER = re.compile(
    r"(?:narrator|host|presenter|announcer|interviewer|guest|reporter|v\.? ?o\.?|voice[ -]?over)\b.*", re.IGNORECASE
)
_SPOKEN = re.compile(r"[?!]|\b(?:I|you|we|me|my|your|us)\b|n['’]t\b|['’](?:ll|re|m|ve)\b", re.IGNORECASE)


def heard_of_script(text: str) -> str:
    """The same without who speaks, and cuts; any other text as it is."""
    told = _IN_BRACKETS.sub(lambda each: f"\n{each[1].upper()}: {each[2]}\n", _CUT.sub("", text))
    if _SCENE.search(told):
        told = _SCENE.sub(lambda scene: f"{scene['place'].lower()}: ", told)
        told = "\n".join(each for each in _PARAGRAPHS.split(told) if not _SPEAKS.match(each))
    return _without_speakers(told)


def _without_speakers(text: str) -> str:
    """Without what is spoken in a radio script, but for asides: from a name to the next, or to the end of its line."""
    is_script = any(_IS_SOUND.fullmatch(line["who"]) for line in _LINE.finditer(text))

    def heard(line: re.Match[str]) -> str:
        who = line["who"].strip()
        spoken = (
            is_script and not _IS_SOUND.fullmatch(who) and (_SPOKEN.search(line["what"]) or _is_name(who, line["what"]))
        )
        is_speech = spoken or _SPEAKER.fullmatch(line["who"])
        return " ".join(["", *_ASIDE.findall(line["what"])]) if is_speech else line[0]

    return _LINE.sub(heard, text)


def _is_name(who: str, what: str) -> bool:
    """Whether a label is a person's rather than a sound's, a place's or a layer's ("ATMOS", "RAIN")."""
    return who.isupper() and not (_IS_LAYER.search(who) or may_sound(who) or is_noise(what))
