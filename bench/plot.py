# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as a drawing: how much of its budget each one takes."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from bench.measure import Budget

WIDTH, LEFT, RIGHT, ROW, TOP = 960, 430, 110, 30, 56
SCALE = 2.0
"""Shares of a budget that fit; what is beyond ends in an arrow."""
INK, SOFT, MET, MISSED, PAPER = "#1b2430", "#566173", "#1d6b3f", "#a8231a", "#ffffff"
FONT = 'font-family="system-ui, DejaVu Sans, sans-serif" font-size="13"'
NAMED = 'aria-label="Share of each budget that is used"'


def share(value: float, budget: Budget) -> float:
    """How much of its budget a figure takes; more than 1 misses it."""
    if budget.least:
        return budget.goal / value if value else SCALE
    return value / budget.goal


def plot(figures: Mapping[str, float], known: Mapping[str, Budget]) -> str:
    """An SVG with a bar for each figure that has a budget, in the order of the budgets."""
    shown = [(budget, figures[name]) for name, budget in known.items() if name in figures]
    height = TOP + ROW * len(shown) + 24
    at_goal = LEFT + (WIDTH - LEFT - RIGHT) / SCALE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {NAMED} {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        f'<text x="20" y="28" font-size="17" font-weight="600" fill="{INK}">Share of each budget that is used</text>',
        f'<text x="{at_goal:.0f}" y="{TOP - 10}" text-anchor="middle" fill="{SOFT}">goal</text>',
        *(part for place, (budget, value) in enumerate(shown) for part in _bar(place, budget, value)),
        f'<line x1="{at_goal:.0f}" x2="{at_goal:.0f}" y1="{TOP - 4}" y2="{height - 20}" stroke="{INK}"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(place: int, budget: Budget, value: float) -> list[str]:
    y, used = TOP + ROW * place, share(value, budget)
    width = (WIDTH - LEFT - RIGHT) * min(used, SCALE) / SCALE
    colour = MET if used <= 1 else MISSED
    text = f"{value:.3g} ({budget.written(budget.goal)})" + (" →" if used > SCALE else "")
    return [
        f'<text x="{LEFT - 12}" y="{y + 19}" text-anchor="end" fill="{INK}">{escape(budget.title)}</text>',
        f'<rect x="{LEFT}" y="{y + 5}" width="{max(width, 1):.1f}" height="{ROW - 10}" rx="3" fill="{colour}"/>',
        f'<text x="{LEFT + width + 8:.1f}" y="{y + 19}" fill="{SOFT}">{escape(text)}</text>',
    ]
