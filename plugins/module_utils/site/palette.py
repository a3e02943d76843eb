# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report page's colours, for light and for dark; a test holds their contrasts to WCAG 2.2 AA."""

from __future__ import annotations

LIGHT = {
    "paper": "#f6f5f1",
    "card": "#ffffff",
    "ink": "#1b2430",
    "soft": "#566173",
    "line": "#dcdad2",
    "accent": "#1d4f8c",
    "ok": "#1d6b3f",
    "ok-wash": "#e6f2ea",
    "warning": "#8a5300",
    "warning-wash": "#fbf0da",
    "fatal": "#a8231a",
    "fatal-wash": "#fbe9e6",
    "a": "#1d4f8c",
    "a-mid": "#5d8bc4",
    "a-wash": "#d3e1f2",
    "b": "#0f655f",
    "b-mid": "#45a29a",
    "b-wash": "#cfe9e6",
    "free": "#efede6",
}
DARK = {
    "paper": "#11161d",
    "card": "#1a212b",
    "ink": "#e7eaf0",
    "soft": "#a4afc0",
    "line": "#323c4a",
    "accent": "#8fbaf0",
    "ok": "#7fd3a0",
    "ok-wash": "#173226",
    "warning": "#f0bd62",
    "warning-wash": "#382b12",
    "fatal": "#ff9d92",
    "fatal-wash": "#41201d",
    "a": "#8fbaf0",
    "a-mid": "#5482ba",
    "a-wash": "#28405f",
    "b": "#74d2c8",
    "b-mid": "#37918a",
    "b-wash": "#1d4643",
    "free": "#232c38",
}

READ_ON = (
    ("ink", "paper"),
    ("ink", "card"),
    ("soft", "paper"),
    ("soft", "card"),
    ("accent", "paper"),
    ("accent", "card"),
    ("ok", "card"),
    ("ok", "ok-wash"),
    ("warning", "card"),
    ("warning", "warning-wash"),
    ("fatal", "card"),
    ("fatal", "fatal-wash"),
    ("ink", "ok-wash"),
    ("ink", "warning-wash"),
    ("ink", "fatal-wash"),
)
"""Which colour is text on which ground (contrast at least 4.5)."""


def variables(palette: dict[str, str]) -> str:
    """The palette as CSS custom properties."""
    return "".join(f"--{name}:{value};" for name, value in palette.items())
