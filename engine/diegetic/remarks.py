"""What a user should know of a text that can be told: that it isn't English, tells too much, or what can't be made.

Words spoken, songs with words and the music of a named artist can't be made: the story has a murmur or a melody in
their place, and the user is told so. By words and patterns, in English. Knows nothing of weights.
"""

import re

from diegetic.counted import counted
from diegetic.language import looks_english
from diegetic.model.timetable import left_out

_SPEECH = re.compile(
    r"""\b(?:says?|said|saying|speaks?|spoke|speaking|announces?|announced|announcements?|announcer|narrat\w+|dialogues?
    |dialogs?|monologues?|voice-?\s?overs?|speech(?:es)?|recites?|recited|reads?\ (?:out|aloud)|explains?)\b
    (?!\s+nothing)|[:,]\s*["“][^"“”]*[a-z]""",
    re.IGNORECASE | re.VERBOSE,
)
_SINGER = (
    r"(?:s?he|they|i|m[ae]n|wom[ae]n|girls?|boys?|child(?:ren)?|people|crowd|sailors?|monks?|some(?:one|body)|band|you)"
)
_SONG = re.compile(
    rf"""\b(?:(?<!bird\ )(?<!birds\ )(?<!whale\ )songs?(?!\s+of\s+(?:an?|the)\b)|lyrics|vocals|singers?|karaoke
    |choirs?|anthems?|lullab(?:y|ies)|hymns?|carols?|happy\ birthday|raps|rapper
    |{_SINGER}\s+(?:\w+\s+)?(?:sings?|sang|singing|sung))\b""",
    re.IGNORECASE | re.VERBOSE,
)
_ARTIST = re.compile(
    r"""\b(?i:in\ (?:the\ )?style\ of|sound(?:s|ing)?\ like|(?:songs?|tracks?|tunes?|music|melod(?:y|ies)|hits?|covers?)
    \ (?:by|from))\s+(?i:the\ )?[A-Z]\w+""",
    re.VERBOSE,
)
_ASKS = ((_SPEECH, "spoken words"), (_SONG, "the words of songs"), (_ARTIST, "the music of a named artist"))


def remarks_on(text: str) -> tuple[str, ...]:
    """What to tell the user, a sentence each; mostly nothing."""
    remarks = []
    if not looks_english(text) or not any(char.isalpha() for char in text):
        remarks.append("the text doesn't look like English, which is what models plan best from; look at the plan")
    if asked := [what for pattern, what in _ASKS if pattern.search(text)]:
        remarks.append(f"no model here can make {' or '.join(asked)}: a murmur or a melody stands in for them")
    if late := left_out(text):
        remarks.append(
            f'a plan has no room for {counted(len(late), "sound")} of the text, such as "{late[0]}"; '
            "tell them as a story of their own, or go on with `diegetic continue`"
        )
    return tuple(f"note: {remark}" for remark in remarks)
