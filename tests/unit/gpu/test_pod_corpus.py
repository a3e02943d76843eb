# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a snapshot cannot show: one file a defect that admission, the test pod or nvidia-smi brings to light.

A file says what the API server answers (``errors`` by verb, ``status`` of the pod poll by poll, ``events``, ``log``, or
``report``: changes to a good nvidia-smi report) and which findings the whole preflight gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue.gpu import ENTRIES
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gpu import smoke as smoke_module
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.preflight import SmokeOptions, preflight
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.snapshot import load

from tests.unit.gpu import corpus
from tests.unit.gpu.fake import PODS, FakeClock, FakeCluster
from tests.unit.gpu.test_smoke import MATCHING, life

FOLDER = corpus.FOLDER.parent / "test_pod"
CASES = sorted(FOLDER.glob("*.yaml"))
UNREADABLE = sorted((corpus.FOLDER.parent / "snapshot_files").glob("*.json"))
ENGINE = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "engine"}, "spec": {"containers": []}}
PATHS = {"create": PODS, "dry-run": "/api/v1/namespaces/vllm/pods", "delete": f"{PODS}/gpu-test-vllm"}
EVENTS = "/api/v1/namespaces/default/events"


def cluster_of(case: dict[str, Any]) -> FakeCluster:
    """The API server of a case."""
    errors = {(verb, PATHS[verb]): ApiError(*error) for verb, error in case.get("errors", {}).items()}
    cluster = FakeCluster({EVENTS: case.get("events", [])}, errors=errors)
    if "leftover" in case:
        cluster.objects[PATHS["delete"]] = case["leftover"]
    elif "status" in case:
        cluster.life = life(*({"status": status} for status in case["status"]))
    cluster.log = case.get("log", "")
    if "report" in case:
        cluster.log = MATCHING
        for old, new in case["report"]:
            assert old in cluster.log, f"{old!r} is not in the sample"
            cluster.log = cluster.log.replace(old, new)
    return cluster


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_defect(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(smoke_module.time, "sleep", clock.sleep)
    monkeypatch.setattr(smoke_module.time, "monotonic", clock.monotonic)
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    cluster = cluster_of(case)
    seen = preflight(
        corpus.base(),
        corpus.settings(),
        cluster=cluster,
        pods=[ENGINE],
        smoke=SmokeOptions(),
        check_mode=case.get("check_mode", False),
    )
    assert {f.code: f.severity.value for f in seen.findings} == case["findings"], seen.findings
    assert len(cluster.created) == len([p for p in cluster.deleted if p == PATHS["delete"]]) or "errors" in case


@pytest.mark.parametrize("path", UNREADABLE, ids=lambda path: path.stem)
def test_a_file_that_is_no_snapshot_is_refused(path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        load(str(path))
    assert [f.code for f in refusal.value.findings] == ["gpu-snapshot-unreadable"]


def test_the_corpus_covers_every_code() -> None:
    covered = {"gpu-snapshot-unreadable"} if UNREADABLE else set()
    for path in (*CASES, *corpus.DEFECTS):
        covered |= set(yaml.safe_load(path.read_text(encoding="utf-8"))["findings"])
    assert covered == {entry.code for entry in ENTRIES}
