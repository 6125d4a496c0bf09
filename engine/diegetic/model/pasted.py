"""What is pasted from documents and cue sheets, as plain lines: without marks, tables' lines and the numbers of cues.

    ## Scene: Blacksmith            blacksmith: (what sets the scene of what follows); other headings are left out
    - [x] **Bed:** a *fire*         - a fire, constantly
    | 0:10 | Twig snaps | close |   0:10 Twig snaps, close; so with tabs, and without the row of headings
    SQ 2 - Church bell              Church bell
    SEAGULLS. A HORN.               seagulls. a horn.

Cues of which each says how long it lasts follow each other. English only. Knows nothing of sounds or of plans.
"""

import re

_EMPHASIS = re.compile(r"(?<![\w*])(\*\*\*|\*\*|__|\*|`)(?=[^\s*])([^\n]+?)(?<=[^\s*])\1(?!\w)")
_CHECKBOX = re.compile(r"^([ \t]*[-*•–][ \t]+)?\[[ xX✓]?\][ \t]+", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+([^\n]*?)[ \t#]*$\n*", re.MULTILINE)
_ACT = re.compile(
    r"^[ \t]*(?:Act|ACT|Part|PART|Chapter|CHAPTER) (?:[IVX]+|\d+|one|two|three)\b[.:]?[ \t]*$\n*", re.MULTILINE
)
_NUMBERED_SCENE = re.compile(
    r"(?:^|(?<=[.!?\n] )|(?<=\n))(?:scene|location|setting)(?: (?:\d+|[IVX]+|one|two|three))?"
    r"(?: ?[:–—-] ?| *\n|\. )(?:the )?([^\n.:,;]+)[.:;\n]\s*(?:[-*•–] +)?",
    re.IGNORECASE,
)
_OPENS = re.compile(
    r"(?:^|(?<=[.!?\n] ))(?:(?:the )?scene (?:opens|begins|starts|is set)|we (?:open|begin|start)|open|opening)"
    r" (?:on|in|at) ([^\n.,:;]+)[.\n]\s*",
    re.IGNORECASE,
)
_LANE = re.compile(r"(?:^|(?<=[\n;.,-] )|(?<=\n))(?:Bed|BED|bed|BG|Background|background): ?([^\n,;.:]+)")
_FORCED_SCENE = re.compile(r"^\.(?=[A-Z])([A-Z][^\n.]*)$\n*", re.MULTILINE)
_CODE = (
    r"(?:(?:SQ|LX|LXQ|SND|SFXQ|Q|QLX|QSND|CUE|Cue|cue|Sound (?:cue|Cue|Q)|SOUND CUE|SFX|FX|Track|TRACK|MX|AX)"
    r"[ .#]?\d{1,3}[A-Za-z]?(?:\.\d{1,2})?|\d[mM]\d{1,2})\b"
)
_CUE = re.compile(
    rf"(?:^|(?<=\n)|(?<=[.;!?\])] ))[ \t]*{_CODE}(?: ?[/&+,] ?{_CODE})*(?: ?[:.)–—-]+(?=\s)| (?=[\[(A-Za-z0-9]))[ \t]*"
)
_RULE = re.compile(r"^[\s|:+=-]*-[\s|:+=-]*$")
_HEADS = {
    "time": "time|start|in|at|tc|timecode|when|begin|begins|timestamp|from",
    "length": "duration|length|dur|secs|seconds|how long",
    "number": r"#|no|nr|cue|cue no|cue #|number|id|q|order",
    "sound": "sound|sounds|sfx|fx|effect|description|what|event|audio|element|name|asset|sound effect",
    "": "notes|note|comment|comments|remarks|details|type|layer|lane|location|position|volume|times|count|distance",
}
_NAMES = {name: role for role, names in _HEADS.items() for name in names.split("|")}
_LENGTH = re.compile(r"\d+(?:\.\d+)? ?(?:s|secs?|seconds)\.?$", re.IGNORECASE)
_NUMBER = re.compile(r"\W*\d{1,3}[.)]?$")
_CLOCK = re.compile(r"\d{1,2}(?::\d\d){1,3}\b")
_LOWER = re.compile(r"[a-z]")
_LINE = re.compile(r"[^\n]*[A-Z]{2}[^\n]*")


def unpasted(text: str) -> str:
    """The same in plain lines."""
    told = _tables(_EMPHASIS.sub(r"\2", text))
    told = _HEADING.sub(_scene, _CHECKBOX.sub(r"\1", told))
    told = _FORCED_SCENE.sub(lambda each: f"{each[1].lower()}: ", told) if "\n" in told else told
    told = _LANE.sub(r"\1, constantly", told)
    told = _OPENS.sub(lambda each: f"{each[1].strip()}: ", told)
    return _CUE.sub("\n", _NUMBERED_SCENE.sub(lambda each: f"{each[1].strip()}: ", _ACT.sub("", told))).lstrip("\n")


def in_lower_case(text: str) -> str:
    """The same without lines all in capitals: those are no names."""
    return _LINE.sub(lambda line: line[0] if _LOWER.search(line[0]) else line[0].lower(), text)


def _scene(heading: re.Match[str]) -> str:
    """A heading as what sets the scene, where it says that it does."""
    return f"{heading[1]}\n" if re.match(r"(?:scene|location|setting)\b", heading[1], re.IGNORECASE) else ""


def _tables(text: str) -> str:
    """Rows of tables as lines."""
    lines, told, heads = text.split("\n"), list[str](), list[str]()
    for number, line in enumerate(lines):
        cells = _cells(line)
        beside = [_cells(each) for each in (*lines[max(0, number - 1) : number], *lines[number + 1 : number + 2])]
        if len(cells) < 2 or not any(len(each) > 1 for each in beside):
            heads = heads if cells else []
            told.append(line)
        elif _RULE.match(line):
            continue
        elif _is_heading(cells, lines[number + 1 : number + 2]):
            heads = [_NAMES.get(_name(cell), "") for cell in cells]
        else:
            told.append(_row(cells, heads if len(heads) == len(cells) else [""] * len(cells)))
    return "\n".join(told)


def _is_heading(cells: list[str], following: list[str]) -> bool:
    """Whether a row names its columns: it has such names, or a line is drawn below it."""
    has_names = all(_name(cell) in _NAMES for cell in cells if cell)
    return has_names or any(_RULE.match(line) is not None and "|" in line for line in following)


def _cells(line: str) -> list[str]:
    """A row's cells; none where a line is no row."""
    if line.strip().startswith("|") and line.count("|") > 2:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return [cell.strip() for cell in line.split("\t")] if "\t" in line.strip() else []


def _row(cells: list[str], heads: list[str]) -> str:
    """A row as a line: when, what, for how long, and what else is noted."""
    roles = dict[str, list[str]]()
    for cell, head in zip(cells, heads, strict=True):
        is_time = _CLOCK.match(cell) or (head == "time" and cell[:1].isdigit())
        is_number = head != "time" and _NUMBER.match(cell)
        role = "time" if is_time else "length" if _LENGTH.match(cell) else "number" if is_number else head
        roles.setdefault(role if role in ("time", "length", "number", "sound") else "note", []).append(cell)
    noted = [cell for cell in roles.get("note", []) if cell.strip("-–—/ ")]
    what = roles.get("sound") or noted[:1]
    noted = noted if roles.get("sound") else noted[1:]
    when = " ".join(_second(cell) for cell in roles.get("time", ()))
    length = "".join(f" ({cell})" for cell in roles.get("length", ()))
    return ", ".join([f"{when} {' '.join(what)}{length}".strip(), *noted])


def _second(cell: str) -> str:
    """A time of a table; a number alone is seconds."""
    return f"@{cell}" if re.fullmatch(r"\d+(?:\.\d+)? ?s?", cell) else cell


def _name(cell: str) -> str:
    return re.sub(r"[^a-z# ]|\(.*", "", cell.lower()).strip()
