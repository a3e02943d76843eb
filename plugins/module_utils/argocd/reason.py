# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why does this Application not get there? The first cause wins, from Argo CD's own words down to a pod's last lines.

Argo CD's Application says what failed only down to the objects it applies; the cause of a Deployment that never gets
ready lies in its replica sets, pods, claims and events. Every check is a pure generator over one :class:`Evidence`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, Severity, finding
from .evidence import Evidence, collect_evidence
from .permissions import permits_destination, permits_kind

__all__ = ["Evidence", "Reason", "collect_evidence", "find_reason", "without_secrets"]

CRASHES_THAT_CONVINCE = 3
SECRETS = re.compile(
    r"(hf_[A-Za-z0-9]{6,}|sk-[A-Za-z0-9_-]{6,}|(?i:bearer)\s+\S+"
    r"|(?i:(?:api[_-]?key|token|password|secret)['\"]?\s*[:=]\s*['\"]?)(?!None\b)[^\s'\",}]+)"
)


@dataclass(frozen=True)
class Reason:
    """One cause. ``terminal``: no waiting mends it, once it has been seen for ``settle`` seconds."""

    finding: Finding
    terminal: bool
    settle: float = 0.0


@dataclass(frozen=True)
class Text:
    """A text of Argo CD, Kubernetes or an engine, and the code that it means."""

    pattern: re.Pattern[str]
    code: str
    terminal: bool = True
    settle: float = 0.0


def _text(pattern: str, code: str, terminal: bool = True, settle: float = 0.0) -> Text:
    return Text(re.compile(pattern, re.IGNORECASE | re.DOTALL), code, terminal, settle)


CONDITION_TEXTS = (
    _text(r"referencing project \S+ which does not exist", "argocd-project-missing"),
    _text(r"repo URL .*is not permitted in project", "argocd-repo-not-permitted"),
    _text(r"do not match any of the allowed destinations", "argocd-destination-not-permitted"),
    _text(r"unable to resolve '.*' to a commit SHA", "argocd-revision-unknown"),
    _text(r"app path does not exist", "argocd-path-missing"),
    _text(r"error building helm chart dependencies|helm repos? .*not permitted|lock file .*out of sync|"
          r"missing in charts/", "argocd-chart-dependency"),
    _text(r"signature|GnuPG|not signed", "argocd-signature-required"),
    _text(r"failed to list refs|repository not found|authentication (required|failed)|connection refused|no such host|"
          r"i/o timeout|deadline exceeded|failed to fetch|Could not read from remote", "argocd-repository-unreachable"),
    _text(r"will wipe out all resources", "argocd-empty-render"),
)  # fmt: skip

RESOURCE_TEXTS = (
    _text(r"resource (?P<group>[^\s:]*):(?P<kind>\S+) is not permitted in project", "argocd-kind-not-permitted"),
    _text(r"namespace (?P<namespace>\S+) is not permitted in project", "argocd-namespace-not-permitted"),
    _text(r"could not find (version )?\S+.* for requested resource|no matches for kind", "argocd-crd-missing"),
    _text(r"shared resource found|is part of applications", "argocd-shared-resource"),
    _text(r"field is immutable|Forbidden: spec is immutable", "argocd-immutable-field"),
    _text(r"no key could decrypt|illegal base64|not managed by", "argocd-secret-cannot-be-opened"),
    _text(r"namespaces \"\S+\" not found", "argocd-namespace-missing"),
    _text(r"exceeded quota", "argocd-quota-exceeded"),
)

REPLICA_TEXTS = (
    _text(r"RuntimeClass \"[^\"]*\" not found", "argocd-runtime-class-missing", settle=20),
    _text(r"exceeded quota", "argocd-quota-exceeded", settle=20),
    _text(r"violates PodSecurity", "argocd-pod-security", settle=20),
)

SCHEDULING_TEXTS = (
    _text(
        r"unbound immediate PersistentVolumeClaims|persistentvolumeclaim \S+ not found", "argocd-volume-pending", False
    ),
    _text(r"Insufficient nvidia\.com/gpu", "argocd-pod-unschedulable", settle=180),
)

IMAGE_TEXTS = (
    _text(r"not found|manifest unknown|denied|unauthorized|invalid reference|InvalidImageName",
          "argocd-image-pull-failed", settle=30),
)  # fmt: skip

LOG_TEXTS = (
    _text(r"error: (unrecognized arguments|argument \S+|ambiguous option)|validation errors? for|"
          r"unexpected keyword argument", "argocd-engine-arguments"),
    _text(r"GatedRepoError|40[13] Client Error|is restricted|Access to model", "argocd-model-access-denied"),
    _text(r"out of memory|No available memory for the cache|KV cache.*(larger|needed|exceed)|"
          r"free memory on device.*less than desired", "argocd-engine-memory"),
    _text(r"No space left on device", "argocd-volume-full"),
)  # fmt: skip

LOG_LINE = re.compile(r"error|exception|validation|denied|restricted|memory|no space", re.IGNORECASE)


def find_reason(evidence: Evidence) -> Reason | None:
    """The first cause, or None when nothing is wrong that can be seen."""
    return next((reason for check in CHECKS for reason in check(evidence)), None)


def _from_conditions(evidence: Evidence) -> Iterator[Reason]:
    """What keeps Argo CD from comparing or deleting at all."""
    fallback = {
        "InvalidSpecError": "argocd-spec-invalid",
        "ComparisonError": "argocd-manifests-failed",
        "UnknownError": "argocd-manifests-failed",
        "DeletionError": "argocd-deletion-failed",
    }
    for condition in evidence.application.get("status", {}).get("conditions") or ():
        kind, message = condition.get("type", ""), condition.get("message", "")
        known = _match(CONDITION_TEXTS, message)
        if kind in fallback:
            code = known.code if known else fallback[kind]
            yield Reason(finding(code, _app(evidence), _clean(message), severity=Severity.FATAL), True)
        elif kind == "SyncError" and known and known.code == "argocd-empty-render":
            yield Reason(finding(known.code, _app(evidence), _clean(message)), True)


def _from_failed_resources(evidence: Evidence) -> Iterator[Reason]:
    """Resources of the last operation that were refused, in words we know."""
    state = evidence.application.get("status", {}).get("operationState") or {}
    for resource in _failed_resources(state):
        message = resource.get("message", "")
        known = _match(RESOURCE_TEXTS, message)
        if known and not _mended(evidence, known, resource):
            subject = f"{resource.get('kind')}/{resource.get('name')} of {_app(evidence)}"
            yield Reason(finding(known.code, subject, _clean(message), severity=Severity.FATAL), known.terminal)
    known = _match(RESOURCE_TEXTS, state.get("message", "")) if _is_failing(state) else None
    if known and known.code == "argocd-shared-resource":
        yield Reason(finding(known.code, _app(evidence), _clean(state["message"]), severity=Severity.FATAL), True)


def _mended(evidence: Evidence, known: Text, resource: Mapping[str, Any]) -> bool:
    """Whether what refused a resource would not do so by now: then a new attempt is what is missing."""
    if known.code == "argocd-secret-cannot-be-opened":
        return _no_longer_closed(evidence, str(resource.get("name")))
    parts, project = known.pattern.search(resource.get("message", "")), evidence.project
    if not parts or project is None:
        return False
    if known.code == "argocd-namespace-not-permitted":
        destination = evidence.application["spec"].get("destination") or {}
        return permits_destination(project, destination, parts["namespace"].strip("'\""))
    if known.code == "argocd-kind-not-permitted":
        group, kind = parts["group"], parts["kind"]
        listed = project.get("spec", {}).get("clusterResourceWhitelist") or ()
        cluster_scoped = any(item.get("kind") in (kind, "*") for item in listed)
        return permits_kind(project, group, kind, namespaced=not cluster_scoped) and cluster_scoped
    return False


def _no_longer_closed(evidence: Evidence, name: str) -> bool:
    """Argo CD may have looked at a new SealedSecret before its controller did, and read what it said of the old one."""
    for item in evidence.of("SealedSecret"):
        if item["metadata"]["name"] == name:
            condition = _condition(item, "Synced") or {}
            current = item.get("status", {}).get("observedGeneration") == item["metadata"].get("generation")
            return not (current and condition.get("status") == "False")
    return False


def _failed_resources(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    resources = (state.get("syncResult") or {}).get("resources") or ()
    if not _is_failing(state):
        return []
    return [r for r in resources if r.get("status") == "SyncFailed" or r.get("hookPhase") in ("Failed", "Error")]


def _is_failing(state: Mapping[str, Any]) -> bool:
    """Failed for good, or between two tries of a retry (Running, with a finishing time)."""
    return state.get("phase") in ("Failed", "Error") or bool(
        state.get("finishedAt") and state.get("phase") == "Running"
    )


def _from_sealed_secrets(evidence: Evidence) -> Iterator[Reason]:
    for item in evidence.of("SealedSecret"):
        condition = _condition(item, "Synced")
        subject = f"SealedSecret/{item['metadata']['name']}"
        if condition is None:
            yield Reason(finding("argocd-secret-not-opened", subject, "the controller has not reported on it"), False)
        elif condition.get("status") == "False":
            current = item.get("status", {}).get("observedGeneration") == item["metadata"].get("generation")
            message = _clean(condition.get("message", ""))
            yield Reason(finding("argocd-secret-cannot-be-opened", subject, message), current, settle=10)


def _from_replica_failures(evidence: Evidence) -> Iterator[Reason]:
    """Pods that the API server refuses to create: nothing but this condition says so."""
    for item in [*evidence.of("Deployment"), *evidence.of("ReplicaSet")]:
        condition = _condition(item, "ReplicaFailure")
        if condition is None or condition.get("status") != "True":
            continue
        message = _clean(condition.get("message", ""))
        known = _match(REPLICA_TEXTS, message)
        code, settle = (known.code, known.settle) if known else ("argocd-pods-refused", 60.0)
        yield Reason(finding(code, f"{item['kind']}/{item['metadata']['name']}", message), True, settle)


def _from_pods(evidence: Evidence) -> Iterator[Reason]:
    for pod in evidence.of("Pod"):
        if not pod["metadata"].get("deletionTimestamp"):
            yield from _unschedulable(pod)
            yield from _sandbox(evidence, pod)
            for status in _container_statuses(pod):
                yield from _container(evidence, pod, status)


def _unschedulable(pod: Mapping[str, Any]) -> Iterator[Reason]:
    condition = _condition(pod, "PodScheduled")
    if condition is None or condition.get("status") != "False" or condition.get("reason") != "Unschedulable":
        return
    message = _clean(condition.get("message", ""))
    known = _match(SCHEDULING_TEXTS, message)
    if known and known.code == "argocd-volume-pending":
        return  # the claim says why
    yield Reason(finding("argocd-pod-unschedulable", _pod(pod), message), True, known.settle if known else 30.0)


def _sandbox(evidence: Evidence, pod: Mapping[str, Any]) -> Iterator[Reason]:
    for event in reversed(evidence.events_of(pod)):
        message = _clean(event.get("message", ""))
        if event.get("reason") == "FailedCreatePodSandBox":
            handler = "no runtime for" in message
            code = "argocd-runtime-handler-missing" if handler else "argocd-pod-sandbox-failed"
            yield Reason(finding(code, _pod(pod), message), handler, settle=30)
            return
        if event.get("reason") in ("FailedMount", "FailedAttachVolume") and not _container_statuses(pod):
            yield Reason(finding("argocd-volume-not-mounted", _pod(pod), message), False)
            return


def _container(evidence: Evidence, pod: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Reason]:
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason, message = waiting.get("reason", ""), _clean(waiting.get("message", ""))
    subject = f"{_pod(pod)} container {status.get('name')}"
    if reason in ("CreateContainerConfigError", "CreateContainerError"):
        yield Reason(finding("argocd-pod-config-missing", subject, message or reason), True, settle=60)
    elif reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
        image = f"{status.get('image')}: {message or reason}"
        known = _match(IMAGE_TEXTS, f"{reason} {message}")
        yield Reason(finding("argocd-image-pull-failed", subject, image), known is not None, settle=30)
    elif status.get("restartCount") and not status.get("ready"):
        yield _crash(evidence, pod, status, subject)


def _crash(evidence: Evidence, pod: Mapping[str, Any], status: Mapping[str, Any], subject: str) -> Reason:
    """Why a container that started before does not run: killed, or ended by itself with last words."""
    ended = (status.get("lastState") or {}).get("terminated") or (status.get("state") or {}).get("terminated") or {}
    log = evidence.logs.get(pod["metadata"]["name"], "")
    often = int(status.get("restartCount") or 0) >= CRASHES_THAT_CONVINCE
    if ended.get("reason") == "OOMKilled":
        killed = finding("argocd-pod-out-of-memory", subject, "the kernel killed it (OOMKilled)")
        return Reason(killed, True, settle=0 if often else 30)
    known = _match(LOG_TEXTS, log)
    if known:
        return Reason(finding(known.code, subject, last_words(log, known)), True)
    probe = next((e for e in evidence.events_of(pod) if "startup probe" in e.get("message", "").lower()), None)
    if probe:
        return Reason(finding("argocd-startup-budget-exceeded", subject, _clean(probe["message"])), often)
    words = f"exit code {ended.get('exitCode', 'unknown')}, {last_words(log) or 'no log'}"
    return Reason(finding("argocd-pod-crashing", subject, f"restarted {status['restartCount']} times: {words}"), often)


def _from_claims(evidence: Evidence) -> Iterator[Reason]:
    for claim in evidence.of("PersistentVolumeClaim"):
        phase = claim.get("status", {}).get("phase")
        if phase == "Lost":
            yield Reason(finding("argocd-volume-pending", _claim(claim), "its volume is lost"), True)
        if phase != "Pending":
            continue
        for event in reversed(evidence.events_of(claim)):
            message = _clean(event.get("message", ""))
            if event.get("reason") in ("ProvisioningFailed", "FailedBinding", "ExternalProvisioning"):
                yield Reason(finding("argocd-volume-pending", _claim(claim), message), True, settle=60)
                break


def _from_rollouts(evidence: Evidence) -> Iterator[Reason]:
    """A rollout that is over its deadline although no pod says anything: it may still succeed."""
    for item in evidence.of("Deployment"):
        condition = _condition(item, "Progressing")
        if condition and condition.get("reason") == "ProgressDeadlineExceeded":
            subject = f"Deployment/{item['metadata']['name']}"
            yield Reason(finding("argocd-rollout-too-slow", subject, _clean(condition.get("message", ""))), False)


def _from_operation(evidence: Evidence) -> Iterator[Reason]:
    """A failed operation in words we do not know, or one that a sync window holds back."""
    state = evidence.application.get("status", {}).get("operationState") or {}
    message = _clean(state.get("message", ""))
    if "sync window" in message:
        yield Reason(finding("argocd-sync-window", _app(evidence), message), False)
    elif _is_failing(state):
        details = "; ".join(
            f"{r.get('kind')}/{r.get('name')}: {_clean(r.get('message', ''))}"
            for r in _failed_resources(state)
            if not ((known := _match(RESOURCE_TEXTS, r.get("message", ""))) and _mended(evidence, known, r))
        )
        if details or not _failed_resources(state):
            yield Reason(finding("argocd-sync-failed", _app(evidence), f"{message} {details}".strip()), False)


def _from_loading(evidence: Evidence) -> Iterator[Reason]:
    """Containers that run and are not ready yet: most often a model on its way."""
    for pod in evidence.of("Pod"):
        for status in _container_statuses(pod):
            if not status.get("ready") and "running" in (status.get("state") or {}):
                words = last_words(evidence.logs.get(pod["metadata"]["name"], "")) or "no log yet"
                subject = f"{_pod(pod)} container {status.get('name')}"
                yield Reason(
                    finding("argocd-still-loading", subject, f"running, not ready; last words: {words}"), False
                )


Check = Callable[[Evidence], Iterator[Reason]]
CHECKS: tuple[Check, ...] = (
    _from_conditions,
    _from_failed_resources,
    _from_sealed_secrets,
    _from_replica_failures,
    _from_pods,
    _from_claims,
    _from_rollouts,
    _from_operation,
    _from_loading,
)


def last_words(log: str, known: Text | None = None) -> str:
    """The lines of a log that say most: those around the known text, else the last three. Never a secret."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if known and known.pattern.search(line)] or [
        line for line in lines if known and LOG_LINE.search(line)
    ]
    return _clean(" | ".join((telling or lines)[-3:]))


def without_secrets(text: str) -> str:
    """``text`` with everything that looks like a token or key masked."""
    return SECRETS.sub("********", text)


def _clean(text: str) -> str:
    return without_secrets(" ".join(str(text).split()))[:1000]


def _match(texts: Iterable[Text], message: str) -> Text | None:
    return next((text for text in texts if text.pattern.search(message or "")), None)


def _condition(item: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    conditions = item.get("status", {}).get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), None)


def _container_statuses(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _app(evidence: Evidence) -> str:
    return f"Application/{evidence.application['metadata']['name']}"


def _pod(pod: Mapping[str, Any]) -> str:
    return f"Pod/{pod['metadata']['name']}"


def _claim(claim: Mapping[str, Any]) -> str:
    return f"PersistentVolumeClaim/{claim['metadata']['name']}"
