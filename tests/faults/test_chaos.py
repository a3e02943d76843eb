# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the chaos trials that need no sandbox: a trial that cannot fail would prove nothing."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from sandbox.faultrunner import chaos, kills, page, trouble
from sandbox.faultrunner.playing import Played
from sandbox.faultrunner.proxy import Rule, kubeconfig, proxy
from sandbox.runner import pki

BODY = b'{"kind": "List", "items": []}'


class Handler(BaseHTTPRequestHandler):
    """Answers everything, and remembers what it was asked."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    do_PATCH = do_GET

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki") / "pki"
    pki.create(folder)
    return folder


@pytest.fixture
def server(keys: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = next(
        path for path in sorted(keys.glob("*.crt")) if "apiserver" in path.name and "client" not in path.name
    )
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    instance = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    instance.socket = context.wrap_socket(instance.socket, server_side=True)
    Handler.asked = []
    threading.Thread(target=instance.serve_forever, daemon=True).start()
    yield instance.server_port
    instance.shutdown()
    instance.server_close()


def ask(url: str, method: str = "GET", path: str = "/api/v1/nodes", body: bytes = b"") -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("Retry-After", "")
    finally:
        connection.close()


def test_what_no_rule_hits_passes(server: int, keys: Path, tmp_path: Path) -> None:
    with proxy(server, keys) as between:
        assert ask(between.url, "PATCH", "/x?y=1", b"{}")[:2] == (200, BODY)
        assert (between.seen, Handler.asked) == (["PATCH /x?y=1"], ["/x?y=1"])
        assert between.sent[0].endswith(b"\r\n\r\n{}") or between.sent[0].endswith(b"{}")
    known = tmp_path / "kubeconfig"
    known.write_text("{clusters: [{name: x, cluster: {server: https://far}}], users: [{name: y, user: {token: t}}]}")
    through = yaml.safe_load(kubeconfig(between.url, str(known)))
    assert through["clusters"] == [{"name": "x", "cluster": {"server": between.url}}]
    assert through["users"] == [{"name": "y", "user": {"token": "t"}}]


def test_a_refusal_never_reaches_the_server(server: int, keys: Path) -> None:
    rule = Rule("^GET /api/v1/nodes", status=429, retry_after=7, times=2, skip=1)
    with proxy(server, keys, [rule]) as between:
        answers = [ask(between.url) for _ in range(4)]
    assert [answer[0] for answer in answers] == [200, 429, 429, 200]
    assert (answers[1][2], rule.hits, len(Handler.asked)) == ("7", 2, 2)


def test_an_answer_breaks_off_in_its_middle(server: int, keys: Path) -> None:
    with proxy(server, keys, [Rule(".", kind="cut")]) as between, pytest.raises((OSError, http.client.HTTPException)):
        ask(between.url)
    assert len(Handler.asked) == 1


@pytest.mark.parametrize(("kind", "reached"), [("before", 0), ("after", 1)])
def test_the_play_is_killed_on_either_side_of_a_write(server: int, keys: Path, kind: str, reached: int) -> None:
    called: list[str] = []
    rules = [Rule("^PATCH", kind=kind, act=lambda: called.append(kind))]
    with proxy(server, keys, rules) as between, pytest.raises((OSError, http.client.HTTPException)):
        ask(between.url, "PATCH")
    assert (called, len(Handler.asked)) == ([kind], reached)


def test_a_client_that_gives_up_ends_a_hang(server: int, keys: Path) -> None:
    with proxy(server, keys, [Rule(".", kind="hang")]) as between:
        connection = http.client.HTTPConnection(between.url.removeprefix("http://"), timeout=0.3)
        connection.request("GET", "/")
        with pytest.raises(socket.timeout):
            connection.getresponse()
    assert Handler.asked == []


def test_a_kill_reaches_grandchildren_in_sessions_of_their_own() -> None:
    child = "subprocess.Popen(['sleep', '60'], start_new_session=True)"
    program = f"import subprocess; p = {child}; print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        grandchild = int(process.stdout.readline())
        assert kills.tree(process.pid) == [process.pid, grandchild]
        for pid in kills.tree(process.pid):
            os.kill(pid, 9)


def test_there_are_enough_points_and_no_name_twice() -> None:
    names = [trial.name for trial in chaos.trials()]
    assert len(names) == len(set(names))
    assert len(kills.every()) >= 20
    assert {point.where for point in kills.every()} == set(kills.MOMENTS)
    assert {one.kind for one in trouble.every()} == set(trouble.MAKERS)


VERIFIED = Played(0, "", {"outcome": "verified"}, 1.0, 1.0)
REFUSED = Played(2, "  × gitops-no-space: TMPDIR: full\n", {"outcome": "failed"}, 1.0, 1.0)


@pytest.mark.parametrize(
    ("one", "played", "said"),
    [
        (trouble.Trouble("a", "api"), VERIFIED, []),
        (trouble.Trouble("a", "api"), REFUSED, []),
        (trouble.Trouble("a", "api", survived=True), REFUSED, ["not verified"]),
        (trouble.Trouble("a", "disk", code="gitops-no-space"), REFUSED, []),
        (trouble.Trouble("a", "disk", code="serving-report-unwritable"), REFUSED, ["expected serving"]),
        (trouble.Trouble("a", "api"), Played(1, "", {}, 1.0, 1.0), ["without a finding"]),
        (
            trouble.Trouble("a", "api"),
            Played(0, "Traceback (most recent call", {"outcome": "verified"}, 1, 1),
            ["printed"],
        ),
    ],
)
def test_each_wrong_end_of_a_play_in_trouble_has_its_complaint(
    one: trouble.Trouble, played: Played, said: list[str]
) -> None:
    complaints = list(chaos.judge(one, played))
    assert len(complaints) == len(said), complaints
    assert all(word in complaint for word, complaint in zip(said, complaints, strict=True))


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")
def test_the_clock_is_shifted_and_the_monotonic_one_is_not(tmp_path: Path) -> None:
    program = "import time; print(time.time(), time.monotonic())"
    environment = {"LD_PRELOAD": str(trouble.shim(tmp_path)), "CLOCK_SKEW_SECONDS": "-86400"}
    wall, monotonic = (
        [float(word) for word in subprocess.check_output([sys.executable, "-c", program], env=env, text=True).split()]
        for env in (environment, {})
    )
    assert wall[0] == pytest.approx(monotonic[0] - 86400, abs=60)
    assert wall[1] == pytest.approx(monotonic[1], abs=60)


def test_the_blocks_of_the_page() -> None:
    stamp = {"measured": "2026-11-29", "cores": 2}
    trials = {"a": {"result": "passed", "seconds": 3.1, **stamp}, "b": {"result": "skipped", "why": "no cc", **stamp}}
    text = page.chaos({"cases": trials})
    assert text.startswith("2 cases: 1 passed, 1 skipped (measured 2026-11-29, 2 cores).")
    assert "| a | 3.1 | passed |\n| b | – | skipped: no cc |" in text
    places = {"output": {"result": "passed", "items": 3, "bytes": 12345, "found": 0, **stamp}}
    assert "| output | 3 | 12,345 | 0 |" in page.leaks({"cases": places})
    runs = {"nightly": {"inputs": 123456, "properties": 7, "failed": 0, "seconds": 61, **stamp}}
    assert page.fuzz({"cases": runs}).startswith("- nightly: 123,456 inputs to 7 properties in 61 s, 0 failed")
    assert page.fuzz({}) == page.chaos({}).splitlines()[0] == "Not run yet."
