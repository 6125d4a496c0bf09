"""A model's files from the Hugging Face hub: listed with sizes first, resumed where a fetch broke off, checked.

Knows nothing of what is in them.
"""

import errno
import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from diegetic.errors import Failure, InputError
from diegetic.model.checksum import sha256
from diegetic.model.config import Preset, SourceConfig
from diegetic.model.release_files import PIPELINE

TIMEOUT_S = 10.0
Report = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository at one commit. sha256: "" where the hub has none, which is so for small files."""

    repo: str
    commit: str
    name: str
    size_bytes: int
    sha256: str
    licence: str

    @property
    def place(self) -> Path:
        """Where it goes, in a folder of downloads."""
        return Path(self.repo.rpartition("/")[2], self.name)


def list_files(config: Preset, endpoint: str | None = None) -> list[HubFile]:
    """What a model needs of the hub. endpoint: another hub's address. Raises InputError, or Failure where it can't be
    reached."""
    if config.release is None:
        raise InputError(f"{config.name}: its preset names no release to pull; see `diegetic models`")
    return [file for source in config.release.sources for file in _files_of(source, config.name, endpoint)]


def fetch(
    files: Sequence[HubFile], folder: Path, model: str, report: Report, endpoint: str | None = None
) -> Iterator[Path]:
    """Fetch files into a folder; what is there whole is kept, what is there in part goes on. Yields each file.

    Raises Failure where the hub can't be reached, the disk is full, or a file isn't what the hub says it is.
    """
    total = sum(file.size_bytes for file in files) or 1
    done = 0
    for file in files:

        def told(size: int, name: str = file.name, before: int = done) -> None:
            report(f"fetching {name}", (before + size) / total)

        path = _fetch_one(file, folder, model, _bar(told), endpoint)
        done += file.size_bytes
        report(f"checking {file.name}", done / total)
        if file.sha256 and sha256(path) != file.sha256:
            path.unlink()
            raise Failure(f"{path}: isn't what {file.repo} says it is (checksum); run the same command again")
        yield path


def clear(folder: Path) -> None:
    """Delete a folder of downloads."""
    shutil.rmtree(folder, ignore_errors=True)


def unreachable(model: str, error: Exception) -> Failure:
    """The one sentence for a hub that can't be reached."""
    return Failure(
        f"models pull: the Hugging Face hub can't be reached ({str(error).splitlines()[0][:100]}); on a machine that "
        f"can, download the repositories of the preset {model}, copy them here, and give their folder with --from"
    )


def _files_of(source: SourceConfig, model: str, endpoint: str | None) -> Iterator[HubFile]:
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        info = HfApi(endpoint=endpoint).model_info(
            source.repo, revision=source.revision, files_metadata=True, timeout=TIMEOUT_S
        )
    except GatedRepoError as error:
        raise Failure(
            f"{source.repo}: its owner asks for a licence to be accepted on its page; accept it, then `hf auth login`"
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise Failure(
            f"{source.repo}: isn't on the hub at {source.revision}; does the preset name it right?"
        ) from error
    except Exception as error:  # every HTTP client has its own kinds
        raise unreachable(model, error) from error
    found = [each for each in info.siblings or [] if any(fnmatch(each.rfilename, name) for name in source.files)]
    if PIPELINE in source.files and all(each.rfilename != PIPELINE for each in found):
        raise Failure(
            f"{source.repo}: has no {PIPELINE}, so it isn't in diffusers' layout; convert it (diffusers' repository "
            f"has scripts that do), then `diegetic models pull {model} --from` the folder"
        )
    if not found:
        raise Failure(f"{source.repo}: has no file {' or '.join(source.files)}; does the preset name it right?")
    for each in found:
        checksum = each.lfs.sha256 if each.lfs else ""
        yield HubFile(source.repo, str(info.sha), each.rfilename, each.size or 0, checksum, source.licence)


def _fetch_one(file: HubFile, folder: Path, model: str, bar: Any, endpoint: str | None) -> Path:
    """Fetch a file, going on from the part of it that is there: the hub's own client begins anew in each process."""
    from huggingface_hub import get_token, hf_hub_url
    from huggingface_hub.file_download import http_get

    place = folder / file.place
    if place.is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.{file.commit[:8]}.part")
    there = part.stat().st_size if part.is_file() else 0
    free = shutil.disk_usage(place.parent).free
    if file.size_bytes - there > free:
        told = f"needs {file.size_bytes / 1e9:.1f} GB for {file.name} and has {free / 1e9:.1f} GB free; free some"
        raise Failure(f"{folder}: {told}")
    url = hf_hub_url(file.repo, file.name, revision=file.commit, endpoint=endpoint)
    size = file.size_bytes or None
    try:
        with part.open("r+b" if there else "wb") as opened:
            opened.seek(there)
            headers = {"Authorization": f"Bearer {token}"} if (token := get_token()) else {}
            http_get(url, opened, resume_size=there, headers=headers, expected_size=size, tqdm_class=bar)
    except Exception as error:  # every HTTP client has its own kinds
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Failure(f"{folder}: the disk is full; free some space and run the same command again") from error
        raise unreachable(model, error) from error
    part.replace(place)
    return place


def _bar(told: Callable[[int], None]) -> Any:
    """A progress bar class that draws nothing and tells how many bytes there are."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})
            told(int(self.n))

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            told(int(self.n))

    return Bar
