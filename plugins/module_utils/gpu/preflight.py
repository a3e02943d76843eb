# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight as a whole: one snapshot, the checks over it, then what only a live cluster can answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..findings import Finding, fatal, finding
from ..suggest import did_you_mean
from .checks import Assessment, assess
from .dry_run import Creator, dry_run, news, without_own_quota
from .nodes import GpuNode
from .settings import Selector, Settings
from .smoke import ApiClient, SmokeOutcome, SmokeRequest, run_smoke
from .snapshot import Snapshot
from .table import lines


class LiveCluster(ApiClient, Creator, Protocol):
    """A connection that can do everything the preflight does after its snapshot."""


@dataclass(frozen=True)
class SmokeOptions:
    """How the GPU test pod is run. ``node`` empty: the first free GPU of the nodes in question."""

    image: str = "debian:12-slim"
    namespace: str = "default"
    node: str = ""
    timeout: float = 300.0
    keep_on_failure: bool = False


@dataclass(frozen=True)
class Preflight:
    """What the module returns."""

    assessment: Assessment
    findings: list[Finding]
    smoke: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The module's result; ``findings`` stay objects for the action base."""
        seen = self.assessment
        return {
            "failed": bool(fatal(self.findings)),
            "nodes": [node.to_dict() for node in seen.nodes],
            "own": seen.own,
            "storage_classes": seen.storage_classes,
            "api": seen.api,
            "smoke": self.smoke,
            "lines": lines(seen.nodes, self.findings, worst=seen.worst, smoke=self.smoke, own=seen.own),
            "findings": self.findings,
        }


def preflight(
    snapshot: Snapshot,
    settings: Settings,
    *,
    cluster: LiveCluster | None = None,
    pods: Sequence[object] = (),
    smoke: SmokeOptions | None = None,
    check_mode: bool = False,
    progress: Callable[[str], None] = lambda _unused: None,
) -> Preflight:
    """Judge a snapshot; with a ``cluster`` also dry-run ``pods`` and, if ``smoke`` is given, run the test pod."""
    assessment = assess(snapshot, settings)
    findings = list(assessment.findings)
    if cluster is not None:
        findings += news(without_own_quota(dry_run(cluster, pods, settings), assessment.own), findings)
    if smoke is None:
        return Preflight(assessment, findings, {})
    outcome = _smoke(assessment, findings, settings, smoke, None if check_mode else cluster, progress)
    if check_mode:
        outcome = _skipped("check mode")
    return Preflight(assessment, [*findings, *news(outcome.findings, findings)], outcome.data)


def _skipped(why: str) -> SmokeOutcome:
    return SmokeOutcome([finding("gpu-smoke-skipped", "smoke test", why)], {})


def _smoke(
    assessment: Assessment,
    findings: Sequence[Finding],
    settings: Settings,
    smoke: SmokeOptions,
    cluster: LiveCluster | None,
    progress: Callable[[str], None],
) -> SmokeOutcome:
    if cluster is None:
        return _skipped("no live cluster: a snapshot is replayed")
    if stop := fatal(findings):
        return _skipped(f"{stop[0].code} would make it fail")
    if any(f.code == "gpu-runtime-class-missing" for f in findings):
        return _skipped(f"RuntimeClass {settings.runtime_class} does not exist yet")
    node = choose_node(assessment.nodes, settings, smoke.node)
    if isinstance(node, Finding):
        return SmokeOutcome([node], {})
    return run_smoke(cluster, _request(node, settings, smoke), progress=progress)


def choose_node(nodes: Sequence[GpuNode], settings: Settings, wanted: str) -> GpuNode | Finding:
    """The node for the test: the one asked for, else the first that has a free GPU and may run engines."""
    if wanted:
        named = next((node for node in nodes if wanted in (node.name, node.hostname)), None)
        hint = did_you_mean(wanted, [node.name for node in nodes])
        return named or finding("gpu-node-unknown", "smoke_node", f"no GPU node is called {wanted!r}{hint}")
    pinned = set(settings.gpu_nodes)
    for node in nodes:
        meant = bool(pinned & {node.name, node.hostname}) if pinned else settings.gpu_mode == "bare_metal" or node.vgpu
        if meant and node.ready and node.schedulable and _free(node, settings):
            return node
    return finding("gpu-smoke-skipped", "smoke test", f"no {settings.wanted} is free")


def _free(node: GpuNode, settings: Settings) -> str | None:
    """The first configured resource of which the node has one free."""
    return next((r.name for name in settings.resources for r in node.resources if r.name == name and r.free), None)


def _request(node: GpuNode, settings: Settings, smoke: SmokeOptions) -> SmokeRequest:
    return SmokeRequest(
        node=node,
        resource=_free(node, settings) or settings.resource,
        runtime_class=settings.runtime_class,
        tolerations=settings.tolerations,
        namespace=smoke.namespace,
        release=settings.release,
        image=smoke.image,
        timeout=smoke.timeout,
        keep_on_failure=smoke.keep_on_failure,
        required_cuda=settings.required_cuda,
    )


def settings_from(options: Mapping[str, Any], asked: Mapping[str, str] | None = None) -> Settings:
    """Module options as settings, with what the engines ask for together; unset strings are empty."""
    return Settings(
        gpu_mode=options["gpu_mode"],
        gpu_nodes=tuple(options["gpu_nodes"]),
        resources=tuple(options["resources"] or ("nvidia.com/gpu",)),
        runtime_class=options["runtime_class"],
        runtime_class_owner=options["runtime_class_owner"],
        expect_runtime_class=options["expect_runtime_class"],
        tolerations=tuple(options["tolerations"]),
        namespace=options["namespace"],
        release=options["release"],
        required_cuda=options["required_cuda"] or None,
        selectors=tuple(Selector(**{k: v for k, v in s.items() if v is not None}) for s in options["selectors"]),
        storage_classes=tuple(options["storage_classes"]),
        asked=asked or {},
    )
