# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot as typed facts. Whatever in it is malformed becomes a finding and is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..findings import Finding, Severity, finding
from .nodes import Taint
from .quantity import quantity
from .snapshot import OPTIONAL, SOURCES, Snapshot

Record = Mapping[str, Any]
T = TypeVar("T")


class Malformed(ValueError):
    """A record does not have the form that the snapshot module writes."""


@dataclass(frozen=True)
class NodeFacts:
    """One node. ``handlers`` is None when the API does not tell (containerd < 2.0 or Kubernetes < 1.31)."""

    name: str
    labels: dict[str, str]
    unschedulable: bool
    taints: tuple[Taint, ...]
    ready: str
    ready_reason: str
    allocatable: dict[str, str]
    capacity: dict[str, str]
    os_image: str
    architecture: str
    handlers: tuple[str, ...] | None

    @property
    def hostname(self) -> str:
        """The value that a pin on kubernetes.io/hostname must have; the node's name where the label is absent."""
        return self.labels.get("kubernetes.io/hostname", self.name)

    def offers(self, resource: str) -> int:
        """Allocatable units of an extended resource."""
        return int(quantity(self.allocatable.get(resource, "0")))

    def offers_any(self, resources: Iterable[str]) -> int:
        """Allocatable units of several resources together."""
        return sum(self.offers(resource) for resource in resources)

    def has(self, resource: str) -> int:
        """Units of an extended resource that the device plugin registered, healthy or not."""
        return int(quantity(self.capacity.get(resource, "0")))


@dataclass(frozen=True)
class PodFacts:
    """One pod that holds, waits for or was refused an extended resource."""

    namespace: str
    name: str
    node: str
    phase: str
    reason: str
    labels: dict[str, str]
    requests: dict[str, int]

    @property
    def holds(self) -> bool:
        """Whether its requests count against its node."""
        return bool(self.node) and self.phase not in ("Succeeded", "Failed")


@dataclass(frozen=True)
class RuntimeClassFacts:
    """One RuntimeClass; ``tracking`` is the Argo CD application that its marks name, or empty."""

    name: str
    handler: str
    node_selector: dict[str, str]
    tolerations: tuple[dict[str, Any], ...]
    owners: tuple[str, ...]
    tracking: str


@dataclass(frozen=True)
class DaemonSetFacts:
    """One DaemonSet of a GPU stack; ``role`` is device-plugin, gfd, nfd or mps."""

    namespace: str
    name: str
    role: str
    operator: bool
    runtime_class: str
    node_selector: dict[str, str]
    terms: tuple[dict[str, Any], ...]
    tolerations: tuple[dict[str, Any], ...]
    desired: int
    current: int
    ready: int

    @property
    def subject(self) -> str:
        """How findings name it."""
        return f"daemonset/{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Facts:
    """The whole snapshot. ``missing`` names the sections that were not read: nothing follows from their emptiness."""

    namespace: str = ""
    nodes: tuple[NodeFacts, ...] = ()
    pods: tuple[PodFacts, ...] = ()
    runtime_classes: tuple[RuntimeClassFacts, ...] = ()
    daemonsets: tuple[DaemonSetFacts, ...] = ()
    deployments: tuple[Record, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    quotas: tuple[Record, ...] = ()
    limit_ranges: tuple[Record, ...] = ()
    storage_classes: tuple[Record, ...] = ()
    claims: tuple[Record, ...] = ()
    api: Mapping[str, bool | None] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()

    def knows(self, section: str) -> bool:
        """Whether the section was read."""
        return section not in self.missing


def _text(record: Record, key: str) -> str:
    value = record.get(key, "")
    if not isinstance(value, str):
        raise Malformed(f"{key} is not a string")
    return value


def _name(record: Record) -> str:
    name = _text(record, "name")
    if not name:
        raise Malformed("name is missing")
    return name


def _count(record: Record, key: str) -> int:
    value = record.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Malformed(f"{key} is not a count")
    return value


def _flag(record: Record, key: str) -> bool:
    value = record.get(key, False)
    if not isinstance(value, bool):
        raise Malformed(f"{key} is not true or false")
    return value


def _mapping(record: Record, key: str, of: type[T], what: str) -> dict[str, T]:
    value = record.get(key, {})
    if not isinstance(value, dict) or not all(
        isinstance(k, str) and isinstance(v, of) and not isinstance(v, bool) for k, v in value.items()
    ):
        raise Malformed(f"{key} is not a map of {what}")
    return value


def _strings(record: Record, key: str) -> dict[str, str]:
    return _mapping(record, key, str, "strings")


def _records(record: Record, key: str) -> tuple[dict[str, Any], ...]:
    value = record.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise Malformed(f"{key} is not a list of objects")
    return tuple(value)


def _names(record: Record, key: str) -> tuple[str, ...]:
    value = record.get(key, [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise Malformed(f"{key} is not a list of strings")
    return tuple(value)


def _quantities(record: Record, key: str) -> dict[str, str]:
    values = _strings(record, key)
    for name, value in values.items():
        try:
            negative = quantity(value) < 0
        except ValueError as error:
            raise Malformed(f"{key}[{name}]: {error}") from None
        if negative:
            raise Malformed(f"{key}[{name}] is negative")
    return values


def _node(record: Record) -> NodeFacts:
    taints = tuple(Taint(_text(t, "key"), _text(t, "effect"), _text(t, "value")) for t in _records(record, "taints"))
    return NodeFacts(
        name=_name(record),
        labels=_strings(record, "labels"),
        unschedulable=_flag(record, "unschedulable"),
        taints=taints,
        ready=_text(record, "ready"),
        ready_reason=_text(record, "ready_reason"),
        allocatable=_quantities(record, "allocatable"),
        capacity=_quantities(record, "capacity"),
        os_image=_text(record, "os_image"),
        architecture=_text(record, "architecture"),
        handlers=None if record.get("handlers") is None else _names(record, "handlers"),
    )


def _pod(record: Record) -> PodFacts:
    requests = _mapping(record, "requests", int, "counts")
    if any(count < 0 for count in requests.values()):
        raise Malformed("requests holds a negative count")
    return PodFacts(
        namespace=_text(record, "namespace"),
        name=_name(record),
        node=_text(record, "node"),
        phase=_text(record, "phase"),
        reason=_text(record, "reason"),
        labels=_strings(record, "labels"),
        requests=requests,
    )


def _runtime_class(record: Record) -> RuntimeClassFacts:
    return RuntimeClassFacts(
        name=_name(record),
        handler=_text(record, "handler"),
        node_selector=_strings(record, "node_selector"),
        tolerations=_records(record, "tolerations"),
        owners=_names(record, "owners"),
        tracking=_text(record, "tracking"),
    )


def _daemonset(record: Record) -> DaemonSetFacts:
    return DaemonSetFacts(
        namespace=_text(record, "namespace"),
        name=_name(record),
        role=_text(record, "role"),
        operator=_flag(record, "operator"),
        runtime_class=_text(record, "runtime_class"),
        node_selector=_strings(record, "node_selector"),
        terms=tuple({"matchExpressions": list(_expressions(term))} for term in _records(record, "terms")),
        tolerations=_records(record, "tolerations"),
        desired=_count(record, "desired"),
        current=_count(record, "current"),
        ready=_count(record, "ready"),
    )


def _expressions(term: Record) -> Iterator[dict[str, Any]]:
    for expression in _records(term, "matchExpressions"):
        texts = {key: _text(expression, key) for key in ("key", "operator")}
        yield {**texts, "values": list(_names(expression, "values"))}


def _deployment(record: Record) -> Record:
    return {key: _text(record, key) for key in ("namespace", "role", "image")} | {
        "name": _name(record),
        "ready": _count(record, "ready"),
    }


def _namespace(record: Record) -> Record:
    return {"name": _name(record), "security": _strings(record, "security")}


def _quota(record: Record) -> Record:
    return {"name": _name(record), "hard": _quantities(record, "hard"), "used": _quantities(record, "used")}


def _limit_range(record: Record) -> Record:
    limits = [
        {"type": _text(item, "type"), "max": _quantities(item, "max"), "default": _quantities(item, "default")}
        for item in _records(record, "limits")
    ]
    return {"name": _name(record), "limits": limits}


def _storage_class(record: Record) -> Record:
    texts = {key: _text(record, key) for key in ("provisioner", "binding")}
    return {
        "name": _name(record),
        "default": _flag(record, "default"),
        "expandable": _flag(record, "expandable"),
        **texts,
    }


def _claim(record: Record) -> Record:
    return {"name": _name(record), **{key: _text(record, key) for key in ("phase", "storage_class", "size")}}


_PARSERS: dict[str, Callable[[Record], Any]] = {
    "nodes": _node,
    "pods": _pod,
    "runtime_classes": _runtime_class,
    "daemonsets": _daemonset,
    "deployments": _deployment,
    "namespaces": _namespace,
    "quotas": _quota,
    "limit_ranges": _limit_range,
    "storage_classes": _storage_class,
    "claims": _claim,
}


def read(snapshot: Snapshot) -> tuple[Facts, list[Finding]]:
    """The facts of a snapshot, and a finding for each part that is missing, unreadable or malformed."""
    findings: list[Finding] = []
    unreadable = _unreadable(snapshot, findings)
    parsed: dict[str, tuple[Any, ...]] = {}
    for section in SOURCES:
        if section in unreadable:
            findings.extend(_gap(section, unreadable[section]))
        elif isinstance(snapshot.get(section), list):
            parsed[section] = tuple(_entries(section, snapshot[section], findings))
        else:
            findings.append(_broken(section, "is missing" if section not in snapshot else "is not a list"))
    fields: dict[str, Any] = {**parsed, "namespaces": {n["name"]: n["security"] for n in parsed.get("namespaces", ())}}
    facts = Facts(
        namespace=snapshot["namespace"] if isinstance(snapshot.get("namespace"), str) else "",
        api=_api(snapshot, findings),
        missing=frozenset(set(SOURCES) - set(parsed)),
        **fields,
    )
    return facts, findings


def _unreadable(snapshot: Snapshot, findings: list[Finding]) -> dict[str, str]:
    value = snapshot.get("unreadable", {})
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return value
    findings.append(_broken("unreadable", "is not a map of strings"))
    return {}


def _api(snapshot: Snapshot, findings: list[Finding]) -> dict[str, bool | None]:
    value = snapshot.get("api")
    if isinstance(value, dict) and all(flag is None or isinstance(flag, bool) for flag in value.values()):
        return value
    findings.append(_broken("api", "is missing" if "api" not in snapshot else "is not a map of true and false"))
    return {}


def _entries(section: str, entries: list[Any], findings: list[Finding]) -> Iterator[Any]:
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(entries):
        subject = f"{section}[{index}]"
        if not isinstance(entry, dict):
            findings.append(_broken(subject, "is not an object"))
            continue
        identity = (str(entry.get("namespace", "")), str(entry.get("name")))
        if identity in seen:
            findings.append(_broken(subject, f"repeats {'/'.join(filter(None, identity))}"))
            continue
        try:
            fact = _PARSERS[section](entry)
        except Malformed as error:
            findings.append(_broken(subject, str(error)))
            continue
        seen.add(identity)
        yield fact


def _broken(subject: str, message: str) -> Finding:
    severity = Severity.FATAL if subject == "nodes" else None
    return finding("gpu-snapshot-invalid", f"snapshot.{subject}", message, severity=severity)


def _gap(section: str, reason: str) -> Iterator[Finding]:
    severity = Severity.FATAL if section == "nodes" else Severity.INFO if section in OPTIONAL else None
    if not reason.endswith("forbidden"):
        yield finding("gpu-read-failed", f"snapshot.{section}", reason, severity=severity)
    else:
        path = SOURCES[section][0]
        resource = path.rpartition("/")[2]
        scope = "in the target namespace" if "{namespace}" in path else "on the whole cluster"
        message = f"{reason}; the right to list {resource} {scope} is missing, so nothing is known about them"
        yield finding("gpu-right-missing", f"snapshot.{section}", message, severity=severity)
