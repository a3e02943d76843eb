# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the cluster once: what is kept, what is dropped, what happens without rights; files; hostile files."""

from __future__ import annotations

import gc
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, Severity
from ansible_collections.inferops.vllm.plugins.module_utils.gpu import trim
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.checks import assess, check
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.snapshot import SCHEMA, SOURCES, collect, load, save
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gpu import corpus, raw
from tests.unit.gpu.fake import FakeCluster, forbidden

SETTINGS = corpus.settings(required_cuda=None)


def taken(cluster: FakeCluster | None = None) -> dict[str, Any]:
    return collect(cluster or FakeCluster(raw.lists(), raw.groups()), SETTINGS)


def test_one_pass_without_per_node_requests() -> None:
    cluster = FakeCluster(raw.lists(), raw.groups())
    taken(cluster)
    assert len(cluster.requests) == len(SOURCES) + 3
    assert len({path for _, path, _ in cluster.requests}) == len(cluster.requests)


def test_only_what_a_check_reads_is_kept() -> None:
    snapshot = taken()
    assert raw.SECRET not in json.dumps(snapshot)
    assert [p["name"] for p in snapshot["pods"]] == ["engine", "late"]
    assert [d["name"] for d in snapshot["daemonsets"]] == ["nvidia-device-plugin"]
    node = snapshot["nodes"][0]
    assert node["labels"] == {"kubernetes.io/hostname": "gpu-1"}
    assert node["allocatable"] == {"cpu": "32", "memory": "256Gi", "nvidia.com/gpu": "2"}
    assert node["handlers"] == ["", "nvidia"]
    assert node["taints"] == [{"key": "node-role.kubernetes.io/gpu", "effect": "NoSchedule"}]
    assert snapshot["namespaces"] == [{"name": "vllm", "security": {"enforce": "baseline"}}]
    assert snapshot["quotas"] == [{"name": "q", "hard": {"pods": "10"}, "used": {}}]
    assert snapshot["claims"] == [{"name": "claim", "phase": "Bound", "storage_class": "longhorn", "size": "50Gi"}]
    assert snapshot["storage_classes"][0]["default"] is True
    assert snapshot["deployments"][0]["role"] == "argocd"
    assert snapshot["api"] == {"argocd": True, "sealed_secrets": True, "service_monitor": False}


def test_collected_snapshot_passes_its_own_reader() -> None:
    seen = assess(taken(), SETTINGS)
    codes = {f.code for f in seen.findings}
    assert codes == {"gpu-extension-labels-missing", "gpu-facts-unknown", "gpu-held-by-own-release"}
    assert seen.own == {"gpu-1": {"nvidia.com/gpu": 1}}
    assert [r.free for r in seen.nodes[0].resources] == [1]


def test_missing_right_is_named_and_the_rest_goes_on() -> None:
    cluster = FakeCluster(raw.lists(), raw.groups(), {("list", "/api/v1/pods"): forbidden("pods")})
    snapshot = taken(cluster)
    assert snapshot["unreadable"] == {"pods": "list pods: forbidden"}
    found = [f for f in check(snapshot, SETTINGS) if f.code == "gpu-right-missing"]
    assert len(found) == 1
    assert "right to list pods on the whole cluster is missing" in found[0].message


def test_every_section_can_be_forbidden_at_once() -> None:
    errors = {("list", path.format(namespace="vllm")): forbidden("x") for path, _, _ in SOURCES.values()}
    errors |= {("get", path): forbidden("x") for path in raw.groups()}
    snapshot = taken(FakeCluster({}, {}, errors))
    findings = check(snapshot, SETTINGS)
    assert {f.code for f in findings} == {"gpu-right-missing", "gpu-read-failed"}
    assert any(f.severity is Severity.FATAL for f in findings)
    assert snapshot["api"] == {"argocd": None, "sealed_secrets": None, "service_monitor": None}


def test_failed_read_is_not_a_missing_right() -> None:
    gone = ApiError(410, "Expired", "continue token", "GET")
    snapshot = taken(FakeCluster(raw.lists(), raw.groups(), {("list", "/api/v1/nodes"): gone}))
    assert snapshot["unreadable"] == {"nodes": "list nodes: 410 Expired"}
    assert "gpu-read-failed" in {f.code for f in check(snapshot, SETTINGS) if f.severity is Severity.FATAL}


@pytest.mark.parametrize("status", [0, 401])
@pytest.mark.parametrize("request_", [("list", "/api/v1/pods"), ("get", "/apis/argoproj.io/v1alpha1")])
def test_no_connection_or_credential_is_the_end(status: int, request_: tuple[str, str]) -> None:
    cluster = FakeCluster(raw.lists(), raw.groups(), {request_: ApiError(status, "x", "y")})
    with pytest.raises(ApiError):
        taken(cluster)
    assert gc.isenabled()


def test_absent_groups() -> None:
    assert taken(FakeCluster(raw.lists(), {}))["api"] == {
        "argocd": False,
        "sealed_secrets": False,
        "service_monitor": False,
    }


def test_requests_follow_the_scheduler() -> None:
    spec = {
        "containers": [raw.container(1), raw.container(1), raw.container()],
        "initContainers": [raw.container(1, restartPolicy="Always"), raw.container(5), raw.container(2)],
    }
    assert trim.extended_requests(spec) == {"nvidia.com/gpu": 5}
    spec["initContainers"] = [raw.container(1, restartPolicy="Always"), raw.container(2)]
    assert trim.extended_requests(spec) == {"nvidia.com/gpu": 3}
    odd = {"containers": [{"resources": {"limits": {"nvidia.com/gpu": "half", "cpu": "1", "x.y/z": "0"}}}]}
    assert trim.extended_requests(odd) == {}


def test_our_own_test_pod_holds_no_gpu() -> None:
    """One that a killed run left behind must not stop the next run: that deletes it before it tests."""
    left = raw.pod("gpu-test-vllm")
    left["metadata"]["labels"] = dict(trim.TEST_POD_LABELS)
    assert trim.pod(left) is None
    somebody_elses = {**trim.TEST_POD_LABELS, "app.kubernetes.io/managed-by": "Helm"}
    left["metadata"]["labels"] = somebody_elses
    assert trim.pod(left) is not None


def test_pod_that_a_kubelet_refused_is_kept() -> None:
    kept = trim.pod(raw.pod(phase="Failed", reason="OutOfnvidia.com/gpu"))
    assert kept is not None and kept["reason"] == "OutOfnvidia.com/gpu"
    assert trim.pod(raw.pod(phase="Failed", reason="Error")) is None


@pytest.mark.parametrize(
    ("name", "container", "image", "role"),
    [
        (
            "nvidia-device-plugin",
            "nvidia-device-plugin-ctr",
            "nvcr.io/nvidia/k8s-device-plugin:v0.18.0",
            "device-plugin",
        ),
        (
            "nvidia-device-plugin-daemonset",
            "nvidia-device-plugin",
            "nvcr.io/nvidia/k8s-device-plugin:v0.18.0",
            "device-plugin",
        ),
        ("x-gpu-feature-discovery", "gpu-feature-discovery-ctr", "nvcr.io/nvidia/k8s-device-plugin:v0.18.0", "gfd"),
        ("x-mps-control-daemon", "mps-control-daemon-ctr", "nvcr.io/nvidia/k8s-device-plugin:v0.18.0", "mps"),
        ("nfd-node-feature-discovery-worker", "worker", "registry.k8s.io/nfd/node-feature-discovery:v0.18", "nfd"),
        ("hami-device-plugin", "device-plugin", "projecthami/hami:v2", "device-plugin"),
        ("intel-gpu-plugin", "intel-gpu-plugin", "intel/intel-gpu-plugin", None),
        ("amdgpu-device-plugin-daemonset", "amdgpu-dp-cntr", "rocm/k8s-device-plugin", None),
    ],
)
def test_daemonset_roles(name: str, container: str, image: str, role: str | None) -> None:
    kept = trim.daemonset(raw.daemonset(name, container, image))
    assert (kept["role"] if kept else None) == role


def test_daemonset_of_the_operator() -> None:
    owned = {"ownerReferences": [{"kind": "ClusterPolicy", "name": "cluster-policy"}]}
    kept = trim.daemonset(raw.daemonset("nvidia-device-plugin-daemonset", "nvidia-device-plugin", "x", **owned))
    assert kept is not None and kept["operator"] is True


@pytest.mark.parametrize(
    ("metadata", "tracking", "owners"),
    [
        ({}, "", []),
        ({"annotations": {"argocd.argoproj.io/tracking-id": "gpu:node.k8s.io/RuntimeClass:vllm/nvidia"}}, "gpu", []),
        ({"labels": {"app.kubernetes.io/instance": "gpu"}}, "gpu", []),
        (
            {"labels": {"app.kubernetes.io/instance": "gpu"}, "annotations": {"meta.helm.sh/release-name": "gpu"}},
            "",
            [],
        ),
        ({"ownerReferences": [{"kind": "ClusterPolicy", "name": "cp"}]}, "", ["ClusterPolicy/cp"]),
    ],
)
def test_runtime_class_owner_marks(metadata: dict[str, Any], tracking: str, owners: list[str]) -> None:
    kept = trim.runtime_class(raw.runtime_class(**metadata))
    assert (kept["tracking"], kept["owners"]) == (tracking, owners)


def test_node_that_the_kubelet_never_reported() -> None:
    kept = trim.node({"metadata": {"name": "new"}})
    assert (kept["ready"], kept["handlers"], kept["labels"]) == ("Unknown", None, {})


def test_file_round_trip(tmp_path: Path) -> None:
    snapshot, target = taken(), tmp_path / "case.json"
    save(snapshot, str(target))
    assert load(str(target)) == snapshot
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [target]


def test_save_into_nowhere(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        save({}, str(tmp_path / "absent" / "case.json"))
    assert [f.code for f in refusal.value.findings] == ["gpu-snapshot-unreadable"]


def test_save_that_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "case.json"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(TypeError):
        save({"a": object()}, str(target))
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"schema": 1',
        "[]",
        "null",
        '{"schema": 0}',
        '{"schema": 2}',
        '{"schema": true}',
        "{}",
        "\ud800x",
        "[" * 100_000,
    ],
    ids=range(11),
)
def test_file_that_is_no_snapshot(tmp_path: Path, text: str) -> None:
    target = tmp_path / "case.json"
    target.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(Refusal) as refusal:
        load(str(target))
    assert [f.code for f in refusal.value.findings] == ["gpu-snapshot-unreadable"]


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refusal):
        load(str(tmp_path / "none.json"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.sampled_from(["", "gpu-1", "true", "-1", "1Gi", "nvidia"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "labels", "nodes", "handler", "values", "limits", "max"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, child in children for place in places(child, (*way, key)))]


BASE = corpus.base()
PLACES = places(BASE)[1:]


@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3), st.booleans())
@settings(max_examples=80, deadline=None)
def test_lying_snapshots_never_raise(lies: list[tuple[tuple[Any, ...], Any]], pinned: bool) -> None:
    snapshot = json.loads(json.dumps(BASE))
    for (*way, last), lie in lies:
        target = snapshot
        for key in way:
            target = target[key] if isinstance(target, (dict, list)) and _has(target, key) else None
        if isinstance(target, (dict, list)) and _has(target, last):
            target[last] = lie
    seen = assess(snapshot, corpus.settings(gpu_nodes=["gpu-1"] if pinned else []))
    offered = sum(r.allocatable for node in seen.nodes for r in node.resources)
    assert offered or seen.findings


def _has(target: Any, key: Any) -> bool:
    return key in target if isinstance(target, dict) else isinstance(key, int) and key < len(target)


@given(st.dictionaries(st.sampled_from([*SOURCES, "api", "unreadable", "namespace"]), JSON))
@settings(max_examples=60, deadline=None)
def test_any_json_gives_a_fatal_finding(sections: dict[str, Any]) -> None:
    findings = check({"schema": SCHEMA, **sections}, corpus.settings())
    assert any(f.severity is Severity.FATAL for f in findings)
