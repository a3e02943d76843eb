# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan as people read it: one line a model."""

from __future__ import annotations

from collections.abc import Sequence

from ..gpu.nodes import GpuNode
from .plan import Placement, Plan

COLUMNS = ("NODE", "GPU", "MODEL", "NEEDS", "RESERVES", "FREE", "VERDICT")


def table(plan: Plan, nodes: Sequence[GpuNode]) -> list[str]:
    """Console lines. NEEDS is what the model cannot start without, RESERVES what vLLM takes, FREE what stays
    for other users of the GPU; GiB of one GPU.
    """
    by_name = {node.name: node for node in nodes}
    rows = [COLUMNS, *(_row(placement, by_name) for placement in plan.placements)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS) - 1)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]


def _row(placement: Placement, nodes: dict[str, GpuNode]) -> tuple[str, ...]:
    fit = placement.fit
    known = bool(fit.total)
    return (
        ",".join(placement.nodes),
        f"{placement.gpus} × {_product(placement, nodes)}",
        placement.model,
        f"{fit.needed:.1f}",
        f"{fit.reserved:.1f}" if known else "?",
        f"{fit.total - fit.reserved:.1f}" if known else "?",
        f"{fit.verdict.value}: {fit.reason}",
    )


def _product(placement: Placement, nodes: dict[str, GpuNode]) -> str:
    """The product that the node tells, else the resource name."""
    resources = nodes[placement.nodes[0]].resources
    products = [r.product for r in resources if r.name == placement.gpu_resource and r.product]
    return products[0] if products else placement.gpu_resource
