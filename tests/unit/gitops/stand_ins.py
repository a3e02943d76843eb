# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for what lies behind the network: a Git server over HTTP, a provider's API, an ssh program."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def git_server(root: Path, authorization: str = "", status: int = 0, location: str = ""):
    """git http-backend over ``root``; wants ``authorization``, or answers everything with ``status``."""

    class Handler(_Quiet):
        seen: ClassVar[list[str | None]] = []

        def do_GET(self):
            body = self.body()
            self.seen.append(self.headers.get("Authorization"))
            if status:
                return self.answer(status, b"", {"Location": location} if location else {})
            if authorization and self.headers.get("Authorization") != authorization:
                return self.answer(401, b"no", {"WWW-Authenticate": 'Basic realm="x"'})
            parts = urlsplit(self.path)
            env = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "2",
                "GIT_CONFIG_KEY_0": "http.receivepack",
                "GIT_CONFIG_VALUE_0": "true",
                "GIT_CONFIG_KEY_1": "safe.directory",
                "GIT_CONFIG_VALUE_1": "*",
                "PATH_INFO": unquote(parts.path),
                "QUERY_STRING": parts.query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            done = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False)
            head, _, rest = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            return self.answer(int(headers.pop("Status", "200").split()[0]), rest, headers)

        do_POST = do_GET

    with serving(Handler) as url:
        yield url, Handler.seen


class FakeProvider:
    """Open requests in memory, spoken to as GitHub, GitLab or Gitea."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.requests: list[tuple[str, str, str]] = []
        self.open: list[dict] = []
        self.refuse: tuple[int, object] | None = None
        self.hide_once = False

    def make(self, head: str, base: str, title: str = "", text: str = "") -> dict:
        number = len(self.open) + 1
        if self.kind == "gitlab":
            return {"source_branch": head, "target_branch": base, "web_url": f"https://x/mr/{number}", "title": title}
        return {
            "head": {"ref": head},
            "base": {"ref": base},
            "html_url": f"https://x/pr/{number}",
            "title": title,
            "body": text,
        }

    def get(self, query: dict[str, list[str]]) -> list[dict]:
        if self.hide_once:
            self.hide_once = False
            return []
        page = int(query.get("page", ["1"])[0])
        limit = int(query.get("limit", ["1000"])[0])
        return self.open[(page - 1) * limit : page * limit]

    @contextmanager
    def serve(self):
        fake = self

        class Handler(_Quiet):
            def do_GET(self):
                body = self.body()
                fake.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
                if fake.refuse:
                    return self.reply(*fake.refuse)
                if self.command == "GET":
                    return self.reply(200, fake.get(parse_qs(urlsplit(self.path).query)))
                data = json.loads(body)
                names = ("source_branch", "target_branch") if fake.kind == "gitlab" else ("head", "base")
                head, base = (data[name] for name in names)
                if any(json.dumps(item).count(f'"{head}"') for item in fake.open):
                    return self.reply(422 if fake.kind == "github" else 409, {"message": "already exists"})
                fake.open.append(fake.make(head, base, data["title"], data.get("body", "")))
                return self.reply(201, fake.open[-1])

            do_POST = do_GET

            def reply(self, status, data):
                self.answer(status, data if isinstance(data, bytes) else json.dumps(data).encode())

        with serving(Handler) as url:
            yield url
