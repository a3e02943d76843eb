# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight as a person reads it: nodes, their GPUs, the models planned on them, and the findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..findings import MARKS, Finding, Severity, render
from .nodes import GpuNode, GpuResource

HEADER = ("", "NODE", "GPU", "MEMORY", "RESOURCE", "FREE", "SHARING", "DRIVER", "STATE")
SHOWN = 40
"""Rows of a table; a cluster of thousands of nodes is summed up in one line below it."""


def lines(
    nodes: Sequence[GpuNode],
    findings: Sequence[Finding],
    *,
    worst: Mapping[str, Severity] | None = None,
    models: Mapping[str, Sequence[str]] | None = None,
    smoke: Mapping[str, Any] | None = None,
    own: Mapping[str, Mapping[str, int]] | None = None,
) -> list[str]:
    """Console lines.

    ``own`` is what our engines hold, by node; ``worst`` is the worst severity that is said about a node (none: not
    ours to judge); ``models`` maps node names to the models that a plan puts there.
    """
    header = HEADER if models is None else (*HEADER, "MODELS")
    marks = {node.name: _mark(node, (worst or {}).get(node.name), bool((own or {}).get(node.name))) for node in nodes}
    rows = [row for node in nodes for row in _rows(node, marks[node.name], models)]
    table = _aligned([header, *rows[:SHOWN]]) if rows else [f"{MARKS[Severity.FATAL]} no GPU node"]
    if len(rows) > SHOWN:
        table.append(f"  … and {len(rows) - SHOWN} more rows")
    return [*table, *_smoke_line(smoke), *render(findings), _verdict(findings)]


def _rows(node: GpuNode, mark: str, models: Mapping[str, Sequence[str]] | None) -> list[tuple[str, ...]]:
    state = ("ready" if node.ready else "not ready") + ("" if node.schedulable else ", cordoned")
    planned = () if models is None else (", ".join(models.get(node.name, ())) or "-",)
    rows = []
    for index, resource in enumerate(node.resources or (None,)):
        first = index == 0
        identity = (mark, node.name) if first else ("", "")
        tail = (node.driver or "?", state, *planned) if first else ("", "", *("" for _unused in planned))
        rows.append((*identity, *_cells(resource), *tail))
    return rows


def _cells(resource: GpuResource | None) -> tuple[str, ...]:
    if resource is None:
        return ("none offered", "-", "-", "-", "-")
    memory = f"{resource.memory_mib / 1024:.0f} GiB" if resource.memory_mib else "?"
    shared = f"{resource.sharing} x{resource.replicas}" if resource.replicas > 1 else resource.sharing
    return (resource.product or "?", memory, resource.name, f"{resource.free}/{resource.allocatable}", shared)


def _mark(node: GpuNode, said: Severity | None, ours: bool) -> str:
    """What is said about the node itself; one that has nothing free for us is at least worth a look."""
    usable = ours or any(resource.free for resource in node.resources)
    return MARKS[said if said in (Severity.FATAL, Severity.WARNING) else Severity.INFO if usable else Severity.WARNING]


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _smoke_line(smoke: Mapping[str, Any] | None) -> list[str]:
    if not smoke or not smoke.get("product"):
        return []
    found = f"{smoke['product']}, driver {smoke['driver'] or '?'}, CUDA {smoke['cuda'] or '?'}"
    return [f"{MARKS[Severity.INFO]} nvidia-smi on node {smoke['node']} after {smoke['seconds']} s: {found}"]


def _verdict(findings: Sequence[Finding]) -> str:
    fatal, warnings = (sum(f.severity is severity for f in findings) for severity in (Severity.FATAL, Severity.WARNING))
    if fatal:
        return f"{MARKS[Severity.FATAL]} a GPU pod would not run: {fatal} fatal, {_warnings(warnings)}"
    mark = MARKS[Severity.WARNING if warnings else Severity.INFO]
    return f"{mark} nothing keeps a GPU pod from running: {_warnings(warnings)}"


def _warnings(count: int) -> str:
    return f"{count or 'no'} warning{'' if count == 1 else 's'}"
