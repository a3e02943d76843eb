# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPU test pod: its manifest, its states, and whole runs against a fake API server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.capacity import capacity
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.smoke import (
    GRACE_SECONDS,
    Done,
    Failed,
    SmokeRequest,
    Waiting,
    manifest,
    observe,
    run_smoke,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.trim import TEST_POD_LABELS

from tests.unit.gpu import corpus
from tests.unit.gpu.fake import PODS, FakeClock, FakeCluster, forbidden
from tests.unit.gpu.test_smi import XML

NODE = capacity(corpus.base(), corpus.settings())[0]
REQUEST = SmokeRequest(node=NODE, tolerations=corpus.TOLERATIONS)
POD = f"{PODS}/gpu-test-vllm"
MATCHING = XML.replace("580.159.04", "580.126.20")


def pod(phase: str, **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "gpu-test-vllm", "uid": "uid-1"}, "status": {"phase": phase, **status}}


def terminated(code: int, **more: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"terminated": {"exitCode": code, **more}}}]}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"waiting": {"reason": reason, "message": message}}}]}


def unscheduled(message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}


def warning(message: str, stamp: str = "2026-01-01T00:00:00Z", **more: Any) -> dict[str, Any]:
    return {"type": "Warning", "reason": "FailedCreatePodSandBox", "message": message, "lastTimestamp": stamp, **more}


def test_manifest_asks_for_everything_that_an_engine_asks_for() -> None:
    made = manifest(REQUEST)
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert made["metadata"]["name"] == "gpu-test-vllm"
    assert "nodeName" not in spec
    assert spec["nodeSelector"] == {"kubernetes.io/hostname": "gpu-1"}
    assert spec["runtimeClassName"] == "nvidia"
    assert spec["tolerations"] == list(corpus.TOLERATIONS)
    assert (spec["restartPolicy"], spec["automountServiceAccountToken"]) == ("Never", False)
    assert spec["activeDeadlineSeconds"] == 300
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert "nvidia-smi -q -x" in container["command"][-1]
    assert "privileged" not in str(made)


def test_manifest_without_runtime_class_and_with_a_long_release() -> None:
    made = manifest(replace(REQUEST, runtime_class="", release="a" * 70, resource="nvidia.com/mig-1g.10gb"))
    assert "runtimeClassName" not in made["spec"]
    assert len(made["metadata"]["name"]) == 63
    assert made["spec"]["containers"][0]["resources"]["requests"] == {"nvidia.com/mig-1g.10gb": "1"}


STATES: dict[str, tuple[dict[str, Any] | None, list[dict[str, Any]], type, str | int]] = {
    "deleted": (None, [], Failed, "gpu-smoke-failed"),
    "succeeded": (pod("Succeeded", **terminated(0)), [], Done, 0),
    "succeeded without statuses": (pod("Succeeded"), [], Done, 0),
    "exit 12": (pod("Failed", **terminated(12)), [], Done, 12),
    "deadline": (pod("Failed", reason="DeadlineExceeded"), [], Failed, "gpu-smoke-timeout"),
    "lost race": (
        pod("Failed", reason="OutOfnvidia.com/gpu", message="Node didn't have enough resource: nvidia.com/gpu"),
        [],
        Failed,
        "gpu-admission-race",
    ),
    "shared request": (
        pod(
            "Failed",
            reason="UnexpectedAdmissionError",
            message="request for 'nvidia.com/gpu: 2' too large: maximum request size for shared resources is 1",
        ),
        [],
        Failed,
        "gpu-shared-request",
    ),
    "evicted": (pod("Failed", reason="Evicted", message="low on disk"), [], Failed, "gpu-smoke-failed"),
    "start error": (
        pod("Failed", **terminated(128, reason="StartError", message='exec: "sh": executable file not found in $PATH')),
        [],
        Failed,
        "gpu-smi-not-found",
    ),
    "old driver": (
        pod(
            "Failed", **terminated(128, reason="StartError", message="unsatisfied condition: cuda>=12.9, please update")
        ),
        [],
        Failed,
        "gpu-driver-too-old",
    ),
    "taint": (
        pod("Pending", **unscheduled("0/1 nodes are available: 1 node(s) had untolerated taint(s).")),
        [],
        Waiting,
        "gpu-taint-not-tolerated",
    ),
    "selector": (
        pod("Pending", **unscheduled("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")),
        [],
        Waiting,
        "gpu-smoke-unschedulable",
    ),
    "no gpu free": (
        pod("Pending", **unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")),
        [],
        Waiting,
        "gpu-busy",
    ),
    "other scheduling": (pod("Pending", **unscheduled("no nodes available")), [], Waiting, "gpu-smoke-unschedulable"),
    "image": (pod("Pending", **waiting("ImagePullBackOff", "Back-off")), [], Waiting, "gpu-smoke-image-pull"),
    "no handler": (
        pod("Pending", **waiting("ContainerCreating")),
        [warning('failed to get sandbox runtime: no runtime for "nvidia" is configured')],
        Waiting,
        "gpu-runtime-handler-absent",
    ),
    "cdi": (
        pod("Pending", **waiting("RunContainerError", "CDI device injection failed: unresolvable CDI devices x")),
        [],
        Waiting,
        "gpu-cdi-device-missing",
    ),
    "hook": (
        pod("Pending", **waiting("CreateContainerError", "fork/exec /usr/bin/nvidia-ctk: no such file or directory")),
        [],
        Waiting,
        "gpu-cdi-hook-missing",
    ),
    "bpf": (
        pod("Pending"),
        [warning("load program: invalid argument: last insn is not an exit or jmp")],
        Waiting,
        "gpu-bpf-jit-hardened",
    ),
    "network": (pod("Pending"), [warning("plugin type=flannel failed")], Waiting, "gpu-smoke-sandbox"),
}


@pytest.mark.parametrize("name", STATES)
def test_state(name: str) -> None:
    seen, events, kind, meaning = STATES[name]
    state = observe(seen, events, "pod")
    assert type(state) is kind
    if isinstance(state, Done):
        assert state.exit_code == meaning
    else:
        assert state.finding is not None
        assert state.finding.code == meaning


def test_states_that_mean_nothing_yet() -> None:
    assert observe(pod("Running"), [], "pod") == Waiting("running")
    assert observe(pod("Pending"), [], "pod") == Waiting("not started yet")
    assert observe({"metadata": {}}, [], "pod") == Waiting("not started yet")


def test_newest_event_counts() -> None:
    events = [
        warning("unresolvable CDI devices", "2026-01-01T00:00:02Z"),
        warning("plugin failed", "2026-01-01T00:00:01Z"),
        {"type": "Normal", "message": "Pulling"},
        {**warning("older"), "lastTimestamp": None, "eventTime": "2025-01-01T00:00:00Z"},
    ]
    state = observe(pod("Pending"), events, "pod")
    assert isinstance(state, Waiting)
    assert state.finding is not None and state.finding.code == "gpu-cdi-device-missing"


def life(*stages: dict[str, Any] | None) -> Callable[[dict[str, Any]], dict[str, Any] | None]:
    """The pod's status poll by poll; the last one stays. The first read (is there a leftover?) sees no pod yet."""
    left = list(stages)

    def step(held: dict[str, Any]) -> dict[str, Any] | None:
        now = left.pop(0) if len(left) > 1 else left[0]
        return None if now is None else {**held, "status": now["status"]}

    return step


def run(cluster: FakeCluster, request: SmokeRequest = REQUEST) -> tuple[Any, FakeClock, list[str]]:
    clock, said = FakeClock(), []
    outcome = run_smoke(cluster, request, clock, said.append)
    return outcome, clock, said


def test_good_run() -> None:
    cluster = FakeCluster()
    cluster.life, cluster.log = life(pod("Pending"), pod("Running"), pod("Succeeded", **terminated(0))), MATCHING
    outcome, _, said = run(cluster)
    assert outcome.findings == []
    assert outcome.data == {
        "pod": "default/gpu-test-vllm",
        "node": "gpu-1",
        "exit_code": 0,
        "driver": "580.126.20",
        "cuda": "13.0",
        "product": "H100-80GB-HBM3",
        "memory_mib": 81559,
        "kept": False,
        "seconds": 3.0,
    }
    assert cluster.deleted == [POD]
    assert said == ["GPU test pod: created", "GPU test pod: not started yet", "GPU test pod: running"]


def test_driver_and_product_are_compared_with_the_labels() -> None:
    cluster = FakeCluster()
    cluster.life, cluster.log = life(pod("Succeeded", **terminated(0))), XML.replace("H100 80GB HBM3", "L4")
    outcome, _, _ = run(cluster, replace(REQUEST, required_cuda="13.0"))
    assert [f.code for f in outcome.findings] == ["gpu-smi-labels-differ", "gpu-smi-labels-differ"]


def test_driver_that_no_label_stated_is_judged_by_what_it_says() -> None:
    cluster = FakeCluster()
    cluster.life, cluster.log = life(pod("Succeeded", **terminated(0))), XML.replace("580.159.04", "570.86.10")
    outcome, _, _ = run(cluster, replace(REQUEST, node=replace(NODE, driver=None), required_cuda="13.0"))
    assert [f.code for f in outcome.findings] == ["gpu-driver-too-old"]


def test_grid_prefix_is_no_difference() -> None:
    resource = replace(NODE.resources[0], product="GRID-A100D-80C")
    cluster = FakeCluster()
    cluster.life, cluster.log = life(pod("Succeeded", **terminated(0))), MATCHING.replace("H100 80GB HBM3", "A100D-80C")
    outcome, _, _ = run(cluster, replace(REQUEST, node=replace(NODE, resources=(resource,))))
    assert outcome.findings == []


@pytest.mark.parametrize(
    ("status", "code"), [(6, "gpu-smi-no-device"), (12, "gpu-smi-no-library"), (17, "gpu-smi-blocked")]
)
def test_exit_status(status: int, code: str) -> None:
    cluster = FakeCluster()
    cluster.life = life(pod("Failed", **terminated(status)))
    outcome, _, _ = run(cluster)
    assert [f.code for f in outcome.findings] == [code]
    assert outcome.data["exit_code"] == status
    assert cluster.deleted == [POD]


def test_stuck_state_gives_up_after_the_grace_period_not_the_budget() -> None:
    cluster = FakeCluster()
    cluster.life = life(pod("Pending", **waiting("ImagePullBackOff", "Back-off")))
    outcome, clock, said = run(cluster)
    assert [f.code for f in outcome.findings] == ["gpu-smoke-image-pull"]
    assert GRACE_SECONDS <= clock.now < GRACE_SECONDS + 5
    assert len(said) == 2
    assert cluster.deleted == [POD]


def test_budget_ends_with_the_last_state() -> None:
    cluster = FakeCluster()
    cluster.life = life(pod("Running"))
    outcome, clock, _ = run(cluster, replace(REQUEST, timeout=20))
    assert [f.code for f in outcome.findings] == ["gpu-smoke-timeout"]
    assert "running" in outcome.findings[0].message
    assert 20 <= clock.now <= 22
    assert cluster.deleted == [POD]


def test_unknown_start_problem_is_given_the_whole_budget() -> None:
    cluster = FakeCluster(lists={"/api/v1/namespaces/default/events": [warning("plugin type=flannel failed")]})
    cluster.life = life(pod("Pending"))
    outcome, clock, _ = run(cluster, replace(REQUEST, timeout=90))
    assert [f.code for f in outcome.findings] == ["gpu-smoke-sandbox"]
    assert clock.now >= 90


def test_events_of_an_earlier_pod_do_not_count() -> None:
    stale = warning("unresolvable CDI devices", involvedObject={"uid": "other"})
    cluster = FakeCluster(lists={"/api/v1/namespaces/default/events": [stale]})
    cluster.life, cluster.log = life(pod("Pending"), pod("Succeeded", **terminated(0))), MATCHING
    assert run(cluster)[0].findings == []


def test_lost_race_is_tried_once_more() -> None:
    cluster = FakeCluster()
    race = pod("Failed", reason="OutOfnvidia.com/gpu", message="Node didn't have enough resource")
    cluster.life, cluster.log = life(race, pod("Succeeded", **terminated(0))), MATCHING
    outcome, _, _ = run(cluster)
    assert outcome.findings == []
    assert len(cluster.created) == 2
    assert cluster.deleted == [POD, POD]


def test_race_that_is_lost_twice_proves_nothing() -> None:
    cluster = FakeCluster()
    cluster.life = life(pod("Failed", reason="OutOfnvidia.com/gpu", message="Node didn't have enough resource"))
    outcome, _, _ = run(cluster)
    assert [(f.code, f.severity) for f in outcome.findings] == [("gpu-admission-race", Severity.FATAL)]


def test_kept_on_failure_only() -> None:
    cluster = FakeCluster()
    cluster.life = life(pod("Failed", **terminated(17)))
    outcome, _, said = run(cluster, replace(REQUEST, keep_on_failure=True))
    assert outcome.data["kept"] is True
    assert cluster.deleted == []
    assert said[-1] == "keeping default/gpu-test-vllm as asked"
    cluster = FakeCluster()
    cluster.life, cluster.log = life(pod("Succeeded", **terminated(0))), MATCHING
    outcome, _, _ = run(cluster, replace(REQUEST, keep_on_failure=True))
    assert (outcome.data["kept"], cluster.deleted) == (False, [POD])


def test_leftover_of_an_earlier_run_is_removed() -> None:
    cluster = FakeCluster(
        objects={POD: {"metadata": {"labels": dict(TEST_POD_LABELS)}, "status": {"phase": "Running"}}}
    )
    done = pod("Succeeded", **terminated(0))
    cluster.life, cluster.log = (
        (lambda held: held if "spec" not in held else {**held, "status": done["status"]}),
        MATCHING,
    )
    outcome, _, _ = run(cluster)
    assert outcome.findings == []
    assert cluster.deleted == [POD, POD]


def test_foreign_pod_is_left_alone() -> None:
    cluster = FakeCluster(objects={POD: {"metadata": {"labels": {"app": "x"}}}})
    outcome, _, _ = run(cluster)
    assert [f.code for f in outcome.findings] == ["gpu-smoke-name-taken"]
    assert (cluster.created, cluster.deleted) == ([], [])


def test_leftover_that_does_not_go_away() -> None:
    cluster = FakeCluster(objects={POD: {"metadata": {"labels": dict(TEST_POD_LABELS)}}})
    held = cluster.objects[POD]
    cluster.delete = lambda path, **query: cluster.objects.update({POD: held})  # type: ignore[method-assign]
    outcome, clock, _ = run(cluster)
    assert [f.code for f in outcome.findings] == ["gpu-smoke-name-taken"]
    assert clock.now >= GRACE_SECONDS


def test_pod_that_cannot_be_deleted_is_named() -> None:
    cluster = FakeCluster(errors={("delete", POD): ApiError(500, "InternalError", "etcd", "DELETE")})
    cluster.life, cluster.log = life(pod("Succeeded", **terminated(0))), MATCHING
    outcome, _, _ = run(cluster)
    assert [f.code for f in outcome.findings] == ["gpu-smoke-left-behind"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (
            ApiError(403, "Forbidden", 'pods "x" is forbidden: pod rejected: RuntimeClass "nvidia" not found'),
            "gpu-runtime-class-missing",
        ),
        (ApiError(403, "Forbidden", 'pods is forbidden: User "u" cannot create resource "pods"'), "gpu-right-missing"),
        (ApiError(0, "Unreachable", "timed out"), "cluster-unreachable"),
        (ApiError(404, "NotFound", 'namespaces "x" not found'), "gpu-namespace-missing"),
    ],
)
def test_refused_at_creation(error: ApiError, code: str) -> None:
    cluster = FakeCluster(errors={("create", PODS): error})
    outcome, _, _ = run(cluster)
    assert [(f.code, f.severity) for f in outcome.findings] == [(code, Severity.FATAL)]
    assert cluster.deleted == []


def test_leftover_cannot_be_looked_for() -> None:
    cluster = FakeCluster(errors={("get", POD): forbidden("pods")})
    assert [f.code for f in run(cluster)[0].findings] == ["gpu-right-missing"]


def test_api_failures_on_the_way() -> None:
    cluster = FakeCluster()
    polls = [0]

    def flaky(held: dict[str, Any]) -> dict[str, Any]:
        polls[0] += 1
        if polls[0] < 3:
            raise ApiError(503, "ServiceUnavailable", "restarting", "GET")
        if polls[0] == 3:
            return {**held, "status": {"phase": "Running"}}
        raise ApiError(401, "Unauthorized", "token expired", "GET")

    cluster.life = flaky
    outcome, _, _ = run(cluster)
    assert [f.code for f in outcome.findings] == ["cluster-unauthorized"]
    assert cluster.deleted == [POD]


@pytest.mark.parametrize(
    ("error", "code"),
    [(forbidden("pods"), "gpu-right-missing"), (ApiError(500, "InternalError", "kubelet"), "gpu-smoke-failed")],
)
def test_log_cannot_be_read(error: ApiError, code: str) -> None:
    cluster = FakeCluster(
        errors={("log", f"{POD}/log"): error, ("list", "/api/v1/namespaces/default/events"): forbidden("events")}
    )
    cluster.life = life(pod("Pending"), pod("Succeeded", **terminated(0)))
    outcome, _, _ = run(cluster)
    assert [f.code for f in outcome.findings] == [code]
    assert outcome.data["exit_code"] == 0


def test_interrupt_still_cleans_up() -> None:
    cluster = FakeCluster()

    def interrupted(_: dict[str, Any]) -> dict[str, Any]:
        raise KeyboardInterrupt

    cluster.life = interrupted
    with pytest.raises(KeyboardInterrupt):
        run_smoke(cluster, REQUEST, FakeClock())
    assert cluster.deleted == [POD]
