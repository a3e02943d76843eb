# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks over one snapshot, and what makes a list of findings readable: one root cause, one finding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..findings import Finding, Severity
from . import node_checks, site_checks, stack_checks
from .capacity import own_units
from .facts import read
from .nodes import GpuNode
from .scene import NODE, ClusterCheck, NodeCheck, Scene
from .settings import Settings
from .snapshot import Snapshot

CLUSTER_CHECKS: tuple[ClusterCheck, ...] = (*site_checks.CLUSTER_CHECKS, *stack_checks.CLUSTER_CHECKS)
NODE_CHECKS: tuple[NodeCheck, ...] = (*node_checks.NODE_CHECKS, *stack_checks.NODE_CHECKS)

_NO_STACK = (
    "gpu-extension-missing",
    "gpu-extension-duplicate",
    "gpu-extension-mismatch",
    "gpu-flavour-wrong",
    "gpu-driver-drops-gpu",
    "gpu-node-not-ready",
    "gpu-operator-broken",
)
_NO_CLASS = ("gpu-runtime-class-missing", "gpu-runtime-class-handler")
_NO_PLUGIN = (*_NO_STACK, *_NO_CLASS, "gpu-runtime-handler-absent")

EXPLAINED_BY: Mapping[str, tuple[str, ...]] = {
    "gpu-runtime-handler-absent": (*_NO_CLASS, "gpu-extension-missing"),
    "gpu-runtime-handler-unknown": (*_NO_CLASS, "gpu-extension-missing"),
    "gpu-device-plugin-missing": ("gpu-operator-broken",),
    "gpu-device-plugin-runtime-class": _NO_PLUGIN,
    "gpu-device-plugin-not-ready": _NO_PLUGIN,
    "gpu-device-plugin-pod-security": _NO_CLASS,
    "gpu-present-label-missing": ("gpu-extension-missing", "gpu-operator-broken"),
    "gpu-device-plugin-taint": ("gpu-extension-missing",),
    "gpu-not-offered": (*_NO_PLUGIN, "gpu-device-plugin-missing", "gpu-two-stacks"),
    "gpu-unhealthy": (*_NO_STACK, "gpu-device-plugin-missing"),
    "gpu-driver-unknown": ("gpu-extension-missing", "gpu-talos-too-old"),
    "gpu-driver-too-old": ("gpu-extension-duplicate", "gpu-extension-mismatch"),
    "gpu-driver-labels-differ": ("gpu-extension-duplicate", "gpu-extension-mismatch"),
    "gpu-vgpu-label-missing": ("gpu-extension-missing",),
    "gpu-stack-undocumented": ("gpu-two-stacks", "gpu-operator-broken"),
}
"""Code: the codes that make it a mere consequence, if they are about the same node or the whole cluster."""

CAUSES = frozenset(code for codes in EXPLAINED_BY.values() for code in codes)
RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Assessment:
    """Everything the preflight concludes from one snapshot."""

    nodes: tuple[GpuNode, ...]
    own: dict[str, dict[str, int]]
    findings: list[Finding]
    storage_classes: list[dict[str, Any]]
    api: dict[str, bool | None]
    worst: dict[str, Severity]
    """The worst that is said about each node that something is said about."""


def assess(snapshot: Snapshot, settings: Settings) -> Assessment:
    """Capacity, our own use of it, and the findings of all checks. Pure; never raises on a bad snapshot."""
    facts, findings = read(snapshot)
    scene = Scene(facts, settings)
    findings += [f for check in CLUSTER_CHECKS for f in check(scene)]
    findings += [f for check in NODE_CHECKS for node in scene.candidates for f in check(scene, node)]
    roots = without_consequences(findings)
    eased = _eased(roots, set(settings.gpu_nodes), {node.name for node in scene.candidates})
    return Assessment(
        nodes=scene.nodes,
        own=own_units(facts, settings.namespace, settings.release),
        findings=_joined(eased),
        storage_classes=[dict(c) for c in facts.storage_classes],
        api=dict(facts.api),
        worst=_worst(eased),
    )


def check(snapshot: Snapshot, settings: Settings) -> list[Finding]:
    """The findings alone."""
    return assess(snapshot, settings).findings


def _worst(findings: Iterable[Finding]) -> dict[str, Severity]:
    worst: dict[str, Severity] = {}
    for f in findings:
        if f.subject.startswith(NODE):
            name = f.subject.removeprefix(NODE)
            worst[name] = min(f.severity, worst.get(name, f.severity), key=RANK.__getitem__)
    return worst


def without_consequences(findings: Iterable[Finding]) -> list[Finding]:
    """The root causes among the findings, each once.

    A cause counts only for what is no worse than itself: a hint never hides what stops the stage.
    """
    findings = list(dict.fromkeys(findings))
    rank: dict[tuple[str, str], int] = {}
    for f in findings:
        if f.code in CAUSES:
            key = (f.code, f.subject if f.subject.startswith(NODE) else "")
            rank[key] = min(RANK[f.severity], rank.get(key, RANK[f.severity]))

    def explained(f: Finding) -> bool:
        keys = [(code, place) for code in EXPLAINED_BY.get(f.code, ()) for place in ("", f.subject)]
        return any(key in rank and rank[key] <= RANK[f.severity] for key in keys)

    return [f for f in findings if not explained(f)]


def _eased(findings: list[Finding], pinned: set[str], candidates: set[str]) -> list[Finding]:
    """A node that nobody named may be broken as long as another candidate is not."""
    broken = {f.subject.removeprefix(NODE) for f in findings if f.severity is Severity.FATAL}
    if pinned or not candidates - broken:
        return findings
    return [
        replace(f, severity=Severity.WARNING) if f.severity is Severity.FATAL and f.subject.startswith(NODE) else f
        for f in findings
    ]


def _joined(findings: list[Finding]) -> list[Finding]:
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for f in findings:
        alike = f.subject.startswith(NODE) or f.code == "gpu-snapshot-invalid"
        key = (f.code, f.severity.value, f.fix) if alike else (f.code, f.subject, f.message)
        groups.setdefault(key, []).append(f)
    return [_one(group) for group in groups.values()]


def _one(group: list[Finding]) -> Finding:
    """One finding for a group; messages that differ are given with their subject."""
    if len(group) == 1:
        return group[0]
    subjects = list(dict.fromkeys(f.subject for f in group))
    if len({f.message for f in group}) == 1:
        message = group[0].message
    else:
        more = f"; and {len(group) - site_checks.SHOWN} more" if len(group) > site_checks.SHOWN else ""
        shown = group[: site_checks.SHOWN]
        message = "; ".join(f"{f.subject.removeprefix(NODE)}: {f.message}" for f in shown) + more
    return replace(group[0], subject=site_checks.some(subjects), message=message)
