# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The map of the report page: nodes, their GPUs, and the memory of each model on them, drawn to scale.

Bars are SVG with lengths in percent, so they follow the width of the page and print without background graphics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .markup import Html, tag

JSON = Mapping[str, Any]

LEGEND = (
    ("w", "needed: weights"),
    ("n", "needed: working memory and one full-length request"),
    ("r", "reserved: room for more requests"),
    ("f", "free"),
)


def hue(role: str) -> str:
    """The colour class of a model's role."""
    return "a" if role == "instruct" else "b"


def legend() -> Html:
    """What the parts of a bar mean."""
    items = [tag("li", _swatch(part), text) for part, text in LEGEND]
    return tag("ul", *items, class_="legend a", aria_label="Legend")


def _swatch(part: str) -> Html:
    return tag("svg", _rect(0, 100, part), class_="a", aria_hidden="true")


def _rect(start: float, width: float, part: str) -> Html:
    return tag("rect", x=f"{start:.2f}%", y="0", width=f"{max(0.0, width):.2f}%", height="100%", class_=part)


def gpu_bar(total: float, fit: JSON | None, role: str, label: str, width: float) -> Html:
    """One GPU: ``width`` percent of the line, its parts in proportion to ``total`` GiB."""
    shapes = [_rect(0, 100, "f")]
    if fit:
        share = 100 / total
        weights = min(fit["weights"], total) * share
        needed = min(fit["needed"], total) * share
        reserved = max(min(fit["reserved"], total) * share, needed)
        impossible = fit["needed"] > total
        shapes.append(_rect(0, reserved, "r"))
        shapes.append(_rect(0, needed, "x" if impossible else "n"))
        shapes.append(_rect(0, weights, "x" if impossible else "w"))
        shapes += [_tick(place) for place in (needed, reserved) if 0 < place < 99.9]
    return tag(
        "svg", *shapes, class_=f"bar {hue(role)}", role="img", aria_label=label, width=f"{width:.2f}%", height="40"
    )


def _tick(place: float) -> Html:
    return tag("line", x1=f"{place:.2f}%", x2=f"{place:.2f}%", y1="0", y2="100%", class_="tick")


def node_cards(document: JSON) -> list[Html]:
    """A card for every node, and one for models that have no node on the map."""
    largest = max((gpus["memory_gib"] or 0 for node in document["nodes"] for gpus in node["gpus"]), default=0)
    models = {model["name"]: model for model in document["models"]}
    cards = [_node(node, models, largest) for node in document["nodes"]]
    mapped = {name for node in document["nodes"] for gpus in node["gpus"] for name in gpus["units"]}
    lost = [model["name"] for model in document["models"] if model["name"] not in mapped]
    if lost:
        text = f"On no node of this map: {', '.join(lost)}."
        cards.append(tag("div", tag("p", text), class_="card"))
    return cards


def _node(node: JSON, models: Mapping[str, JSON], largest: float) -> Html:
    notes = [
        "virtual GPU" if node["vgpu"] else None,
        f"driver {node['driver']}" if node["driver"] else None,
        None if node["ready"] else "not ready",
    ]
    head = tag(
        "div",
        tag("h3", node["name"]),
        tag("span", ", ".join(note for note in notes if note), class_="soft small"),
        class_="row",
    )
    units = [
        _unit(gpus, place, name, models, largest)
        for gpus in node["gpus"]
        for place, name in enumerate(gpus["units"], 1)
    ]
    nothing = None if units else tag("p", "This node offers no GPU.", class_="soft")
    return tag("article", head, *units, nothing, class_="card")


def _unit(gpus: JSON, place: int, name: str | None, models: Mapping[str, JSON], largest: float) -> Html:
    model = models.get(name) if name else None
    fit = model["fit"] if model else None
    total = gpus["memory_gib"] or (fit["total"] if fit else 0)
    title = f"{gpus['product'] or gpus['resource']} {place} of {len(gpus['units'])}"
    size = f"{total:.1f} GiB" if total else "memory unknown"
    shared = "" if gpus["sharing"] == "none" else f", {gpus['sharing']}"
    holder = (
        tag("strong", tag("span", class_=f"swatch {hue(model['role'])}"), name)
        if model
        else tag("span", "no model", class_="soft")
    )
    head = tag("div", tag("span", holder), tag("span", f"{title}, {size}{shared}", class_="soft small"), class_="row")
    label = f"{title}, {size}: " + (_sentence(name, fit) if fit else f"{name or 'no model'}")
    width = 100 * total / largest if total and largest else 100
    drawn = gpu_bar(total or 1, fit, model["role"] if model else "instruct", label, min(width, 100))
    return tag("div", head, drawn, _numbers(fit, total) if fit else None, class_="unit")


def _sentence(name: str | None, fit: JSON) -> str:
    return f"{name} needs {fit['needed']:.1f} GiB and reserves {fit['reserved']:.1f} GiB"


def _numbers(fit: JSON, total: float) -> Html:
    pairs: Sequence[tuple[str, str]] = (
        ("needs", f"{fit['needed']:.1f} GiB"),
        ("reserves", f"{fit['reserved']:.1f} GiB"),
        ("free", f"{max(0.0, total - max(fit['reserved'], fit['needed'])):.1f} GiB"),
        (
            "verdict",
            {"fits": "fits", "tight": "tight: less than 1 GiB to spare", "no": "does not fit"}.get(
                fit["verdict"], "not known"
            ),
        ),
    )
    return tag("dl", *(tag("div", tag("dt", f"{key} "), tag("dd", value)) for key, value in pairs), class_="fits")
