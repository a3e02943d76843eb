# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes a selector means, and what it nearly meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..findings import Finding, finding, refuse
from ..suggest import did_you_mean
from .nodes import GpuNode
from .products import normalise
from .settings import Selector

try:
    import jmespath
except ImportError:  # pragma: no cover - it is in requirements.txt
    jmespath = None

_LITERAL = re.compile(r"'([^']*)'|`\"([^\"`]*)\"`")


def select(nodes: Sequence[GpuNode], selector: Selector) -> tuple[GpuNode, ...]:
    """The nodes for which every part of the selector holds.

    Raises :class:`Refusal` (``gpu-selector-invalid``) for an expression that is no JMESPath.
    """
    wanted = normalise(selector.product)
    chosen = [
        node
        for node in nodes
        if selector.node in (None, node.name, node.hostname)
        and (wanted is None or wanted in {resource.product for resource in node.resources})
        and all(node.labels.get(key) == value for key, value in selector.labels.items())
    ]
    return tuple(chosen) if selector.expression is None else tuple(_matching(chosen, selector))


def _matching(nodes: Iterable[GpuNode], selector: Selector) -> Iterable[GpuNode]:
    if jmespath is None:  # pragma: no cover - it is in requirements.txt
        raise refuse("gpu-selector-invalid", selector.subject, "expressions need the Python package jmespath")
    try:
        compiled = jmespath.compile(selector.expression)
        return [node for node in nodes if compiled.search(node.to_dict()) not in (None, False, "", [], {})]
    except (jmespath.exceptions.JMESPathError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise refuse("gpu-selector-invalid", selector.subject, f"{selector.expression!r}: {reason}") from None


def without_match(nodes: Sequence[GpuNode], selector: Selector) -> Finding:
    """The finding for a selector that means no node, with the near miss named."""
    asked = _asked(selector)
    words = ", ".join(f"{key} = {value!r}" for key, value in asked) or repr(selector.expression)
    hints = [hint for key, value in asked if (hint := near_miss(nodes, key, value))]
    return finding(
        "gpu-selector-matches-none", selector.subject, f"no GPU node matches {words}" + "".join(f"; {h}" for h in hints)
    )


def _asked(selector: Selector) -> list[tuple[str, str]]:
    asked = [("kubernetes.io/hostname", selector.node), ("nvidia.com/gpu.product", selector.product)]
    asked += list(selector.labels.items())
    asked += [("expression", a or b) for a, b in _LITERAL.findall(selector.expression or "")]
    return [(key, value) for key, value in asked if value]


def near_miss(nodes: Sequence[Any], key: str, value: str) -> str:
    """Where ``value`` does exist, or which value was probably meant; empty when nothing is near.

    ``nodes`` are any objects with ``name`` and ``labels``.
    """
    if any(node.labels.get(key) == value for node in nodes):
        return ""
    for node in nodes:
        other = next((label for label, held in sorted(node.labels.items()) if held == value), None)
        if other:
            return "" if key == "expression" else f"{value!r} is the value of {other} on node {node.name}"
    known = {held for node in nodes for label, held in node.labels.items() if key in (label, "expression")}
    if key not in ("expression",) and not known:
        return f"no GPU node has the label {key}" + did_you_mean(key, {label for n in nodes for label in n.labels})
    guess = did_you_mean(value, known)
    if guess or len(known) > 8 or key == "expression":
        return f"{value!r} is not there{guess}" if guess else ""
    return f"{key} is one of {', '.join(sorted(known))}"
