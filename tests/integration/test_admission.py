# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real API server would refuse the engines with is said in stage 1, before anything is committed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of

from tests.integration.conftest import Sandbox

pytestmark = pytest.mark.sandbox


def owned(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "team", "namespace": "vllm"}, "spec": spec}


RULES = {
    # Seen in the snapshot: both models together ask for more.
    "quota on main memory": (
        owned("ResourceQuota", {"hard": {"requests.memory": "60Gi"}}),
        "gpu-quota-exhausted",
        "resourcequota/vllm/team",
    ),
    # Only admission knows that such a quota refuses every pod without a limit.
    "quota on limits": (
        owned("ResourceQuota", {"hard": {"limits.memory": "60Gi"}}),
        "gpu-quota-exhausted",
        "pod/vllm/vllm-mistral (dry run)",
    ),
    "largest container": (
        owned("LimitRange", {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}),
        "gpu-limit-range",
        "pod/vllm/vllm-mistral (dry run)",
    ),
}


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox]) -> Sandbox:
    """A cluster with nothing but the namespace: somebody limits it before the first run."""
    return fresh("bare_metal")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_the_namespace_stops_the_first_run_before_a_commit(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    rule, code, subject = RULES[name]
    head = sandbox.head
    sandbox.cluster.create(rule)
    try:
        played = sandbox.play("-e", f"vllm_report_directory={tmp_path}")
    finally:
        sandbox.cluster.delete(path_of(rule["kind"], "vllm", "team"))
    assert (played.codes, played.failed) == ({code}, 1), played.text
    assert subject in played.text
    assert "Stopped at GPU enablement" in played.text
    assert sandbox.head == head


def test_without_the_rule_nothing_is_refused_and_no_pod_was_made(sandbox: Sandbox, tmp_path: Path) -> None:
    played = sandbox.play("-e", f"vllm_report_directory={tmp_path}", playbook="playbooks/preflight.yml")
    assert (played.codes, played.failed) == (set(), 0), played.text
    assert list(sandbox.cluster.items(path_of("Pod", "vllm"))) == []
