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

from diegetic.atomic import nearest, remove, rename
from diegetic.errors import Failure, InputError
from diegetic.model.checksum import git_sha1, sha256
from diegetic.model.config import Preset, SourceConfig
from diegetic.model.release_files import PIPELINE

TIMEOUT_S = 10.0
SHA256_DIGITS = 64
Report = Callable[[str, float], None]
_ROOM = "free some, or choose another folder by models_folder in the settings"


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository at one commit.

    checksum: SHA-256, or git's SHA-1 for a small file; "" where a hub tells none.
    """

    repo: str
    commit: str
    name: str
    size_bytes: int
    checksum: str
    licence: str

    @property
    def place(self) -> Path:
        """Where it goes, in a folder of downloads."""
        return Path(self.repo.rpartition("/")[2], self.name)

    def is_at(self, path: Path) -> bool:
        """Whether a path has this file, by size and checksum."""
        if not path.is_file() or path.stat().st_size != self.size_bytes:
            return False
        digest = sha256 if len(self.checksum) == SHA256_DIGITS else git_sha1
        return not self.checksum or digest(path) == self.checksum


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

    Raises Failure where the hub can't be reached, the disk is too small, or a file isn't what the hub says it is.
    """
    _check_disk(files, folder)
    total = sum(file.size_bytes for file in files) or 1
    done = 0
    for file in files:

        def told(size: int, name: str = file.name, before: int = done) -> None:
            report(f"fetching {name}", (before + size) / total)

        path = folder / file.place
        if path.is_file():
            report(f"checking {file.name}", done / total)
        done += file.size_bytes
        if not file.is_at(path):
            _fetch_one(file, path, model, _bar(told), endpoint)
            report(f"checking {file.name}", done / total)
            if not file.is_at(path):
                remove(path)
                raise Failure(f"{path}: isn't what {file.repo} says it is (checksum); run the same command again")
        yield path


def clear(folder: Path) -> None:
    """Delete a folder of downloads."""
    shutil.rmtree(folder, ignore_errors=True)


def _files_of(source: SourceConfig, model: str, endpoint: str | None) -> Iterator[HubFile]:
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=endpoint).model_info(
            source.repo, revision=source.revision, files_metadata=True, timeout=TIMEOUT_S
        )
    except Exception as error:  # every HTTP client has its own kinds
        raise _told(error, source.repo, source.revision, model) from error
    found = [each for each in info.siblings or [] if any(fnmatch(each.rfilename, name) for name in source.files)]
    if PIPELINE in source.files and all(each.rfilename != PIPELINE for each in found):
        raise Failure(
            f"{source.repo}: has no {PIPELINE}, so it isn't in diffusers' layout; convert it (diffusers' repository "
            f"has scripts that do), then `diegetic models pull {model} --from` the folder"
        )
    if not found:
        raise Failure(f"{source.repo}: has no file {' or '.join(source.files)}; does the preset name it right?")
    for each in found:
        checksum = each.lfs.sha256 if each.lfs else each.blob_id or ""
        yield HubFile(source.repo, str(info.sha), each.rfilename, each.size or 0, checksum, source.licence)


def _check_disk(files: Sequence[HubFile], folder: Path) -> None:
    """Raise Failure where what is still to be fetched doesn't fit: before it is, not hours later."""
    places = [(file, folder / file.place) for file in files]
    has = sum(
        max((path.stat().st_size for path in (at, _part(file, at)) if path.is_file()), default=0) for file, at in places
    )
    needed, free = sum(file.size_bytes for file in files) - has, shutil.disk_usage(nearest(folder)).free
    if needed > free:
        raise Failure(f"{folder}: needs {needed / 1e9:.1f} GB and has {free / 1e9:.1f} GB free; {_ROOM}")


def _part(file: HubFile, place: Path) -> Path:
    """Where a file is while it is fetched: named by what it is, so that another commit's goes on if it is the same."""
    return place.with_name(f"{place.name}.{(file.checksum or file.commit)[:8]}.part")


def _fetch_one(file: HubFile, place: Path, model: str, bar: Any, endpoint: str | None) -> None:
    """Fetch a file, going on from the part of it that is there: the hub's own client begins anew in each process."""
    from huggingface_hub import get_token, hf_hub_url
    from huggingface_hub.file_download import http_get

    part = _part(file, place)
    url = hf_hub_url(file.repo, file.name, revision=file.commit, endpoint=endpoint)
    size = file.size_bytes or None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        there = part.stat().st_size if part.is_file() else 0
        if there > file.size_bytes:  # what came wasn't the file, a page to log in to a network for instance
            there = 0
        with part.open("r+b" if there else "wb") as opened:
            opened.seek(there)
            headers = {"Authorization": f"Bearer {token}"} if (token := get_token()) else {}
            http_get(url, opened, resume_size=there, headers=headers, expected_size=size, tqdm_class=bar)
        rename(part, place)
    except Exception as error:  # every HTTP client has its own kinds
        raise _told(error, file.repo, file.commit, model, place.parent) from error


def _told(error: Exception, repo: str, revision: str, model: str, folder: Path | None = None) -> Failure:
    """The one sentence for what went wrong. folder: what was written to."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return Failure(
            f"{repo}: its owner asks for a licence to be accepted on its page; accept it, then `hf auth login`"
        )
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError):
        return Failure(f"{repo}: isn't on the hub at {revision}; does the preset name it right?")
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        code = error.response.status_code
        ways = "`hf auth login`, or correct HF_TOKEN" if code in (401, 403) else "run the same command again later"
        return Failure(f"{repo}: the hub refuses it with {code} {error.response.reason_phrase}; {ways}")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(f"{folder}: the disk is full; free some space and run the same command again")
    if isinstance(error, OSError) and error.filename:
        return Failure(f"{folder}: can't be written ({str(error.strerror).lower()}); {_ROOM}")
    said = "HF_HUB_OFFLINE is set" if isinstance(error, OfflineModeIsEnabled) else str(error) or type(error).__name__
    return Failure(
        f"models pull: the Hugging Face hub can't be reached ({said.splitlines()[0][:100]}); on a machine that "
        f"can, download the repositories of the preset {model}, copy them here, and give their folder with --from"
    )


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
