# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator gets wrong: one clear line, nothing committed, no traceback, no secret shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of

from tests.integration.conftest import Sandbox

pytestmark = pytest.mark.sandbox

CANARY = "hf_canaryCanaryCanaryCanaryCanaryCan"

CASES = [
    ("misspelt variable", ["-e", "vllm_modles=[]"], "site-variable-unknown", "did you mean 'vllm_models'"),
    ("misspelt key", ["-e", '{"vllm_router": {"tagg": "x"}}'], "site-variable-unknown", "vllm_router.tagg"),
    ("wrong type", ["-e", "vllm_models=mistral"], "site-variable-type", "must be a list"),
    ("wrong GPU mode", ["-e", "vllm_gpu_mode=baremetal"], "site-variable-value", "did you mean 'bare_metal'"),
    ("no kubeconfig", ["-e", "vllm_kubeconfig=/nonexistent"], "cluster-config-invalid", "/nonexistent"),
    ("wrong context", ["-e", "vllm_kube_context=town"], "cluster-config-invalid", "town"),
    ("unreachable repository", ["-e", "gitops_repo_url=file:///nonexistent.git"], "gitops-", "/nonexistent.git"),
    ("wrong branch", ["-e", "gitops_branch=mian"], "gitops-", "mian"),
    ("missing secret", ["-e", "vllm_local_secrets=/nonexistent"], "sealing-", "hf-secret"),
    ("placeholder token", ["-e", "vllm_hf_token=hf_..."], "sealing-", "TOKEN"),
    ("not a token", ["-e", f"vllm_hf_token={CANARY.removeprefix('hf_')}"], "sealing-", "hf_"),
    ("unknown model", ["-e", '{"vllm_models": [{"name": "a", "model": "mistrall"}]}'], "planning-", "vllm_models[0]"),
    ("unknown node", ["-e", '{"vllm_gpu_nodes": ["gpu-7"]}'], "gpu-", "gpu-7"),
]


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox]) -> Sandbox:
    return fresh("bare_metal")


@pytest.mark.parametrize(("arguments", "code", "text"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_it_is_refused_in_one_clear_line(
    sandbox: Sandbox, tmp_path: Path, arguments: list[str], code: str, text: str
) -> None:
    head = sandbox.head
    played = sandbox.play("-e", f"vllm_report_directory={tmp_path}", "-e", "vllm_smoke_test=false", *arguments)
    assert played.code != 0
    assert len(played.codes) == 1, played.text
    assert played.codes.pop().startswith(code), played.text
    assert text in played.text
    assert "fix: " in played.text
    assert "Traceback" not in played.text
    assert CANARY.removeprefix("hf_") not in played.text
    stages = sandbox.git("log", "--format=%(trailers:key=Inferops-Stage,valueonly,separator=)", f"{head}..main")
    assert set(stages.split()) <= {"runtime_class"}, "only what precedes the defect was committed"
    assert list(sandbox.cluster.items(path_of("Pod", "vllm"))) == []


def test_an_unreachable_cluster_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    text = Path(sandbox.state["accounts"]["site"]).read_text()
    port = sandbox.state["ports"]["kube-apiserver"]
    kubeconfig.write_text(text.replace(f":{port}", ":9"))
    head = sandbox.head
    played = sandbox.play("-e", f"vllm_kubeconfig={kubeconfig}", "-e", f"vllm_report_directory={tmp_path}")
    assert (played.code != 0, played.codes) == (True, {"cluster-unreachable"})
    assert "127.0.0.1:9" in played.text
    assert sandbox.head == head
