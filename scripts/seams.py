"""Print how much the joins of a story are heard: python scripts/seams.py FOLDER

For every join in a lane: the jump of level and of spectrum, against what 95 of 100 stretches inside the segments
stay below. "keeps its attack" marks a new sound that is meant to be heard coming in.
"""

import argparse
import sys
from pathlib import Path

from diegetic.audio.seams import measure
from diegetic.audio.wav import read_wav
from diegetic.errors import DiegeticError
from diegetic.folder import StoryFolder
from diegetic.layout import fades_in
from diegetic.manifest import read_manifest
from diegetic.story import OVERLAP_S, Story, follows
from diegetic.story_file import read_story


def main() -> None:
    """Print a table of the joins of each lane's stem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a story's folder, rendered with stems of lanes")
    folder = StoryFolder(parser.parse_args().folder)
    story = read_story(folder.story)
    print(f"{'lane':12} {'at':>7} {'level':>14} {'spectrum':>14}   join")
    for laid in read_manifest(folder.manifest).files:
        if laid.kind == "lane":
            print_lane(story, laid.events, folder.path / laid.path)


def print_lane(story: Story, ids: tuple[str, ...], stem: Path) -> None:
    """Print one line for each join in a lane's stem: jumps in dB, and what is usual inside in brackets."""
    samples, rate_hz = read_wav(stem)
    events = [event for event in story.events if event.id in ids]
    joins = [(later, earlier) for later in events for earlier in events if follows(later, earlier)]
    seams = measure(samples, rate_hz, [later.start_s for later, _ in joins], OVERLAP_S)
    by_time = {seam.at_s: seam for seam in seams}
    for later, earlier in joins:
        if (seam := by_time.get(later.start_s)) is not None:
            level = f"{seam.level_db:.1f} ({seam.usual_level_db:.1f})"
            spectrum = f"{seam.spectrum_db:.1f} ({seam.usual_spectrum_db:.1f})"
            said = "keeps its attack" if not fades_in(later, earlier, "equal_power") else "heard" if seam.heard else ""
            names = f"{earlier.caption} > {later.caption}"
            print(f"{later.lane:12} {later.start_s:7.2f} {level:>14} {spectrum:>14}   {names}  {said}")


if __name__ == "__main__":
    try:
        main()
    except DiegeticError as error:
        sys.exit(f"error: {error}")
