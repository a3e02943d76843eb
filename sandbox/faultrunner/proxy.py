# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A loopback proxy in front of the API server that answers some requests wrongly.

Plain HTTP on the near side, TLS on the far side; who asks is said by the token in the request. A connection carries one
request; one that is upgraded (port-forward) is passed through byte by byte.
"""

from __future__ import annotations

import json
import re
import select
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HANG_SECONDS = 60.0
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that closes with a reset."""

REASONS = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}


@dataclass
class Rule:
    """What happens to requests whose ``METHOD /path?query`` the regular expression matches.

    ``kind``: ``status`` (answered with ``status``, never passed on), ``hang`` (no answer), ``cut`` (passed on; half of
    the answer, then a reset), ``before`` (``act`` is called instead of passing it on), ``after`` (passed on and
    answered by the server, then ``act`` is called). ``skip`` requests pass first, then ``times`` are hit.
    """

    match: str
    kind: str = "status"
    status: int = 500
    retry_after: int = 0
    times: int = 1
    skip: int = 0
    act: Callable[[], object] = field(default=lambda: None)
    hits: int = 0

    def takes(self, request: str) -> bool:
        """Whether it hits this request; counts."""
        if not re.search(self.match, request):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.hits >= self.times:
            return False
        self.hits += 1
        return True

    def answer(self) -> bytes:
        """The answer of an API server that refuses."""
        body = json.dumps(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "message": f"{REASONS[self.status]} (injected)",
                "reason": REASONS[self.status],
                "code": self.status,
            }
        ).encode()
        head = f"HTTP/1.1 {self.status} {REASONS[self.status]}\r\nContent-Type: application/json\r\n"
        head += f"Retry-After: {self.retry_after}\r\n" if self.retry_after else ""
        return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


class Proxy(socketserver.ThreadingTCPServer):
    """Listens on a free port of 127.0.0.1; ``seen`` are the requests so far, ``sent`` all of their bytes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, pki: Path, rules: Sequence[Rule] = ()) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target, self.rules, self.seen, self.sent = port, list(rules), list[str](), list[bytes]()
        self.context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def choose(self, request: str) -> Rule | None:
        """The rule that hits this request."""
        with self.guard:
            self.seen.append(request)
            return next((rule for rule in self.rules if rule.takes(request)), None)

    def connect(self) -> ssl.SSLSocket:
        """A connection to the API server."""
        raw = socket.create_connection(("127.0.0.1", self.target), timeout=HANG_SECONDS)
        return self.context.wrap_socket(raw, server_hostname="127.0.0.1")


def kubeconfig(url: str, known: str) -> str:
    """The kubeconfig of the file ``known``, but leading to a proxy."""
    config: dict[str, Any] = yaml.safe_load(Path(known).read_text("utf-8"))
    for entry in config["clusters"]:
        entry["cluster"] = {"server": url}
    return str(yaml.safe_dump(config))


@contextmanager
def proxy(port: int, pki: Path, rules: Sequence[Rule] = ()) -> Iterator[Proxy]:
    """A running proxy."""
    with Proxy(port, pki, rules) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Handler(socketserver.BaseRequestHandler):
    """One connection, one request."""

    server: Proxy
    request: socket.socket

    def handle(self) -> None:
        """Read the request, hit it or pass it on."""
        with suppress(OSError):
            head, rest = self._head()
            if not head:
                return
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
            rule = self.server.choose(f"{method} {target}")
            body = self._body(head, rest)
            self.server.sent.append(head + body)
            if rule is None or rule.kind in ("cut", "after"):
                self._pass_on(head, body, rule)
            elif rule.kind == "status":
                self.request.sendall(rule.answer())
            elif rule.kind == "hang":
                select.select([self.request], [], [], HANG_SECONDS)
            else:
                rule.act()

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.request.recv(1 << 16)
            if not more:
                return b"", b""
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def _body(self, head: bytes, rest: bytes) -> bytes:
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        while length and len(rest) < int(length[1]):
            more = self.request.recv(1 << 16)
            if not more:
                break
            rest += more
        return rest

    def _pass_on(self, head: bytes, body: bytes, rule: Rule | None) -> None:
        with self.server.connect() as upstream:
            if re.search(rb"(?i)\r\nupgrade:", head):
                upstream.sendall(head + b"\r\n\r\n" + body)
                splice(self.request, upstream)
                return
            kept = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
            upstream.sendall(kept + b"\r\nConnection: close\r\n\r\n" + body)
            if rule is None:
                for piece in pieces(upstream):
                    self.request.sendall(piece)
                return
            answer = b"".join(pieces(upstream))
        rule.act()
        if rule.kind == "cut":
            self.request.sendall(answer[: len(answer) // 2])
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.request.close()


def pieces(source: socket.socket) -> Iterator[bytes]:
    """Everything until the other end closes."""
    while data := source.recv(1 << 16):
        yield data


def splice(near: socket.socket, far: ssl.SSLSocket) -> None:
    """Carry bytes both ways until one end closes."""

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            for piece in pieces(source):
                target.sendall(piece)
        for end in (near, far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    far.settimeout(None)
    back = threading.Thread(target=carry, args=(far, near), daemon=True)
    back.start()
    carry(near, far)
    back.join()
