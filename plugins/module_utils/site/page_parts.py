# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages share: one self-contained HTML file, without script, for the screen, the phone and the printer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import palette
from .markup import Child, Html, tag

STYLE = Path(__file__).parent / "page_assets" / "report.css"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
OUTCOMES = {"verified": ("ok", "Verified"), "failed": ("fatal", "Stopped"), "incomplete": ("warning", "Not verified")}


def whole(title: str, *body: Child) -> str:
    """The page around its body."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="robots", content="noindex"),
        tag("title", title),
        Html(f"<style>{_style()}</style>"),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', *body), lang='en')}\n"


def _style() -> str:
    # Paper is white whatever the screen is set to, hence "screen".
    light, dark = palette.variables(palette.LIGHT), palette.variables(palette.DARK)
    themes = (
        f":root{{color-scheme:light;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}"
    )
    return f"{themes}\n{STYLE.read_text(encoding='utf-8')}"


def section(name: str, title: str, *children: Child) -> Html:
    """A section with its heading."""
    return tag("section", tag("h2", title, id=f"{name}-title"), *children, id=name, aria_labelledby=f"{name}-title")


def chip(kind: str, text: str) -> Html:
    """A short word on a coloured ground."""
    return tag("span", text, class_=f"chip {kind}".strip())


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def table(caption: str | None, heads: Sequence[str], rows: Sequence[Sequence[Child | int]]) -> Html | None:
    """A table, or nothing where it would have no row."""
    if not rows:
        return None
    head = tag("thead", tag("tr", *(tag("th", h, scope="col") for h in heads)))
    body = tag("tbody", *(tag("tr", *(tag("td", c if isinstance(c, Html) else str(c)) for c in row)) for row in rows))
    return tag("table", tag("caption", caption) if caption else None, head, body)
