# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPU test pod: what it is, what its state means, and one run of it.

It asks for a GPU and names the runtime class, because either alone proves half; it is never bound with
``nodeName``, because that hides missing resources and taints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias

from ..api_error import ApiError
from ..findings import Finding, Severity, fatal, finding
from . import smi, symptoms
from .cuda import Support, support
from .nodes import GpuNode
from .products import normalise
from .trim import TEST_POD_LABELS
from .versions import version

PREFIX = "gpu-test"
POLL_SECONDS = 1.0
GRACE_SECONDS = 45.0
"""How long a state that does not mend itself is given before the test gives up on it."""

SCRIPT = f"nvidia-smi || exit $?; nvidia-smi -q -x || nvidia-smi --query-gpu={','.join(smi.QUERY)} --format=csv"


@dataclass(frozen=True)
class SmokeRequest:
    """One test: one GPU of one node. ``timeout`` in seconds covers pull, start and run."""

    node: GpuNode
    resource: str = "nvidia.com/gpu"
    runtime_class: str = "nvidia"
    tolerations: tuple[Mapping[str, Any], ...] = ()
    namespace: str = "default"
    release: str = "vllm"
    image: str = "debian:12-slim"
    timeout: float = 300.0
    keep_on_failure: bool = False
    required_cuda: str | None = None

    @property
    def name(self) -> str:
        """The pod's name: the same in every run of a release, so that a leftover is found and removed."""
        return f"{PREFIX}-{self.release}"[:63].rstrip("-.")

    @property
    def path(self) -> str:
        """The pod's API path."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    @property
    def subject(self) -> str:
        """How findings name the test."""
        return f"pod/{self.namespace}/{self.name} on node/{self.node.name}"


class Clock(Protocol):
    """Time, replaceable in tests."""

    def monotonic(self) -> float:
        """Seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class ApiClient(Protocol):
    """The part of a cluster connection that the test needs."""

    def find(self, path: str, **query: Any) -> dict[str, Any] | None:
        """One object, None when there is none."""

    def items(self, path: str, **query: Any) -> Any:
        """All objects of a list."""

    def text(self, path: str, **query: Any) -> str:
        """A log."""

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object."""

    def delete(self, path: str, **query: Any) -> Any:
        """Delete an object."""


def manifest(request: SmokeRequest) -> dict[str, Any]:
    """The pod. It passes pod security level baseline and holds no credential."""
    one = {request.resource: "1"}
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": max(1, int(request.timeout)),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "nodeSelector": {"kubernetes.io/hostname": request.node.hostname},
        "tolerations": [dict(toleration) for toleration in request.tolerations],
        "containers": [
            {
                "name": PREFIX,
                "image": request.image,
                "command": ["sh", "-c", SCRIPT],
                "env": [{"name": "NVIDIA_DRIVER_CAPABILITIES", "value": "compute,utility"}],
                "resources": {"limits": one, "requests": dict(one)},
                "securityContext": {"allowPrivilegeEscalation": False},
            }
        ],
    }
    if request.runtime_class:
        spec["runtimeClassName"] = request.runtime_class
    metadata = {"name": request.name, "namespace": request.namespace, "labels": dict(TEST_POD_LABELS)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@dataclass(frozen=True)
class Waiting:
    """Not over yet. ``finding`` is what it means if it stays so; ``stuck`` that it will not mend itself."""

    reason: str
    finding: Finding | None = None
    stuck: bool = False


@dataclass(frozen=True)
class Done:
    """The container ran; its log says the rest."""

    exit_code: int
    message: str = ""


@dataclass(frozen=True)
class Failed:
    """It will never run."""

    finding: Finding


State: TypeAlias = "Waiting | Done | Failed"

_PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
_CREATE = ("CreateContainerError", "RunContainerError", "CreateContainerConfigError", "StartError")


def observe(pod: Mapping[str, Any] | None, events: Sequence[Mapping[str, Any]], subject: str) -> State:
    """The state that a pod and its events show. Pure."""
    if pod is None:
        return Failed(finding("gpu-smoke-failed", subject, "the pod was deleted by somebody else"))
    status = pod.get("status") or {}
    phase = status.get("phase")
    if phase in ("Succeeded", "Failed"):
        return _ended(status, subject)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _unscheduled(str(condition.get("message") or condition.get("reason") or ""), subject)
    if phase == "Running":
        return Waiting("running")
    return _starting(status, events, subject)


def _ended(status: Mapping[str, Any], subject: str) -> State:
    reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    if reason == "DeadlineExceeded":
        return Failed(finding("gpu-smoke-timeout", subject, "was still running at its deadline"))
    ended = _container(status).get("terminated")
    if ended is not None:
        text = str(ended.get("message") or "")
        code = symptoms.match(text, symptoms.START, symptoms.OUTPUT) if ended.get("reason") in _CREATE else None
        if code:
            return Failed(finding(code, subject, symptoms.quoted(text)))
        return Done(int(ended.get("exitCode", 1)), text)
    if status.get("phase") == "Succeeded":
        return Done(0)
    code = symptoms.match(message, symptoms.START) or symptoms.match(reason, symptoms.START) or "gpu-smoke-failed"
    return Failed(finding(code, subject, symptoms.quoted(f"{reason}: {message}")))


def _container(status: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = status.get("containerStatuses") or [{}]
    state: Mapping[str, Any] = statuses[0].get("state") or {}
    return state


def _unscheduled(message: str, subject: str) -> State:
    code = symptoms.match(message, symptoms.SCHEDULING) or "gpu-smoke-unschedulable"
    return Waiting(
        f"not scheduled: {symptoms.quoted(message)}", finding(code, subject, symptoms.quoted(message)), stuck=True
    )


def _starting(status: Mapping[str, Any], events: Sequence[Mapping[str, Any]], subject: str) -> State:
    waiting = _container(status).get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), str(waiting.get("message") or "")
    if reason in _PULL:
        text = symptoms.quoted(f"{reason}: {message}")
        return Waiting(text, finding("gpu-smoke-image-pull", subject, text), stuck=True)
    warnings = [e for e in events if e.get("type") == "Warning"]
    newest = max(warnings, key=_event_time, default={})
    text = message if reason in _CREATE else str(newest.get("message") or "")
    if not text:
        return Waiting(reason or "not started yet")
    code = symptoms.match(text, symptoms.START, symptoms.OUTPUT)
    shown = symptoms.quoted(f"{reason or newest.get('reason', '')}: {text}")
    return Waiting(shown, finding(code or "gpu-smoke-sandbox", subject, symptoms.quoted(text)), stuck=code is not None)


def _event_time(event: Mapping[str, Any]) -> str:
    stamps = (
        event.get("lastTimestamp"),
        event.get("eventTime"),
        (event.get("metadata") or {}).get("creationTimestamp"),
    )
    return next((str(stamp) for stamp in stamps if stamp), "")


@dataclass(frozen=True)
class SmokeOutcome:
    """What one test came to. ``data`` is what the module returns as ``smoke``."""

    findings: list[Finding]
    data: dict[str, Any]


def run_smoke(
    cluster: ApiClient,
    request: SmokeRequest,
    clock: Clock = time,
    progress: Callable[[str], None] = lambda _unused: None,
) -> SmokeOutcome:
    """Run the test once (twice after a lost race with another pod) and clean up in any case.

    Nothing is raised but what ends the process; an API error on the way becomes a finding.
    """
    started = clock.monotonic()
    outcome = _attempt(cluster, request, clock, progress)
    if [f.code for f in outcome.findings] == ["gpu-admission-race"]:
        progress("the kubelet refused the pod, trying once more")
        outcome = _attempt(cluster, replace(request, timeout=_left(request, clock, started)), clock, progress)
    data = {**outcome.data, "seconds": round(clock.monotonic() - started, 1)}
    return SmokeOutcome(_unproven(outcome.findings) if "product" not in data else outcome.findings, data)


def _unproven(findings: list[Finding]) -> list[Finding]:
    """A test that showed no GPU proves nothing: what elsewhere is worth a warning is fatal here."""
    return [replace(f, severity=Severity.FATAL) for f in findings[:1]] + findings[1:]


def _left(request: SmokeRequest, clock: Clock, started: float) -> float:
    return max(1.0, request.timeout - (clock.monotonic() - started))


def _attempt(cluster: ApiClient, request: SmokeRequest, clock: Clock, progress: Callable[[str], None]) -> SmokeOutcome:
    data = {"pod": f"{request.namespace}/{request.name}", "node": request.node.name}
    problem = _remove_leftover(cluster, request, clock)
    if problem:
        return SmokeOutcome([problem], data)
    try:
        cluster.create(manifest(request))
    except ApiError as error:
        return SmokeOutcome([symptoms.refusal(error, request.subject)], data)
    findings: list[Finding] = []
    kept = False
    try:
        findings, shown = _follow(cluster, request, clock, progress)
        kept = request.keep_on_failure and bool(fatal(findings))
        data.update(shown)
    except ApiError as error:
        findings.append(error.finding())
    finally:
        left = None if kept else _clean(cluster, request)
    if kept:
        progress(f"keeping {data['pod']} as asked")
    return SmokeOutcome([*findings, *([left] if left else [])], {**data, "kept": kept})


def _remove_leftover(cluster: ApiClient, request: SmokeRequest, clock: Clock) -> Finding | None:
    """Remove the pod of a run that was cut off; refuse to touch anybody else's."""
    deadline = clock.monotonic() + GRACE_SECONDS
    try:
        while (pod := cluster.find(request.path)) is not None:
            labels = (pod.get("metadata") or {}).get("labels") or {}
            if not TEST_POD_LABELS.items() <= labels.items():
                return finding("gpu-smoke-name-taken", request.subject, "a pod of that name exists and is not ours")
            if clock.monotonic() >= deadline:
                return finding("gpu-smoke-name-taken", request.subject, "the pod of an earlier run does not go away")
            cluster.delete(request.path, gracePeriodSeconds=0)
            clock.sleep(POLL_SECONDS)
    except ApiError as error:
        return symptoms.refusal(error, request.subject)
    return None


def _clean(cluster: ApiClient, request: SmokeRequest) -> Finding | None:
    said = ""
    for _unused in range(3):
        try:
            cluster.delete(request.path, gracePeriodSeconds=0)
            return None
        except ApiError as error:
            said = error.message
    return finding("gpu-smoke-left-behind", request.subject, f"could not be deleted: {said}")


def _follow(
    cluster: ApiClient, request: SmokeRequest, clock: Clock, progress: Callable[[str], None]
) -> tuple[list[Finding], dict[str, Any]]:
    """Poll until the pod is over or the budget is; transient API errors are waited out within it."""
    deadline = clock.monotonic() + request.timeout
    state: State = Waiting("created")
    since, told = clock.monotonic(), ""
    while isinstance(state, Waiting):
        if state.reason != told:
            told, since = state.reason, clock.monotonic()
            progress(f"GPU test pod: {told}")
        now = clock.monotonic()
        if now >= deadline or (state.stuck and now - since >= GRACE_SECONDS):
            return [_gave_up(state, request, now >= deadline)], {}
        clock.sleep(POLL_SECONDS)
        state = _poll(cluster, request, state)
    if isinstance(state, Failed):
        return [state.finding], {}
    return _result(cluster, request, state)


def _gave_up(state: Waiting, request: SmokeRequest, out_of_time: bool) -> Finding:
    if state.finding:
        return state.finding
    message = f"no result after {request.timeout:.0f} s; last state: {state.reason}" if out_of_time else state.reason
    return finding("gpu-smoke-timeout", request.subject, message)


def _poll(cluster: ApiClient, request: SmokeRequest, before: Waiting) -> State:
    try:
        pod = cluster.find(request.path)
    except ApiError as error:
        if error.transient:
            return before
        raise
    selector = f"involvedObject.kind=Pod,involvedObject.name={request.name}"
    try:
        path = f"/api/v1/namespaces/{request.namespace}/events"
        uid = ((pod or {}).get("metadata") or {}).get("uid")
        events = [
            event
            for event in cluster.items(path, fieldSelector=selector)
            if uid is None or (event.get("involvedObject") or {}).get("uid", uid) == uid
        ]
    except ApiError:
        events = []  # without the right to read events the reasons are poorer, the test is the same
    return observe(pod, events, request.subject)


def _result(cluster: ApiClient, request: SmokeRequest, done: Done) -> tuple[list[Finding], dict[str, Any]]:
    try:
        text = cluster.text(f"{request.path}/log", container=PREFIX)
    except ApiError as error:
        return [_no_log(error, request, done)], {"exit_code": done.exit_code}
    report, findings = smi.judge(text or done.message, done.exit_code, request.subject)
    shown = {"exit_code": done.exit_code, "driver": report.driver, "cuda": report.cuda}
    if report.gpus:
        shown |= {"product": report.gpus[0].product, "memory_mib": report.gpus[0].memory_mib}
    if done.exit_code == 0 and report.gpus:
        findings += _compared(report, request)
    return findings, shown


def _no_log(error: ApiError, request: SmokeRequest, done: Done) -> Finding:
    if error.status == 403:
        return finding("gpu-right-missing", request.subject, f"get pods/log: {symptoms.quoted(error.message)}")
    message = f"exit status {done.exit_code}, but the log cannot be read: {symptoms.quoted(error.message)}"
    return finding("gpu-smoke-failed", request.subject, message)


def _compared(report: smi.Report, request: SmokeRequest) -> list[Finding]:
    """What the driver says against what the labels promised the planner."""
    promised = next((r for r in request.node.resources if r.name == request.resource), None)
    found = report.gpus[0] if report.gpus else None
    differs = []
    if promised and found and promised.product and found.product and not _same_product(promised.product, found.product):
        differs.append(f"product {found.product}, the label says {promised.product}")
    if (
        version(report.driver)
        and version(request.node.driver)
        and version(report.driver) != version(request.node.driver)
    ):
        differs.append(f"driver {report.driver}, the label says {request.node.driver}")
    findings = [finding("gpu-smi-labels-differ", request.subject, f"nvidia-smi says {what}") for what in differs]
    if request.required_cuda and support(report.driver, request.required_cuda) is Support.NONE:
        message = f"driver {report.driver} cannot run CUDA {request.required_cuda}"
        findings.append(finding("gpu-driver-too-old", request.subject, message))
    return findings


def _same_product(label: str, measured: str) -> bool:
    """A vGPU guest prints the profile with or without GRID in front."""
    return (normalise(label) or "").removeprefix("GRID-") == measured.removeprefix("GRID-")
