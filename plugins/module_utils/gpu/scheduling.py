# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler's rules that decide whether a pod may go to a node: selectors, affinity, taints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .nodes import Taint

HARD_EFFECTS = ("NoSchedule", "NoExecute")
REPORTED_ELSEWHERE = (
    "node.kubernetes.io/unschedulable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
)
"""Taints that Kubernetes itself sets for a state that a check of its own reports."""


def tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    """Whether one toleration covers one taint (core/v1 Toleration.ToleratesTaint)."""
    if toleration.get("effect") and toleration["effect"] != taint.effect:
        return False
    if toleration.get("key") and toleration["key"] != taint.key:
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return operator == "Equal" and bool(toleration.get("key")) and (toleration.get("value") or "") == taint.value


def untolerated(taints: Iterable[Taint], tolerations: Sequence[Mapping[str, Any]]) -> list[Taint]:
    """The taints that keep a pod with these tolerations away."""
    return [
        taint
        for taint in taints
        if taint.effect in HARD_EFFECTS
        and taint.key not in REPORTED_ELSEWHERE
        and not any(tolerates(toleration, taint) for toleration in tolerations)
    ]


def matches_selector(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    """Whether a nodeSelector holds."""
    return all(labels.get(key) == value for key, value in selector.items())


def _compares(labels: Mapping[str, str], key: str, values: Sequence[str], sign: int) -> bool:
    try:
        return sign * (int(labels[key]) - int(values[0])) > 0
    except (KeyError, ValueError, IndexError):
        return False


_OPERATORS: dict[str, Callable[[Mapping[str, str], str, Sequence[str]], bool]] = {
    "In": lambda labels, key, values: labels.get(key) in values,
    "NotIn": lambda labels, key, values: labels.get(key) not in values,
    "Exists": lambda labels, key, _unused: key in labels,
    "DoesNotExist": lambda labels, key, _unused: key not in labels,
    "Gt": lambda labels, key, values: _compares(labels, key, values, 1),
    "Lt": lambda labels, key, values: _compares(labels, key, values, -1),
}


def matches_terms(labels: Mapping[str, str], terms: Sequence[Mapping[str, Any]]) -> bool:
    """Whether required node affinity holds: terms are ORed, the expressions of a term ANDed; no term, no demand."""
    return not terms or any(_matches_term(labels, term) for term in terms)


def _matches_term(labels: Mapping[str, str], term: Mapping[str, Any]) -> bool:
    return all(
        expression.get("operator") in _OPERATORS
        and _OPERATORS[expression["operator"]](labels, str(expression.get("key")), expression.get("values") or [])
        for expression in term.get("matchExpressions") or []
    )
