# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML that cannot forget to escape: text is escaped unless it is already :class:`Html`."""

from __future__ import annotations

from html import escape
from typing import TypeAlias

VOID = frozenset({"meta", "rect", "path", "line", "br"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = "str | Html | None"


def join(children: tuple[Child, ...] | list[Html] | list[Child]) -> Html:
    """The children one after the other, plain text escaped, None left out."""
    return Html("".join(c if isinstance(c, Html) else escape(str(c)) for c in children if c is not None))


def tag(element: str, /, *children: Child, **attributes: str | None) -> Html:
    """An element. A trailing underscore of an attribute's name is dropped, inner ones become hyphens."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in VOID:
        return Html(f"<{element}{shown}>" if element in ("meta", "br") else f"<{element}{shown}/>")
    return Html(f"<{element}{shown}>{join(children)}</{element}>")
