"""A hub of one's own on this machine: the part of Hugging Face's that fetching files needs, with ranges."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class FakeHub:
    """Serves folder/OWNER/NAME/... as repositories.

    ranges: the Range header of each fetch; cut_after: bytes after which the next one breaks off; lies: names whose
    checksum it tells wrongly; small: names that it has in git, without a SHA-256; instead: what it sends for a name;
    refusal: a status, and the hub's code for it, that it answers each fetch with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ranges: list[str] = []
        self.cut_after: int | None = None
        self.lies: set[str] = set()
        self.small: set[str] = set()
        self.instead: dict[str, bytes] = {}
        self.refusal: tuple[int, str] | None = None
        self.commit = "a" * 40
        self.address = ""

    def files(self, repo: str) -> list[dict[str, object]]:
        """What the hub says of a repository's files."""
        root = self.folder / repo
        found = []
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            name, data = str(path.relative_to(root)), path.read_bytes()
            checksum = "0" * 64 if name in self.lies else hashlib.sha256(data).hexdigest()
            if name in self.small:
                blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()  # as `git hash-object` has it
                found.append({"rfilename": name, "size": len(data), "blobId": blob})
                continue
            lfs = {"sha256": checksum, "size": len(data), "pointerSize": 134}
            found.append({"rfilename": name, "size": len(data), "blobId": "b" * 40, "lfs": lfs})
        return found


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    """The hub, reachable at `address`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, body: bool) -> None:
            path = self.path.split("?")[0]
            if path.startswith("/api/models/"):
                repo = "/".join(path.split("/")[3:5])
                if not (hub.folder / repo).is_dir():
                    self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)
                    return
                told = {"id": repo, "modelId": repo, "sha": hub.commit, "siblings": hub.files(repo), "tags": []}
                self._send(200, json.dumps(told).encode(), {}, body)
                return
            owner, name, _, _, *rest = path.strip("/").split("/")
            self._file(hub.folder.joinpath(owner, name, *rest), body)

        def _file(self, path: Path, body: bool) -> None:
            data = hub.instead.get(path.name, path.read_bytes())
            headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": hub.commit}
            asked = self.headers.get("Range")
            if not body:
                self._send(200, data, headers, body)
                return
            hub.ranges.append(asked or "")
            if hub.refusal:
                self._send(hub.refusal[0], b"{}", {"X-Error-Code": hub.refusal[1]}, body)
                return
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
            if start >= len(data) > 0:
                self._send(416, b"", {}, body)
                return
            if asked:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            cut, hub.cut_after = hub.cut_after, None
            self._send(206 if asked else 200, data[start:], headers, body, cut)

        def _send(self, code: int, data: bytes, headers: dict[str, str], body: bool, cut: int | None = None) -> None:
            self.send_response(code)
            for key, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data if cut is None else data[:cut])
            if cut is not None:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
