"""What a render came to, in lines for people and in facts for machines.

Knows nothing of commands.
"""

from collections.abc import Iterator
from dataclasses import asdict

from diegetic.counted import counted
from diegetic.director import Rendered
from diegetic.folder import StoryFolder
from diegetic.manifest import MIX, mix_of
from diegetic.story import Story


def rendered_lines(folder: StoryFolder, done: Rendered, load_s: float) -> Iterator[str]:
    """Three lines: what there is, what it took, what to do next."""
    level = done.level
    loud = "silent" if level.loudness_lufs is None else f"{level.loudness_lufs:.1f} LUFS"
    limited = f", limited by {level.limited_db:.1f} dB" if level.limited_db > 0.05 else ""
    peak = f"true peak {level.true_peak_dbtp:.1f} dBTP"
    yield f"{folder.path / mix_of(done.files)}: {done.story.seconds:g} s, {loud}, {peak}{limited}"
    speed = done.total_s / done.story.seconds
    yield (
        f"{counted(len(done.rendered), 'event')} rendered and {len(done.kept)} kept in {done.total_s:.1f} s "
        f"({speed:.2f} of its length), the first sound after {done.first_audio_s:.1f} s; loading took {load_s:.1f} s"
    )
    loops = sum(laid.kind == "loop" for laid in done.files)
    stems = counted(len(done.files) - 1 - loops, "stem") + (f" and {counted(loops, 'loop')}" if loops else "")
    down = f", {-level.stems_gain_db:.1f} dB down so that none clips" if level.stems_gain_db < -0.05 else ""
    yield f"{stems}{down}; edit {folder.story} and render it again"


def rendered_facts(folder: StoryFolder, done: Rendered, load_s: float) -> dict[str, object]:
    """All of it, for --json: paths are as the folder was given."""
    return {
        "folder": str(folder.path),
        "story": str(folder.story),
        "mix": str(folder.path / mix_of(done.files)),
        "stems": [str(folder.path / laid.path) for laid in done.files if laid.kind not in (MIX, "loop")],
        "loops": [str(folder.path / laid.path) for laid in done.files if laid.kind == "loop"],
        **plan_facts(done.story),
        "rendered": list(done.rendered),
        "kept": list(done.kept),
        "level": asdict(done.level),
        "load_s": round(load_s, 3),
        "plan_s": round(done.plan_s, 3),
        "first_audio_s": round(done.first_audio_s, 3),
        "total_s": round(done.total_s, 3),
        "real_time_factor": round(done.total_s / done.story.seconds, 4),
    }


def plan_facts(story: Story) -> dict[str, object]:
    """What was told and planned."""
    return asdict(story)
