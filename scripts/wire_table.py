"""Write what is made from the registry: the tables in bridges/README.md, and Reaper's file.

python scripts/wire_table.py            writes both
python scripts/wire_table.py --check    exit code 1 where they differ from the registry
"""

import sys
from pathlib import Path

from diegetic_bridges.failures import SYMBOLS
from diegetic_bridges.reaper_osc import reaper_osc
from diegetic_bridges.registry import MESSAGES, VERBS, Argument, Verb

BRIDGES = Path(__file__).parents[1] / "bridges"
README, REAPER = BRIDGES / "README.md", BRIDGES / "reaper" / "Diegetic.ReaperOSC"
_BEGIN, _END = "<!-- wire: made by scripts/wire_table.py -->", "<!-- end of wire -->"


def tables() -> str:
    """The tables of what is taken, what is sent and the codes, as Markdown."""
    taken = [
        _row(f"`{v.address}`", _types(v.types), _arguments(_sent(v), help=False), _flags(v), _answers(v), v.help)
        for v in VERBS
    ]
    sent = [_row(f"`{m.address}`", _types(m.types), _arguments(m.arguments), m.help) for m in MESSAGES]
    codes = [_row(str(code), f"`{symbol}`") for code, symbol in SYMBOLS.items()]
    return "\n".join(
        (
            "### In\n",
            *_head("address", "types", "arguments", "how", "answer", "what it does"),
            *taken,
            "\n### Out\n",
            *_head("address", "types", "arguments", "meaning"),
            *sent,
            "\n### Codes\n",
            *_head("code", "symbol"),
            *codes,
        )
    )


def with_tables(readme: str) -> str:
    """The README with its tables made anew."""
    before, _, rest = readme.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{tables()}\n\n{_END}{after}"


def made() -> dict[Path, str]:
    """Every file that is made from the registry, and what it must hold."""
    return {README: with_tables(README.read_text(encoding="utf-8")), REAPER: reaper_osc()}


def main(arguments: list[str]) -> int:
    stale = [path for path, text in made().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments == ["--check"]:
        for path in stale:
            sys.stderr.write(f"{path.name}: differs from the registry; run python scripts/wire_table.py\n")
        return 1 if stale else 0
    for path, text in made().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _sent(verb: Verb) -> tuple[Argument, ...]:
    return verb.arguments[verb.in_address :]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _head(*cells: str) -> tuple[str, str]:
    return _row(*cells), "|" + "---|" * len(cells)


def _types(tags: str) -> str:
    return f"`{tags}`" if tags else ""


def _arguments(arguments: tuple[Argument, ...], help: bool = True) -> str:
    return ", ".join(_argument(each, help) for each in arguments)


def _argument(argument: Argument, help: bool) -> str:
    bounds = ""
    if argument.low is not None:
        bounds = f"{argument.low:g}.." + (f"{argument.high:g}" if argument.high is not None else "")
    inside = "; ".join(filter(None, (f"{bounds} {argument.unit}".strip(), argument.help if help else "")))
    return f"{argument.name} ({inside})" if inside else argument.name


def _flags(verb: Verb) -> str:
    flags = {"slow": verb.slow, "timed": verb.timed, "query": bool(verb.query), "local": verb.local}
    return ", ".join(name for name, holds in flags.items() if holds)


def _answers(verb: Verb) -> str:
    return ", ".join(f"`/{name}`" for name in verb.reply)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
