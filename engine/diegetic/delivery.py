"""A rendered story into its folder: mix, stems, clips, project files, and the manifest that says what is there.

While files are being replaced the manifest is marked unfinished: whoever reads one that is finished finds on the disk
what it says. One that isn't names what is being written, too: after a crash the next delivery takes that for its own.

Knows nothing of models: a story and its takes are enough.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace

from diegetic.atomic import remove
from diegetic.bounce import Output, bounce, mix_file, stem_files
from diegetic.clock import now
from diegetic.folder import StoryFolder
from diegetic.handles import read_handles
from diegetic.layout import Placed, lay_out, retaken
from diegetic.loops import lay_loops, loop_files
from diegetic.manifest import Laid, Level, digest_of, installed, read_manifest, source, write_manifest
from diegetic.project.append import refresh_above, still_there, with_appended
from diegetic.project.clips import lay_clips
from diegetic.project.write import write_project
from diegetic.segments import recipes
from diegetic.steps import GOING, Steps
from diegetic.story import Event, Story
from diegetic.tags import Slate
from diegetic.takes import Samples, Take, TakeStore
from diegetic.targets import Gains, reach

_MOST_OTHERS = 7


def deliver(
    folder: StoryFolder, story: Story, takes: Mapping[str, Take], model_digest: str, output: Output
) -> Steps[tuple[tuple[Laid, ...], Level]]:
    """Write all files of a story from its takes (by event id), and remove stems that an earlier layout left.

    The folder must be held, and its manifest begun. Returns the files and how loud the mix is. Raises Failure.
    """
    store, before = folder.takes, read_manifest(folder.manifest)
    coming = (mix_file(story, output), *stem_files(story, output), *loop_files(story, output))
    begun = replace(before, finished_at=None, files=(*before.files, *coming))
    write_manifest(folder.manifest, begun)
    appended = still_there(before.appended, folder.path)
    slate = Slate(folder.name, story, takes)
    clips = {event: store.samples(take) for event, take in takes.items()}
    rate_hz = next(iter(takes.values())).rate_hz
    placed, gains = _placed(story, takes, clips, store, output)
    yield GOING
    files, level = yield from bounce(slate, placed, folder.path, output, gains)
    yield GOING
    files = (*files, *lay_loops(slate, clips, rate_hz, folder.path, output, gains))
    others = {event.id: tuple(_others(folder, slate, event, placed[event.id], output, gains)) for event in story.events}
    yield GOING
    timeline = lay_clips(slate, placed, others, folder.path, output)
    yield GOING
    projects = write_project(
        with_appended(timeline, folder.path, appended),
        folder.path,
        before.projects,
        lambda either: write_manifest(folder.manifest, replace(begun, projects=either)),
    )
    for stale in {laid.path for laid in before.files} - {laid.path for laid in files}:
        remove(folder.path / stale)
    kept = tuple(store.all())
    manifest = replace(
        before,
        instruction=story.instruction,
        seconds=story.seconds,
        seed=story.seed,
        model=story.model,
        model_digest=model_digest,
        finished_at=now(),
        rate_hz=output.rate_hz,
        level=level,
        files=files,
        events=tuple(source(event, takes[event.id], kept) for event in story.events),
        output=asdict(output),
        digests={laid.path: digest_of(folder.path / laid.path) for laid in files},
        timeline=timeline,
        projects=projects,
        appended=appended,
        versions=installed(),
    )
    write_manifest(folder.manifest, manifest)
    refresh_above(folder)
    return files, level


def _placed(
    story: Story, takes: Mapping[str, Take], clips: Mapping[str, Samples], store: TakeStore, output: Output
) -> tuple[dict[str, Placed], Gains]:
    """Every event at its place and its level, with its handles where they were rendered; and what it was given."""
    found = {event: read_handles(store, take, output.handles_s) for event, take in takes.items()}
    handles = {event: each for event, each in found.items() if each is not None}
    clip_rate_hz = next(iter(takes.values())).rate_hz
    plain = lay_out(story, clips, clip_rate_hz, output.rate_hz, output.curve, output.width, handles)
    return reach(story, plain, output.rate_hz, output.targets, output.ceiling_dbtp)


def is_delivered(folder: StoryFolder, story: Story, output: Output) -> bool:
    """Whether a folder holds all files of a story, just as a render would write them with the model it had.

    Files are compared by their content, projects only looked for: a user may have saved those.
    """
    if not folder.manifest.exists():
        return False
    manifest = read_manifest(folder.manifest)
    takes = [folder.takes.find(each.take) for each in manifest.events]
    if manifest.finished_at is None or manifest.output != asdict(output) or None in takes:
        return False
    if output.handles_s and None in [read_handles(folder.takes, take, output.handles_s) for take in takes if take]:
        return False
    wanted = recipes(story, manifest.model_digest)
    here = [(each.event, each.take, each.start_s, each.gain_db, each.loop) for each in manifest.events]
    asked = [(each.id, wanted[each.id].key, each.start_s, each.gain_db, each.loop) for each in story.events]
    told = (manifest.instruction, manifest.seconds, manifest.model)
    if here != asked or told != (story.instruction, story.seconds, story.model):
        return False
    paths = (*manifest.projects, *(laid.path for laid in manifest.files))
    there = all((folder.path / path).is_file() for path in paths)
    return there and all(digest_of(folder.path / path) == digest for path, digest in manifest.digests.items())


def _others(
    folder: StoryFolder, slate: Slate, event: Event, placed: Placed, output: Output, gains: Gains
) -> Iterator[tuple[Take, Placed]]:
    """The latest takes of an event that aren't current, as they would be heard in its place."""
    rest = [take for take in folder.takes.of(event.id) if take.key != slate.takes[event.id].key]
    for take in rest[-_MOST_OTHERS:]:
        around = read_handles(folder.takes, take, output.handles_s)
        clip = folder.takes.samples(take)
        other = retaken(placed, event, slate.story, clip, take.rate_hz, output.rate_hz, around)
        yield take, other.turned(gains.of(event.lane))
