# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of service in a few lines that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def latency(seconds: float) -> str:
    """Seconds of one answer: milliseconds below a tenth."""
    return f"{seconds:.2f} s" if seconds >= 0.1 else f"{seconds * 1000:.0f} ms"


def answer_line(answer: Mapping[str, Any]) -> str:
    """What one model answered: ``mistral: 32 tokens in 0.9 s (35.6 tokens/s)``."""
    parts = [f"answered in {latency(answer['latency_s'])}"]
    if "tokens" in answer:
        rate = f", {answer['tokens_per_s']} tokens/s" if answer.get("tokens_per_s") else ""
        parts = [f"{answer['tokens']} tokens in {latency(answer['latency_s'])}{rate}"]
    if "dimension" in answer:
        parts.append(f"{answer['dimension']} dimensions")
    if similarity := answer.get("similarity"):
        parts.append(f"same meaning {similarity['same_meaning']:.2f} > unrelated {similarity['unrelated']:.2f}")
    return f"{answer['model']}: {', '.join(parts)}"


def lines_of(result: Mapping[str, Any]) -> list[str]:
    """The lines of a ``served_models`` result: each answer, the negatives in one, where the pods run."""
    lines = [f"{'√' if answer.get('ok') else '×'} {answer_line(answer)}" for answer in result.get("answers") or ()]
    negatives = result.get("negatives") or ()
    if negatives:
        passed = sum(1 for negative in negatives if negative.get("ok"))
        mark = "√" if passed == len(negatives) else "‼"
        lines.append(f"{mark} {passed} of {len(negatives)} requests that must be refused were refused")
    for pod in result.get("pods") or ():
        mark = "√" if pod.get("ready") else "×"
        lines.append(f"{mark} {pod.get('model') or 'router'}: pod {pod['name']} on {pod.get('node') or 'no node'}")
    return lines or ["nothing was asked: the application is not deployed"]
