"""How a story was laid out last: what only changes takes lays it out the same way once more.

Knows nothing of commands or models.
"""

from diegetic.bounce import Output
from diegetic.cli.screen import typed
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.schema import read_strict


def laid_out_before(folder: StoryFolder) -> Output:
    """Rate, stems, curve, loudness and tempo of the files in a folder. Raises InputError where it isn't rendered."""
    if not folder.manifest.is_file():
        raise InputError(f"{folder.path}: isn't rendered yet; run `{typed('diegetic', 'render', folder.story)}` first")
    table = read_manifest(folder.manifest).output
    if table is None:
        raise InputError(f"{folder.path}: has no mix yet; run `{typed('diegetic', 'render', folder.story)}` first")
    return read_strict(Output, table, f"{folder.manifest}, output")
