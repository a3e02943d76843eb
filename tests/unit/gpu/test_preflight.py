# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole preflight, the module's shell, the dry run, and what a person reads (golden files)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.inferops.vllm.plugins.action import gpu_preflight
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue.gpu import ENTRIES
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Finding, Severity
from ansible_collections.inferops.vllm.plugins.module_utils.gpu import smoke as smoke_module
from ansible_collections.inferops.vllm.plugins.module_utils.gpu import table
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.checks import EXPLAINED_BY, assess
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.dry_run import dry_run
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.preflight import SmokeOptions, preflight

from tests.unit.gpu import corpus, raw
from tests.unit.gpu.fake import FakeClock, FakeCluster, forbidden
from tests.unit.gpu.test_smoke import MATCHING, POD, life, pod, terminated

GOLDEN = Path(__file__).parent / "golden"
ENGINE = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "engine"}, "spec": {"containers": []}}
POD_PATH = "/api/v1/namespaces/vllm/pods"
OWN, _, _ = corpus.load(corpus.FOLDER / "gpus-held-by-own-release.yaml")
MODELS = [
    {"name": "chat", "model": "qwen3-8b", "gpu_resource": "nvidia.com/mig-3g.40gb"},
    {"name": "vectors", "model": "bge-m3", "gpu_resource": "nvidia.com/mig-1g.10gb"},
    {"name": "wrong"},
]


def codes(findings: list[Finding]) -> list[str]:
    return [f.code for f in findings]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            ApiError(403, "Forbidden", 'pods "e" is forbidden: pod rejected: RuntimeClass "nvidia" not found'),
            "gpu-runtime-class-missing",
        ),
        (
            ApiError(
                403,
                "Forbidden",
                "pod rejected: conflict: runtimeClass.scheduling.nodeSelector[k] = v; pod.spec.nodeSelector[k] = w",
            ),
            "gpu-runtime-class-scheduling",
        ),
        (
            ApiError(403, "Forbidden", 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'),
            "gpu-pod-security-refuses",
        ),
        (
            ApiError(403, "Forbidden", "exceeded quota: team, requested: requests.nvidia.com/gpu=1"),
            "gpu-quota-exhausted",
        ),
        (
            ApiError(403, "Forbidden", "maximum nvidia.com/gpu usage per Container is 0, but limit is 1"),
            "gpu-limit-range",
        ),
        (
            ApiError(422, "Invalid", 'resources.requests: Invalid value: "4": must be less than or equal to cpu limit'),
            "gpu-limit-range",
        ),
        (ApiError(403, "Forbidden", 'User "u" cannot create resource "pods" in API group ""'), "gpu-right-missing"),
        (ApiError(400, "BadRequest", 'admission webhook "policy.x" denied the request: no'), "gpu-admission-refused"),
        (
            ApiError(
                422, "Invalid", "Pod is invalid: spec.containers[0].resources.limits[nvidia.com/gpu]: Invalid value"
            ),
            "gpu-pod-invalid",
        ),
        (ApiError(400, "BadRequest", 'strict decoding error: unknown field "spec.contaners"'), "gpu-pod-invalid"),
        (ApiError(404, "NotFound", 'namespaces "vllm" not found'), "gpu-namespace-missing"),
        (ApiError(500, "InternalError", "something else"), "gpu-admission-refused"),
        (ApiError(0, "Unreachable", "timed out"), "cluster-unreachable"),
    ],
)
def test_dry_run_maps_the_api_servers_words(error: ApiError, code: str) -> None:
    findings = dry_run(FakeCluster(errors={("dry-run", POD_PATH): error}), [ENGINE], corpus.settings())
    assert codes(findings) == [code]
    if error.status:
        assert error.message[:40] in findings[0].message


def test_dry_run_creates_nothing() -> None:
    cluster = FakeCluster()
    assert dry_run(cluster, [ENGINE], corpus.settings()) == []
    assert (cluster.created, len(cluster.dry)) == ([], 1)
    assert cluster.dry[0]["metadata"] == {"name": "engine", "namespace": "vllm"}


@pytest.mark.parametrize("odd", [None, "pod", {}, {"kind": "Deployment", "metadata": {}}, {"kind": "Pod"}])
def test_dry_run_of_something_else(odd: object) -> None:
    assert codes(dry_run(FakeCluster(), [odd], corpus.settings())) == ["gpu-pod-invalid"]


def test_dry_run_before_the_class_exists() -> None:
    error = ApiError(403, "Forbidden", 'pod rejected: RuntimeClass "nvidia" not found')
    cluster = FakeCluster(errors={("dry-run", POD_PATH): error})
    assert dry_run(cluster, [ENGINE], corpus.settings(expect_runtime_class=False)) == []


def test_what_else_admission_says_is_heard_before_the_class_exists() -> None:
    class Strict(FakeCluster):
        def create(self, manifest: Any, *, dry_run: bool = False) -> dict[str, Any]:
            if "runtimeClassName" in manifest["spec"]:
                raise ApiError(403, "Forbidden", 'pod rejected: RuntimeClass "nvidia" not found')
            raise ApiError(403, "Forbidden", "exceeded quota: team, requested: requests.memory=56Gi")

    pod_ = {**ENGINE, "spec": {"containers": [], "runtimeClassName": "nvidia"}}
    assert codes(dry_run(Strict(), [pod_], corpus.settings(expect_runtime_class=False))) == ["gpu-quota-exhausted"]
    assert codes(dry_run(Strict(), [pod_], corpus.settings())) == ["gpu-runtime-class-missing"]


def test_dry_run_does_not_repeat_what_a_check_said() -> None:
    error = ApiError(403, "Forbidden", 'pod rejected: RuntimeClass "nvidia" not found')
    cluster = FakeCluster(errors={("dry-run", POD_PATH): error})
    snapshot = corpus.patched(corpus.base(), [{"set": ["runtime_classes"], "to": []}])
    assert codes(preflight(snapshot, corpus.settings(), cluster=cluster, pods=[ENGINE]).findings) == [
        "gpu-runtime-class-missing"
    ]


def test_where_nothing_can_be_asked_the_other_pods_are_not_tried() -> None:
    missing = ApiError(404, "NotFound", 'namespaces "vllm" not found')
    cluster = FakeCluster(errors={("dry-run", POD_PATH): missing})
    assert codes(dry_run(cluster, [ENGINE, ENGINE, ENGINE], corpus.settings())) == ["gpu-namespace-missing"]


def test_without_the_right_to_create_pods_admission_is_only_not_asked() -> None:
    error = ApiError(403, "Forbidden", 'User "u" cannot create resource "pods" in API group ""')
    (found,) = dry_run(FakeCluster(errors={("dry-run", POD_PATH): error}), [ENGINE, ENGINE], corpus.settings())
    assert (found.code, found.severity) == ("gpu-right-missing", Severity.INFO)
    assert "create pods" in found.message


def test_a_quota_that_our_own_engines_use_up_is_no_refusal() -> None:
    error = ApiError(403, "Forbidden", "exceeded quota: team, requested: requests.nvidia.com/gpu=1")
    cluster = FakeCluster(errors={("dry-run", POD_PATH): error})
    assert codes(preflight(OWN, corpus.settings(), cluster=cluster, pods=[ENGINE]).findings) == [
        "gpu-held-by-own-release",
        "gpu-held-by-others",
    ]
    seen = preflight(corpus.base(), corpus.settings(), cluster=cluster, pods=[ENGINE])
    assert codes(seen.findings) == ["gpu-quota-exhausted"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(smoke_module.time, "sleep", fake.sleep)
    monkeypatch.setattr(smoke_module.time, "monotonic", fake.monotonic)
    return fake


def good_cluster() -> FakeCluster:
    cluster = FakeCluster(raw.lists(), raw.groups())
    cluster.life, cluster.log = life(pod("Succeeded", **terminated(0))), MATCHING
    return cluster


def test_smoke_runs_where_a_gpu_is_free(clock: FakeClock) -> None:
    seen = preflight(corpus.base(), corpus.settings(), cluster=good_cluster(), smoke=SmokeOptions())
    assert seen.findings == []
    assert (seen.smoke["product"], seen.smoke["node"]) == ("H100-80GB-HBM3", "gpu-1")
    assert "√ nvidia-smi on node gpu-1" in "\n".join(seen.to_dict()["lines"])


@pytest.mark.parametrize(
    ("why", "kwargs", "patch", "settings"),
    [
        ("check mode", {"check_mode": True}, [], {}),
        ("no live cluster", {"cluster": None}, [], {}),
        ("gpu-node-cordoned would make it fail", {}, [{"set": ["nodes", 1, "unschedulable"], "to": True}], {}),
        ("does not exist yet", {}, [{"set": ["runtime_classes"], "to": []}], {"expect_runtime_class": False}),
        (
            "no nvidia.com/gpu is free",
            {},
            [
                {
                    "append": ["pods"],
                    "value": {
                        "namespace": "vllm",
                        "name": "e",
                        "node": "gpu-1",
                        "phase": "Running",
                        "labels": {"model": "m", "helm-release-name": "vllm"},
                        "requests": {"nvidia.com/gpu": 2},
                    },
                }
            ],
            {},
        ),
    ],
)
def test_smoke_is_skipped_and_says_so(
    why: str, kwargs: dict[str, Any], patch: list[Any], settings: dict[str, Any]
) -> None:
    cluster = good_cluster()
    arguments = {"cluster": cluster, "smoke": SmokeOptions(), **kwargs}
    seen = preflight(corpus.patched(corpus.base(), patch), corpus.settings(**settings), **arguments)
    skipped = [f for f in seen.findings if f.code == "gpu-smoke-skipped"]
    assert [why in f.message for f in skipped] == [True]
    assert (cluster.created, seen.smoke) == ([], {})


def test_smoke_node(clock: FakeClock) -> None:
    settings = corpus.settings("healthy-vgpu")
    cluster = good_cluster()
    seen = preflight(corpus.base("healthy-vgpu"), settings, cluster=cluster, smoke=SmokeOptions(node="vgpu-2"))
    assert cluster.created[0]["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "vgpu-2"}
    assert "runtimeClassName" not in cluster.created[0]["spec"]
    assert codes(seen.findings) == ["gpu-smi-labels-differ"]
    seen = preflight(corpus.base("healthy-vgpu"), settings, cluster=cluster, smoke=SmokeOptions(node="vgpu-3"))
    assert codes(seen.findings) == ["gpu-node-unknown"]
    assert "did you mean" in seen.findings[0].message


def test_smoke_failure_fails_the_task(clock: FakeClock) -> None:
    cluster = good_cluster()
    cluster.life = life(pod("Failed", **terminated(12)))
    seen = preflight(corpus.base(), corpus.settings(), cluster=cluster, smoke=SmokeOptions()).to_dict()
    assert seen["failed"] is True
    assert seen["nodes"][0]["name"] == "gpu-1"


# The shell.


def run(
    monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster, *, check_mode: bool = False, **options: Any
) -> dict[str, Any]:
    monkeypatch.setattr(gpu_preflight.Cluster, "connect", classmethod(lambda cls, options: cluster))
    task = MagicMock(args=options, check_mode=check_mode, diff=False, async_val=0, environment=[])
    action = gpu_preflight.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), None)
    result: dict[str, Any] = action.run(task_vars={})
    json.dumps(result)
    return result


def test_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clock: FakeClock) -> None:
    target = tmp_path / "case.json"
    result = run(
        monkeypatch,
        good_cluster(),
        gpu_nodes=["gpu-1"],
        tolerations=[dict(t) for t in corpus.TOLERATIONS],
        snapshot_path=str(target),
        smoke_test=True,
        selectors=[{"subject": "vllm_models[0].placement", "node": "gpu-1"}],
        dry_run_pods=[ENGINE],
    )
    assert (result["changed"], result["failed"]) == (False, False)
    assert result["own"] == {"gpu-1": {"nvidia.com/gpu": 1}}
    assert result["api"] == {"argocd": True, "sealed_secrets": True, "service_monitor": False}
    assert [c["name"] for c in result["storage_classes"]] == ["longhorn"]
    assert result["nodes"][0]["resources"][0]["free"] == 1
    assert result["smoke"]["pod"] == "default/gpu-test-vllm"
    assert raw.SECRET not in json.dumps(result) + target.read_text(encoding="utf-8")
    again = run(
        monkeypatch,
        FakeCluster(),
        gpu_nodes=["gpu-1"],
        tolerations=[dict(t) for t in corpus.TOLERATIONS],
        from_snapshot=str(target),
    )
    assert again["nodes"] == result["nodes"]


def test_module_asks_for_the_pods_and_the_resources_of_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = good_cluster()
    result = run(monkeypatch, cluster, models=MODELS, default_tag="v0.12.0", runtime_class="", check_mode=True)
    assert [pod["metadata"]["name"] for pod in cluster.dry] == ["vllm-chat", "vllm-vectors"]
    container = cluster.dry[0]["spec"]["containers"][0]
    assert container["image"] == "vllm/vllm-openai:v0.12.0"
    assert container["resources"]["limits"] == {"nvidia.com/mig-3g.40gb": "1"}
    assert container["resources"]["requests"]["memory"] == "56Gi"
    assert "runtimeClassName" not in cluster.dry[0]["spec"]
    differs = [f["message"] for f in result["findings"] if f["code"] == "gpu-resource-name-differs"]
    assert "but no nvidia.com/mig-3g.40gb or nvidia.com/mig-1g.10gb" in differs[0]
    assert cluster.created == []


def test_module_adds_up_what_the_models_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = good_cluster()
    cluster.lists["/api/v1/namespaces/vllm/resourcequotas"] = [
        {"metadata": {"name": "team"}, "status": {"hard": {"requests.memory": "100Gi"}, "used": {}}}
    ]
    cluster.lists["/api/v1/pods"] = []
    models = [{"name": "a", "model": "qwen3-8b", "replicas": 2}, {"name": "b", "model": "bge-m3"}]
    result = run(monkeypatch, cluster, models=models, default_tag="v0.12.0")
    said = [f["message"] for f in result["findings"] if f["code"] == "gpu-quota-exhausted"]
    assert said == ["requests.memory: 0Gi of 100Gi are used, the models ask for 128Gi"]


def test_engine_pods_are_those_of_the_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = good_cluster()
    tolerations = [dict(t) for t in corpus.TOLERATIONS]
    run(monkeypatch, cluster, models=MODELS[:1], default_tag="v0.12.0", tolerations=tolerations)
    (pod,) = cluster.dry
    assert (pod["spec"]["runtimeClassName"], pod["spec"]["tolerations"]) == ("nvidia", tolerations)
    assert pod["metadata"]["namespace"] == "vllm"


def test_module_in_check_mode_writes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cluster = good_cluster()
    run(monkeypatch, cluster, check_mode=True, smoke_test=True, snapshot_path=str(tmp_path / "x.json"))
    assert (cluster.created, list(tmp_path.iterdir())) == ([], [])


def test_module_fails_with_everything_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(monkeypatch, good_cluster(), gpu_nodes=["gpu-2"])
    assert result["failed"] is True
    assert "gpu-node-unknown" in result["msg"]
    assert result["nodes"] and result["lines"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"gpu_mode": "virtual"}, "options-invalid"),
        ({"from_snapshot": "/nowhere.json"}, "gpu-snapshot-unreadable"),
        ({"from_snapshot": "a", "snapshot_path": "b"}, "options-invalid"),
        ({"selectors": [{"node": "x"}]}, "options-invalid"),
    ],
)
def test_module_refuses(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], code: str) -> None:
    result = run(monkeypatch, good_cluster(), **options)
    assert (result["failed"], [f["code"] for f in result["findings"]]) == (True, [code])


def test_module_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(errors={("list", "/api/v1/nodes"): ApiError(0, "Unreachable", "refused", "https://x")})
    result = run(monkeypatch, cluster)
    assert (result["failed"], [f["code"] for f in result["findings"]]) == (True, ["cluster-unreachable"])


def test_module_carries_on_without_a_right(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = good_cluster()
    cluster.errors[("list", "/api/v1/pods")] = forbidden("pods")
    result = run(monkeypatch, cluster, gpu_nodes=["gpu-1"], tolerations=[dict(t) for t in corpus.TOLERATIONS])
    assert "gpu-right-missing" in [f["code"] for f in result["findings"]]
    assert (result["failed"], result["nodes"][0]["name"]) == (False, "gpu-1")


# What a person reads.

PAGES = {
    "healthy-vgpu-with-models": ("healthy-vgpu", None, {"vgpu-1": ["mistral"], "vgpu-2": ["embeddings"]}),
    "healthy-talos-operator": ("healthy-talos-1.13-operator", None, None),
    "runtime-class-missing": (None, "runtime-class-missing", None),
    "product-as-hostname": (None, "pin-holds-a-product-instead-of-a-hostname", None),
    "mig-mixed": (None, "mig-mixed-but-whole-gpu-asked", None),
    "time-slicing": (None, "time-slicing", None),
    "two-nodes-cordoned": (None, "two-nodes-cordoned", None),
    "empty-cluster": (None, "cluster-without-nodes", None),
    "all-unreadable": (None, "truncated-to-schema", None),
}


@pytest.mark.parametrize("name", PAGES)
def test_golden(name: str) -> None:
    base, defect, models = PAGES[name]
    if defect:
        snapshot, settings, _ = corpus.load(corpus.FOLDER / f"{defect}.yaml")
    else:
        snapshot, settings = corpus.base(str(base)), corpus.settings(str(base))
    seen = assess(snapshot, settings)
    console = "\n".join(table.lines(seen.nodes, seen.findings, worst=seen.worst, models=models)) + "\n"
    plain = {
        "nodes": [n.to_dict() for n in seen.nodes],
        "findings": [f.to_dict() for f in seen.findings],
        "own": seen.own,
    }
    as_json = json.dumps(plain, indent=1, sort_keys=True) + "\n"
    for suffix, text in (("txt", console), ("json", as_json)):
        target = GOLDEN / f"{name}.{suffix}"
        if os.environ.get("UPDATE_GOLDEN"):
            target.write_text(text, encoding="utf-8")
        assert target.read_text(encoding="utf-8") == text


def test_gpus_that_our_engines_hold_are_nothing_to_look_at() -> None:
    snapshot = corpus.patched(
        OWN, [{"set": ["pods", len(OWN["pods"]) - 1, "labels"], "to": {"model": "b", "helm-release-name": "vllm"}}]
    )
    snapshot["pods"][-1]["namespace"] = "vllm"
    shown = preflight(snapshot, corpus.settings()).to_dict()["lines"]
    assert "0/2" in shown[1] and shown[1].startswith("√")


def test_a_table_of_thousands_is_cut() -> None:
    seen = assess(corpus.base(), corpus.settings())
    shown = table.lines(seen.nodes * 100, [])
    assert len(shown) == table.SHOWN + 3
    assert shown[-2] == "  … and 60 more rows"


# Many nodes, one cause.


def crowd(count: int) -> dict[str, Any]:
    snapshot = corpus.base("healthy-vgpu")
    model = snapshot["nodes"][1]
    snapshot["nodes"] = [
        {
            **model,
            "name": f"n{i}",
            "labels": {**model["labels"], "kubernetes.io/hostname": f"n{i}"},
            "unschedulable": True,
        }
        for i in range(count)
    ]
    return snapshot


def test_one_cause_on_many_nodes_is_one_finding() -> None:
    seen = assess(crowd(12), corpus.settings("healthy-vgpu"))
    assert codes(seen.findings) == ["gpu-node-cordoned"]
    assert seen.findings[0].subject == "node/n0, node/n1, node/n2, node/n3, node/n4 and 7 more"
    assert set(seen.worst.values()) == {Severity.FATAL}
    assert len(seen.worst) == 12


def test_different_messages_name_their_nodes() -> None:
    snapshot = crowd(7)
    for index, node in enumerate(snapshot["nodes"]):
        node.update(unschedulable=False, taints=[{"key": "team", "value": str(index), "effect": "NoSchedule"}])
    seen = assess(snapshot, corpus.settings("healthy-vgpu"))
    assert {f.code for f in seen.findings} == {"gpu-taint-not-tolerated"}


# The catalogue.


def test_every_code_of_the_core_is_in_the_catalogue() -> None:
    import re

    from ansible_collections.inferops.vllm.plugins.module_utils import gpu

    known = {entry.code for entry in ENTRIES}
    used = {
        code
        for path in Path(gpu.__file__).parent.glob("*.py")
        for code in re.findall(r'"(gpu-[a-z0-9-]+)"', path.read_text(encoding="utf-8"))
    }
    assert used - {"gpu-test", "gpu-operator"} == known
    assert {code for pair in EXPLAINED_BY.items() for code in (pair[0], *pair[1])} <= known


def test_test_pod_is_where_people_look_for_it() -> None:
    assert POD.endswith("/gpu-test-vllm")
