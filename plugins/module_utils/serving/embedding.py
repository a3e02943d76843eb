# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes an embedding plausible: its dimension, finite values, and texts alike in meaning that lie closer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..findings import Finding, finding

TEXTS = (
    "The town hall opens at nine o'clock in the morning.",
    "In the morning the town hall opens its doors at nine.",
    "Basalt is a dark volcanic rock rich in iron.",
)
"""A text, one that means the same, and one that does not."""

Judgement = tuple[list[Finding], dict[str, Any]]


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """Cosine similarity of two vectors of the same length, neither of them zero."""
    # Normalised first: the product of two tiny norms would be zero.
    left_norm, right_norm = math.hypot(*left), math.hypot(*right)
    return math.fsum((a / left_norm) * (b / right_norm) for a, b in zip(left, right, strict=True))


def defect(vector: Any) -> str | None:
    """What is wrong with one vector; None when nothing is."""
    if not isinstance(vector, list) or not vector:
        return "is not a list of numbers"
    for place, value in enumerate(vector):
        if not finite(value):
            return f"has {str(value)[:20]} at place {place}, which is no finite number"
    return None if any(vector) else "is all zeros"


def finite(value: Any) -> bool:
    """Whether a value from JSON is a number that arithmetic can be done with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e150  # false for NaN too; beyond it squares overflow


def judge(subject: str, vectors: Sequence[Any], dimension: int | None) -> Judgement:
    """Judge the embeddings of :data:`TEXTS`. ``dimension`` None accepts any, as long as all have the same."""
    if len(vectors) != len(TEXTS):
        message = f"{len(TEXTS)} texts gave {len(vectors)} embeddings"
        return [finding("serving-embedding-invalid", subject, message)], {}
    for number, vector in enumerate(vectors, 1):
        if wrong := defect(vector):
            return [finding("serving-embedding-invalid", subject, f"embedding {number} of {len(TEXTS)} {wrong}")], {}
    sizes = {len(vector) for vector in vectors}
    if len(sizes) > 1 or (dimension and sizes != {dimension}):
        found = ", ".join(map(str, sorted(sizes)))
        message = f"the embeddings have {found} dimensions, expected {dimension or 'one size'}"
        return [finding("serving-embedding-dimension", subject, message)], {"dimension": max(sizes)}
    text, same, unrelated = vectors
    findings, measures = judge_scores(subject, cosine(text, same), cosine(text, unrelated))
    return findings, {"dimension": len(text), **measures}


def judge_scores(subject: str, same: float, unrelated: float) -> Judgement:
    """The pair alike in meaning must score higher than the unrelated pair."""
    measures = {"similarity": {"same_meaning": round(same, 4), "unrelated": round(unrelated, 4)}}
    if same > unrelated:
        return [], measures
    message = f"two texts that mean the same score {same:.3f}, two unrelated ones {unrelated:.3f}"
    return [finding("serving-embedding-meaningless", subject, message)], measures
