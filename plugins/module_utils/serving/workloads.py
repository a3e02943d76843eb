# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes must say about a served site: pods, claims, Services, Secrets, the ServiceMonitor.

Pure checks over one :class:`Listed`; :data:`CHECKS` is the table. Object names are those that the chart gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..chart.names import Names
from ..findings import Finding, finding
from .requests import Model

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """What should be there. ``nodes`` are the planned nodes by model name (absent: any node will do).

    ``secrets`` maps a Secret's name to the key it must hold; ``runtime_class`` None means that pods need none.
    """

    release: str
    models: tuple[Model, ...]
    nodes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    runtime_class: str | None = "nvidia"
    secrets: Mapping[str, str] = field(default_factory=dict)

    @property
    def router(self) -> str:
        """The router's Service."""
        return Names(self.release).router_service

    def engine(self, model: Model) -> str:
        """The model's engine Service."""
        return Names(self.release).service(model.name)


@dataclass(frozen=True)
class Listed:
    """The objects of the namespace. Secrets without their values; ``monitors`` None: the kind is not installed."""

    pods: Sequence[Object] = ()
    claims: Sequence[Object] = ()
    services: Sequence[Object] = ()
    slices: Sequence[Object] = ()
    secrets: Sequence[Object] = ()
    monitors: Sequence[Object] | None = None

    def service(self, name: str) -> Object | None:
        """The Service of that name."""
        return named(self.services, name)

    def behind(self, service: str) -> list[Object]:
        """The pods that a Service selects and that are not on their way out."""
        found = self.service(service)
        selector = ((found or {}).get("spec") or {}).get("selector")
        return [pod for pod in self.pods if selector and selects(selector, pod) and not terminating(pod)]


def named(objects: Iterable[Object], name: str) -> Object | None:
    """The object of that name."""
    return next((o for o in objects if o["metadata"]["name"] == name), None)


def selects(selector: Mapping[str, str], thing: Object) -> bool:
    """Whether all labels of ``selector`` are on the object."""
    labels = thing["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def terminating(pod: Object) -> bool:
    """Whether the pod is being deleted."""
    return bool(pod["metadata"].get("deletionTimestamp"))


def ready(pod: Object) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def check_pods(expected: Expected, listed: Listed) -> list[Finding]:
    """Every model and the router have a pod, and all of their pods are ready."""
    owners = [(m.subject, expected.engine(m)) for m in expected.models]
    findings = []
    for subject, service in [*owners, ("router", expected.router)]:
        pods = listed.behind(service)
        if not pods:
            findings.append(finding("serving-pod-missing", subject, f"service/{service} selects no pod"))
        findings += [
            finding("serving-pod-not-ready", f"pod/{pod['metadata']['name']}", f"the pod of {subject} is not Ready")
            for pod in pods
            if not ready(pod)
        ]
    return findings


def check_nodes(expected: Expected, listed: Listed) -> list[Finding]:
    """The engine pods run on a node of the plan."""
    findings = []
    for model in expected.models:
        planned = expected.nodes.get(model.name)
        for pod in listed.behind(expected.engine(model)):
            node = (pod.get("spec") or {}).get("nodeName")
            if planned and node and node not in planned:
                message = f"runs on {node}, the plan says {' or '.join(planned)}"
                findings.append(finding("serving-pod-misplaced", f"pod/{pod['metadata']['name']}", message))
    return findings


def check_runtime_class(expected: Expected, listed: Listed) -> list[Finding]:
    """The engine pods run with the runtime class that gives them the GPU."""
    wanted = expected.runtime_class or None
    return [
        finding(
            "serving-runtime-class-differs",
            f"pod/{pod['metadata']['name']}",
            f"runtimeClassName is {pod['spec'].get('runtimeClassName') or 'not set'}, expected {wanted or 'not set'}",
        )
        for model in expected.models
        for pod in listed.behind(expected.engine(model))
        if (pod["spec"].get("runtimeClassName") or None) != wanted
    ]


def _claims_of(pod: Object) -> list[str]:
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    return [v["persistentVolumeClaim"]["claimName"] for v in volumes if v.get("persistentVolumeClaim")]


def check_claims(expected: Expected, listed: Listed) -> list[Finding]:
    """Every claim that an engine pod mounts is bound."""
    findings = []
    for model in expected.models:
        pods = listed.behind(expected.engine(model))
        for name in sorted({name for pod in pods for name in _claims_of(pod)}):
            claim = named(listed.claims, name)
            phase = ((claim or {}).get("status") or {}).get("phase") or "missing"
            if phase != "Bound":
                message = f"the claim of {model.subject} is {phase}, expected Bound"
                findings.append(finding("serving-claim-unbound", f"persistentvolumeclaim/{name}", message))
    return findings


def endpoints(listed: Listed, service: str) -> list[str]:
    """The ready addresses of a Service."""
    slices = [s for s in listed.slices if selects({"kubernetes.io/service-name": service}, s)]
    entries = [entry for s in slices for entry in s.get("endpoints") or ()]
    # ready absent means unknown, which consumers must read as ready (EndpointSlice API).
    serving = [e for e in entries if (e.get("conditions") or {}).get("ready", True) is not False]
    return [address for entry in serving for address in entry.get("addresses") or ()]


def expected_services(expected: Expected) -> list[str]:
    """The Services of the site, the router's first."""
    return [expected.router, *(expected.engine(m) for m in expected.models)]


def check_services(expected: Expected, listed: Listed) -> list[Finding]:
    """Every Service exists and has a ready endpoint."""
    findings = []
    for name in expected_services(expected):
        if listed.service(name) is None:
            findings.append(finding("serving-service-missing", f"service/{name}", "there is no such Service"))
        elif not endpoints(listed, name):
            findings.append(finding("serving-service-empty", f"service/{name}", "it has no ready endpoint"))
    return findings


def check_secrets(expected: Expected, listed: Listed) -> list[Finding]:
    """Every Secret exists, holds its key, and is owned by the SealedSecret of its name."""
    findings = []
    for name, key in expected.secrets.items():
        secret, subject = named(listed.secrets, name), f"secret/{name}"
        if secret is None:
            findings.append(finding("serving-secret-missing", subject, "there is no such Secret"))
            continue
        if key not in (secret.get("keys") or ()):
            held = ", ".join(secret.get("keys") or ()) or "none"
            findings.append(finding("serving-secret-key-missing", subject, f"key {key} is missing (keys: {held})"))
        if not _sealed(secret, name):
            findings.append(finding("serving-secret-unowned", subject, "no SealedSecret of this name owns it"))
    return findings


def check_monitor(expected: Expected, listed: Listed) -> list[Finding]:
    """A ServiceMonitor selects the router's Service, by its labels and one of its ports."""
    name = expected.router
    service = listed.service(name)
    if listed.monitors is None:
        return [finding("serving-monitor-kind-missing", "servicemonitor", "the cluster has no kind ServiceMonitor")]
    if service is None or any(_scrapes(monitor, service) for monitor in listed.monitors):
        return []
    seen = ", ".join(m["metadata"]["name"] for m in listed.monitors) or "none"
    message = f"no ServiceMonitor selects it (in the namespace: {seen})"
    return [finding("serving-monitor-blind", f"service/{name}", message)]


def _scrapes(monitor: Object, service: Object) -> bool:
    spec = monitor.get("spec") or {}
    selector = spec.get("selector") or {}
    if not selects(selector.get("matchLabels") or {}, service):
        return False
    if not all(_expression(e, service) for e in selector.get("matchExpressions") or ()):
        return False
    ports = {port.get("name") for port in (service.get("spec") or {}).get("ports") or ()}
    return any(endpoint.get("port") in ports for endpoint in spec.get("endpoints") or ())


def _expression(expression: Object, service: Object) -> bool:
    label = (service["metadata"].get("labels") or {}).get(expression.get("key", ""))
    values = expression.get("values") or ()
    operators: dict[str, bool] = {
        "In": label in values,
        "NotIn": label not in values,
        "Exists": label is not None,
        "DoesNotExist": label is None,
    }
    return operators.get(expression.get("operator", ""), False)


Check = Callable[[Expected, Listed], list[Finding]]
CHECKS: tuple[Check, ...] = (
    check_pods,
    check_nodes,
    check_runtime_class,
    check_claims,
    check_services,
    check_secrets,
    check_monitor,
)


def deployed(expected: Expected, listed: Listed) -> bool:
    """Whether the application is there at all: any of its Services exists."""
    return any(listed.service(name) for name in expected_services(expected))


def check(expected: Expected, listed: Listed) -> list[Finding]:
    """All checks."""
    return [found for each in CHECKS for found in each(expected, listed)]


def pods_summary(expected: Expected, listed: Listed) -> list[dict[str, Any]]:
    """The site's pods as a module returns them: model (None for the router), name, node, ready."""
    owners: list[tuple[str | None, str]] = [(None, expected.router)]
    owners += [(m.name, expected.engine(m)) for m in expected.models]
    return [
        {"model": model, "name": pod["metadata"]["name"], "node": pod["spec"].get("nodeName"), "ready": ready(pod)}
        for model, service in owners
        for pod in listed.behind(service)
    ]


def services_summary(expected: Expected, listed: Listed) -> list[dict[str, Any]]:
    """The site's Services as a module returns them: name, exists, ready endpoints (count)."""
    return [
        {"name": name, "exists": listed.service(name) is not None, "endpoints": len(endpoints(listed, name))}
        for name in expected_services(expected)
    ]


def secrets_summary(expected: Expected, listed: Listed) -> list[dict[str, Any]]:
    """The site's Secrets as a module returns them: name, exists, sealed (owned by its SealedSecret); no values."""
    return [
        {"name": name, "exists": (found := named(listed.secrets, name)) is not None, "sealed": _sealed(found, name)}
        for name in expected.secrets
    ]


def _sealed(secret: Object | None, name: str) -> bool:
    owners = ((secret or {}).get("metadata") or {}).get("ownerReferences") or ()
    return any(o.get("kind") == "SealedSecret" and o.get("name") == name for o in owners)
