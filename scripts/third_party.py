"""Write THIRD_PARTY.md: the licence of every model, recording and dependency that ships or is installed with Diegetic.

    python scripts/third_party.py [--check]

Recordings come from the bank's own table, dependencies from what is installed here. --check writes nothing and exits 1
where the part about models and recordings isn't what is written.
"""

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PATH = ROOT / "THIRD_PARTY.md"
TABLE = ROOT / "presets/models/pocket/bank/recordings.csv"
DEPENDENCIES = "\n## Dependencies\n"

MODELS = """# Third-party work in Diegetic

Diegetic's own code is under Apache-2.0 (LICENSE). What others made, and what ships with it or is installed with it:

## Models

| what | licence | where it is used |
|---|---|---|
| SmolLM2-135M-Instruct (Hugging Face) | Apache-2.0 | fine-tuned and stored in six bits: \
`presets/models/pocket/llm-*.safetensors`, with its tokenizer |
| all-MiniLM-L6-v2 (sentence-transformers) | Apache-2.0 | at training time: targets of the semantic queries; \
embeddings of the bank's captions in `bank/index.npz`, of single words in `words.npz` (which words: the commonest by \
wordfreq, Apache-2.0, data CC-BY-SA-4.0) |
| AudioStory (Guo et al., CVPR 2026), TangoFlux, Stable Audio's Oobleck | architecture only | no weights of theirs \
ship; the released ones carry their own licences |

## Recordings

The bank of `pocket` (`presets/models/pocket/bank/`) is made of these recordings, cut, brought to one level and \
encoded as Opus. Each has a row in
`presets/models/pocket/bank/recordings.csv` with its name in the source, licence, author and link; ShareAlike \
recordings keep their licence there.

Its music is played from scores in the public domain, or Diegetic's own (`scripts/pocket/tunes.abc`), by samples of \
FluidR3 GM, which come under this licence:

> Copyright (c) 2000-2002, 2008 Frank Wen <getfrank@gmail.com>
>
> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated \
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the \
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit \
persons to whom the Software is furnished to do so, subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all copies or substantial portions of the \
Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE \
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR \
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR \
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


def models_and_recordings() -> str:
    """The part that depends on files of the repository alone."""
    return MODELS + "".join(_recordings())


def dependencies() -> str:
    """What is installed with Diegetic, and under which licence, in the versions found here."""
    rows = sorted(
        {(each.metadata["Name"], each.version, _licence(each)) for each in _installed("diegetic")},
        key=lambda row: row[0].lower(),
    )
    lines = [f"| {name} | {version} | {licence} |\n" for name, version, licence in rows if name.lower() != "diegetic"]
    return f"{DEPENDENCIES}\n| package | version | licence |\n|---|---|---|\n" + "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        kept = PATH.read_text(encoding="utf-8").partition(DEPENDENCIES)[0]
        sys.exit(0 if kept == models_and_recordings() else f"{PATH}: isn't what scripts/third_party.py writes; run it")
    PATH.write_text(models_and_recordings() + dependencies(), encoding="utf-8")


def _recordings() -> Iterator[str]:
    """A table by source and licence, with authors."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    groups = defaultdict(list)
    for row in rows:
        groups[row["source"].partition(":")[0], row["licence"]].append(row)
    yield f"\n{len(rows)} recordings, {sum(float(row['seconds']) for row in rows) / 60:.0f} minutes.\n"
    yield "\n| source | licence | recordings | authors |\n|---|---|---|---|\n"
    for (source, licence), group in sorted(groups.items()):
        authors = sorted({_cell(row["author"]) for row in group} - {""}, key=str.lower)
        yield f"| {source} | {licence} | {len(group)} | {', '.join(authors) or 'as named in the source'} |\n"


def _installed(name: str, seen: set[str] | None = None) -> Iterator[Distribution]:
    """A distribution and all that it requires to run."""
    seen = set() if seen is None else seen
    if (key := re.sub(r"[-_.]+", "-", name).lower()) in seen:
        return
    seen.add(key)
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return
    yield found
    for text in found.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from _installed(requirement.name, seen)


def _licence(package: Distribution) -> str:
    said = _field(package, "License-Expression")
    classifiers = [
        each.rpartition(" :: ")[2]
        for each in package.metadata.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    short = _field(package, "License").strip()
    return _cell(
        said or ", ".join(classifiers) or (short if len(short) < 60 and "\n" not in short else "see its LICENSE")
    )


def _field(package: Distribution, name: str) -> str:
    values: list[str] = package.metadata.get_all(name) or [""]
    return values[0]


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


if __name__ == "__main__":
    main()
