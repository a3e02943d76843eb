# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site asks to be looked at before anything is committed: a saved cluster, the Hub, the rendered chart."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.integration.conftest import Sandbox

pytestmark = pytest.mark.sandbox
TOKEN = "hf_" + "Swordfish" * 4


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox]) -> Sandbox:
    return fresh("bare_metal")


def table(text: str) -> list[str]:
    """What the preflight and the planner printed, without how long a task took."""
    return [
        line for line in text.splitlines() if line.strip() and not line.rstrip().endswith(" s)") and "pod" not in line
    ]


def test_a_support_case_is_one_file_and_is_judged_without_its_cluster(sandbox: Sandbox, tmp_path: Path) -> None:
    case = tmp_path / "case.json"
    options = ("-e", "vllm_smoke_test=false")
    live = sandbox.play(*options, "-e", f"gpu_node_snapshot_path={case}", playbook="playbooks/preflight.yml")
    assert (live.code, live.failed) == (0, 0), live.text
    saved = case.read_text("utf-8")
    assert json.loads(saved)["schema"] and case.stat().st_mode & 0o077 == 0
    nowhere = ("-e", "vllm_kubeconfig=/nonexistent")
    replayed = sandbox.play(
        *options, *nowhere, "-e", f"gpu_node_from_snapshot={case}", playbook="playbooks/preflight.yml"
    )
    assert (replayed.code, replayed.failed) == (0, 0), replayed.text
    shown = [line for line in table(replayed.text) if "A100" in line]
    assert len(shown) == 3
    assert set(shown) <= set(table(live.text))


@pytest.fixture
def hub() -> Iterator[str]:
    """A Hub that knows one token and every model; the large one is gated for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            gated = "mistralai" in self.path
            refused = not known or (gated and "/resolve/" in self.path)
            self.send_response(403 if known and refused else 401 if refused else 200)
            self.end_headers()
            self.wfile.write(json.dumps({"sha": "abc", "gated": "auto" if gated else False}).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("token", "code"), [("hf_" + "Wrong" * 7, "planning-hub-token-invalid"), (TOKEN, "planning-hub-no-access")]
)
@pytest.mark.parametrize("source", ["environment", "file"])
def test_the_hub_is_asked_before_anything_is_sealed(
    sandbox: Sandbox, hub: str, tmp_path: Path, token: str, code: str, source: str
) -> None:
    head = sandbox.head
    secrets = tmp_path / "local-secrets"
    secrets.mkdir()
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hf-secret"}, "stringData": {"TOKEN": token}}
    if source == "file":
        (secrets / "hf-secret.yaml").write_text(json.dumps(manifest))
    options = {"vllm_check_hub": True, "vllm_hub_url": hub, "vllm_local_secrets": str(secrets)}
    played = sandbox.play(
        "-e",
        json.dumps({**options, "vllm_smoke_test": False, "vllm_report_directory": str(tmp_path)}),
        HF_TOKEN=token if source == "environment" else "",
    )
    assert (played.codes, played.failed) == ({code}, 1), played.text
    assert sandbox.head == head
    assert token not in played.text + "".join(page.read_text() for page in tmp_path.glob("*.html"))


def test_the_values_are_rendered_where_helm_and_the_chart_are_at_hand(sandbox: Sandbox, tmp_path: Path) -> None:
    """The sidecar's image is a key of the chart, so only the rendering shows that nothing comes of it here."""
    head = sandbox.head
    options = {
        "vllm_chart_path": str(next((sandbox.root / "charts").rglob("vllm-stack-0.1.8.tgz"))),
        "vllm_extra_values": {"servingEngineSpec": {"sidecar": {"image": "registry.example/sidecar:1"}}},
        "vllm_smoke_test": False,
        "vllm_report_directory": str(tmp_path),
    }
    path = f"{Path(sandbox.state['binaries']['helm']).parent}{os.pathsep}{os.environ['PATH']}"
    played = sandbox.play("--check", "-e", json.dumps(options), playbook="playbooks/plan.yml", PATH=path)
    assert (played.codes, played.failed) == ({"values-render-no-effect"}, 1), played.text
    assert "vllm.servingEngineSpec.sidecar.image" in played.text
    assert sandbox.head == head
