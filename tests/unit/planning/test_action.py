# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell around the planner: options in, plan out, check mode alike, no token anywhere."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest.mock import MagicMock

import pytest
from ansible_collections.inferops.vllm.plugins.action.vllm_plan import ActionModule

from tests.unit.planning.builders import E5, MISTRAL, SITES

ARGS = {
    "gpu_mode": "bare_metal",
    "models": [MISTRAL, E5],
    "default_tag": "v0.12.0",
    "nodes": [node.to_dict() for node in SITES["two-a100"]],
}


def run(check_mode=False, **options):
    task = MagicMock(args={**ARGS, **options}, check_mode=check_mode, diff=False, async_val=0, environment=[])
    action = ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    result = action.run(task_vars={})
    result.pop("seconds")
    json.dumps(result)
    return result


def codes(result):
    return [found["code"] for found in result["findings"]]


def test_the_seed():
    result = run()
    assert not result["changed"]
    assert codes(result) == []
    assert [p["model"] for p in result["plan"]["placements"]] == ["mistral", "embeddings"]
    assert result["models"][0]["facts"]["layers"] == 40
    assert result["lines"][0].split() == ["NODE", "GPU", "MODEL", "NEEDS", "RESERVES", "FREE", "VERDICT"]
    assert "gpu-1  1 × NVIDIA-A100-SXM4-80GB  mistral     49.6   71.4      7.9   fits: 24.3" in result["lines"][1]


def test_check_mode_gives_the_same_answer():
    assert run(check_mode=True) == run()


def test_unknown_memory_in_the_table():
    result = run(nodes=[node.to_dict() for node in SITES["unlabelled"]])
    assert "?" in result["lines"][1].split()


def test_the_table_without_a_product():
    nodes = [{**ARGS["nodes"][0], "resources": [{**ARGS["nodes"][0]["resources"][0], "product": None}]}]
    assert "1 × nvidia.com/gpu" in run(nodes=nodes)["lines"][1]


def test_refusals():
    assert codes(run(models=[{**MISTRAL, "gpus": 1}])) == ["planning-key-unknown"]
    one = [node.to_dict() for node in SITES["one-a100"]]
    result = run(nodes=one)
    assert result["failed"]
    assert codes(result) == ["planning-gpus-short"]
    assert "plan" not in result


def test_own_engines_are_given_back():
    taken = [node.to_dict() for node in SITES["taken"]]
    assert codes(run(nodes=taken)) == ["planning-gpus-taken"] * 2
    assert codes(run(nodes=taken, own={"gpu-1": {"nvidia.com/gpu": "2"}})) == []


def test_tight():
    tight = [{**MISTRAL, "vllm": {"max_model_len": 16384, "gpu_memory_utilization": 0.63}}]
    assert "failed" not in run(models=tight)
    assert run(models=tight, allow_tight=False)["failed"]


@pytest.mark.parametrize(
    "options",
    [
        {"nodes": [{"name": "x"}]},
        {"nodes": [{**ARGS["nodes"][0], "resources": 7}]},
        {"nodes": [{**ARGS["nodes"][0], "resources": ["x"]}]},
        {"own": {"gpu-1": 2}},
        {"own": {"gpu-1": {"nvidia.com/gpu": "two"}}},
        {"download_mb_s": "fast"},
        {"unknown": 1},
    ],
)
def test_options_invalid(options):
    result = run(**options)
    assert result["failed"]
    assert codes(result) == ["options-invalid"]


@pytest.fixture
def hub():
    """A Hub on loopback that knows one token and one model."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            known = self.headers.get("Authorization") == "Bearer hf_swordfish"
            open_model = self.path.startswith("/api/models/intfloat/multilingual-e5-large/")
            status = 401 if not known else 200 if open_model or self.path == "/api/whoami-v2" else 404
            body = b'{"sha": "abc"}' if status == 200 else b"hf_swordfish"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if "whoami" not in self.path else b"not json")

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_the_hub_is_asked_with_the_token_that_is_never_shown(hub):
    result = run(models=[E5], check_hub=True, hub_token="hf_swordfish", hub_url=hub)
    assert result["hub"][0]["revision"] == "abc"
    assert "swordfish" not in json.dumps(result)
    result = run(check_hub=True, hub_token="hf_swordfish", hub_url=hub)
    assert codes(result) == ["planning-hub-not-found"]
    assert "swordfish" not in json.dumps(result)
    result = run(models=[E5], check_hub=True, hub_token="hf_wrong", hub_url=hub)
    assert codes(result) == ["planning-hub-token-invalid"]
    assert "hf_wrong" not in json.dumps(result)


def test_the_token_may_come_from_the_manifest_that_will_be_sealed(hub, tmp_path):
    manifest = tmp_path / "hf-secret.yaml"
    manifest.write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: hf-secret}\nstringData: {TOKEN: hf_swordfish}\n"
    )
    manifest.chmod(0o600)
    options = {"models": [E5], "check_hub": True, "hub_url": hub, "hub_token_file": str(manifest)}
    result = run(**options)
    assert result["hub"][0]["revision"] == "abc"
    assert "swordfish" not in json.dumps(result)
    assert codes(run(**options, hub_token="hf_wrong")) == ["planning-hub-token-invalid"]
    assert codes(run(**{**options, "hub_token_file": str(tmp_path / "none")})) == ["sealing-source-unreadable"]


def test_an_unreachable_hub_is_a_warning():
    result = run(models=[E5], check_hub=True, hub_url="http://127.0.0.1:9")
    assert "failed" not in result
    assert codes(result) == ["planning-hub-unreachable"]
