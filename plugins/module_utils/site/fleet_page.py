# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the fleet: a row a site. A rendering of the document of :mod:`.fleet` and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .fleet import drift_text, unusual_texts
from .markup import Child, Html, join, tag
from .page_parts import OUTCOMES, chip, duration, section, table, whole

JSON = Mapping[str, Any]

UNKNOWN = ("", "No report")
HEADS = ("Site", "Outcome", "Models", "GPU", "Chart, image", "Drift", "Time", "Reported")
MODES = {"bare_metal": "bare metal", "vgpu": "vGPU"}


def render(document: JSON) -> str:
    """The whole page."""
    totals = document["totals"]
    title = f"Fleet: {totals['verified']} of {totals['sites']} sites verified"
    listed = table(None, HEADS, [_row(site) for site in document["sites"]])
    sites = section("sites", "Sites", tag("div", listed, class_="card scroll") if listed else None)
    # What needs somebody comes first.
    body = tag("main", _stopped(document), sites, _unusual(document))
    return whole(title, tag("a", "Skip to the sites", href="#sites", class_="skip"), _header(document), body, _footer())


def _header(document: JSON) -> Html:
    totals = document["totals"]
    kind = "fatal" if totals["failed"] else "ok" if totals["verified"] == totals["sites"] else "warning"
    word = {"ok": "All verified", "fatal": "Sites stopped", "warning": "Not all verified"}[kind]
    checked = ", check mode: nothing was changed" if document["mode"] == "check" else ""
    pairs = (
        ("Verified", f"{totals['verified']} of {totals['sites']}"),
        ("Stopped", str(totals["failed"])),
        ("Not verified", str(totals["incomplete"])),
        ("Without a report", str(totals["not_run"])),
        ("With drift", str(totals["drifting"])),
    )
    return tag(
        "header",
        tag("p", f"Language models of the fleet, {_when(document['generated'])}{checked}", class_="eyebrow"),
        tag("div", tag("h1", "Fleet"), tag("span", chip(kind, word), class_="chips"), class_="row"),
        tag("dl", *(tag("div", tag("dt", key), tag("dd", value)) for key, value in pairs), class_="facts"),
    )


def _row(site: JSON) -> tuple[Child, ...]:
    kind, word = OUTCOMES.get(site["outcome"], UNKNOWN)
    if "generated" not in site:
        return site["site"], chip(kind, word), "–", "–", "–", _drift(site), "–", "–"
    settings = site["settings"]
    versions = ", ".join(value for value in (settings["chart"], settings["image"]) if value)
    gpu = ", ".join(value for value in (MODES.get(settings["gpu_mode"], ""), settings["driver"]) if value)
    rehearsal = chip("warning", "Rehearsal") if site["rehearsal"] else None
    return (
        tag("a", site["site"], href=f"{quote(site['site'])}.html"),
        tag("span", chip(kind, word), rehearsal, class_="chips"),
        _models(site),
        gpu or "–",
        versions or "–",
        _drift(site),
        duration(site["seconds"]),
        _when(site["generated"]) + (", check mode" if site["mode"] == "check" else ""),
    )


def _models(site: JSON) -> Child:
    models = site["models"]
    answering = sum(1 for model in models if model["ok"])
    places = [f"{model['name']} on {model['node'] or 'no node'}" for model in models]
    lines: list[Child] = [child for place in places for child in (tag("br"), tag("span", place, class_="soft small"))]
    return join((f"{answering} of {len(models)} answer", *lines))


def _drift(site: JSON) -> Child:
    drift = site["drift"]
    kind = "" if not drift else "warning" if drift["differences"] else "ok"
    return chip(kind, drift_text(drift))


def _stopped(document: JSON) -> Html | None:
    cards = [_card(site) for site in document["sites"] if site["outcome"] in ("failed", "incomplete")]
    return section("stopped", "What needs somebody", *cards) if cards else None


def _card(site: JSON) -> Html:
    kind, word = OUTCOMES[site["outcome"]]
    head = tag("div", tag("h3", site["site"]), chip(kind, word), class_="row")
    return tag(
        "article", head, tag("p", site["headline"]), *map(_reason, site["reasons"]), class_=f"card finding {kind}"
    )


def _reason(reason: JSON) -> Html:
    what = (tag("strong", reason["subject"]), ": ", reason["message"], tag("br"))
    fix = (tag("span", "Fix: ", class_="fix"), reason["fix"], " ")
    return tag("p", *what, *fix, tag("span", tag("code", reason["code"]), class_="soft small"))


def _unusual(document: JSON) -> Html | None:
    rows = [(site["site"], text) for site in document["sites"] for text in unusual_texts(site)]
    listed = table(None, ("Site", "Unlike most others"), rows)
    return section("unusual", "Unlike the others", tag("div", listed, class_="card scroll")) if listed else None


def _when(generated: str) -> str:
    return generated.replace("T", " ").replace("Z", " UTC")


def _footer() -> Html:
    data = tag("a", "fleet.json", href="fleet.json")
    text = "Each row is what the last run of its site reported. The same data for programs: "
    return tag("footer", tag("p", text, data, "."), tag("p", "inferops.vllm"))
