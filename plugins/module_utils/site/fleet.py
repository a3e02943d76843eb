# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet: a row a site, from the sites' reports and drift reports. Pure.

:func:`row_of` is what a run says about its site, small enough for a job's artefacts. :func:`build` joins the rows of
all sites into the document of the fleet, and says which site is unlike the others. A site without a row was not run:
it is shown, never left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .drift import AREAS
from .report import readable

JSON = dict[str, Any]
Row = Mapping[str, Any]

SCHEMA_VERSION = 1
REASONS = 3
"""Findings of a row: the report of the site has all of them."""
OUTCOMES = ("verified", "failed", "incomplete", "not_run")
WORDS = {"verified": "verified", "failed": "failed", "incomplete": "not verified", "not_run": "without a report"}
LEAST_SITES = 3
"""Two sites that differ do not say which one is unusual."""
COMPARED = (("chart", ""), ("image", ""), ("driver", "gpu_mode"), ("models", "gpu_mode"))
"""What sites are compared in, and among which of them: all, or those of one GPU mode."""


def row_of(report: Mapping[str, Any]) -> JSON:
    """The row of a site's report (the document that :func:`.report.build` makes)."""
    return {
        **{name: report[name] for name in ("site", "generated", "mode", "rehearsal", "outcome", "headline")},
        "seconds": report["totals"]["seconds"],
        "fatal": report["totals"]["fatal"],
        "warning": report["totals"]["warning"],
        "reasons": _reasons(report),
        "models": [_model(model) for model in report["models"]],
        "settings": _settings(report),
        "revision": report["revisions"][-1]["revision"] if report["revisions"] else "",
    }


def row_or_unreadable(site: str, report: Any) -> JSON:
    """The row of a report that was read from a file, whatever the file held."""
    try:
        return row_of(report)
    except (KeyError, TypeError, IndexError, AttributeError):
        return {"site": site, "outcome": "not_run", "headline": "The report of this site cannot be read."}


def _reasons(report: Mapping[str, Any]) -> list[JSON]:
    """Why the site is not verified: what stopped it, or what it warns of."""
    severity = "fatal" if report["totals"]["fatal"] else "warning"
    names = ("code", "subject", "message", "fix", "anchor")
    found = [{name: f[name] for name in names} for f in report["findings"] if f["severity"] == severity]
    return found[:REASONS]


def _model(model: Mapping[str, Any]) -> JSON:
    answer = model["answer"] or {}
    names = ("name", "repository", "node")
    return {**{n: model[n] for n in names}, "ok": bool(answer.get("ok")), "latency_s": answer.get("latency_s")}


def _settings(report: Mapping[str, Any]) -> JSON:
    """What sites can be compared in; "" is not known."""
    drivers = sorted({node["driver"] for node in report["nodes"] if node["driver"]})
    given = report.get("settings") or {}
    models = sorted(f"{model['name']}={model['repository']}" for model in report["models"])
    # A model that did not answer is known by the name that the inventory gives it, which may be a short one.
    answered = all(model["answer"] for model in report["models"])
    known = {name: str(given.get(name) or "") for name in ("gpu_mode", "chart", "image")}
    return {**known, "driver": ", ".join(drivers), "models": ", ".join(models) if answered else ""}


def drift_of(document: Mapping[str, Any]) -> JSON:
    """What a site's drift report says, in short."""
    areas = {area: str(document["areas"][area]) for area in AREAS}
    return {"generated": str(document["generated"]), "differences": len(document["rows"]), "areas": areas}


def build(
    sites: Sequence[str], rows: Iterable[Row], drifts: Mapping[str, Mapping[str, Any]], generated: str, check: bool
) -> JSON:
    """The document of the fleet. ``drifts`` are drift reports by site. Raises :class:`Refusal` for other input."""
    return readable("fleet", lambda: _build(sites, rows, drifts, generated, check))


def _build(
    sites: Sequence[str], rows: Iterable[Row], drifts: Mapping[str, Mapping[str, Any]], generated: str, check: bool
) -> JSON:
    known = {row["site"]: dict(row) for row in rows}
    found = [_site(name, known.get(name), drifts.get(name)) for name in sites]
    odd = unusual(found)
    for site in found:
        site["unusual"] = odd.get(site["site"], [])
    mode = "check" if check else "run"
    return {"schema": SCHEMA_VERSION, "generated": generated, "mode": mode, "totals": _totals(found), "sites": found}


def _site(name: str, row: Row | None, drift: Mapping[str, Any] | None) -> JSON:
    missing = {"site": name, "outcome": "not_run", "headline": "No run has reported this site yet."}
    site: JSON = {**(row or missing), "drift": drift_of(drift) if drift else None}
    if site["outcome"] not in OUTCOMES:
        raise ValueError(site["outcome"])
    return site


def _totals(sites: Sequence[Row]) -> dict[str, int]:
    outcomes = Counter(site["outcome"] for site in sites)
    drifting = sum(1 for site in sites if site["drift"] and site["drift"]["differences"])
    odd = sum(1 for site in sites if site["unusual"])
    counts = {outcome: outcomes[outcome] for outcome in OUTCOMES}
    return {"sites": len(sites), **counts, "drifting": drifting, "unusual": odd}


# ------------------------------------------------------------------------------------------- unlike the others


def unusual(sites: Sequence[Row]) -> dict[str, list[JSON]]:
    """By site, what it has unlike most others: ``{"what", "value", "usual", "sites"}``.

    Usual is what more than half of the comparable sites have; without such a value nobody is unusual.
    """
    found: dict[str, list[JSON]] = {}
    for what, among in COMPARED:
        for group in _groups(sites, among):
            for name, difference in _outliers(what, group):
                found.setdefault(name, []).append(difference)
    return found


def _groups(sites: Sequence[Row], among: str) -> list[list[Row]]:
    groups: dict[str, list[Row]] = {}
    for site in sites:
        if settings := site.get("settings"):
            groups.setdefault(str(settings.get(among, "")), []).append(site)
    return list(groups.values())


def _outliers(what: str, group: Sequence[Row]) -> Iterator[tuple[str, JSON]]:
    values = {site["site"]: site["settings"][what] for site in group if site["settings"][what]}
    if len(values) < LEAST_SITES:
        return
    usual, count = Counter(values.values()).most_common(1)[0]
    if 2 * count <= len(values):
        return
    for name, value in values.items():
        if value != usual:
            yield name, {"what": what, "value": value, "usual": usual, "sites": count}


# --------------------------------------------------------------------------------------------------- the summary


def summary_lines(document: Mapping[str, Any]) -> list[str]:
    """The end of a run over many sites: how many are verified, and of each other one why not."""
    totals = document["totals"]
    counts = ", ".join(f"{totals[o]} {WORDS[o]}" for o in OUTCOMES if totals[o] or o == "verified")
    lines = [f"fleet of {totals['sites']} sites: {counts}"]
    for site in document["sites"]:
        if site["outcome"] != "verified":
            lines += [f"{'×' if site['outcome'] == 'failed' else '‼'} {site['site']}: {site['headline']}"]
            lines += [f"    {r['code']}: {r['subject']}: {r['message']}" for r in site.get("reasons") or ()]
    lines += [f"‼ {site['site']}: {drift_text(site['drift'])}" for site in document["sites"] if _drifts(site)]
    lines += [f"‼ {site['site']}: {text}" for site in document["sites"] for text in unusual_texts(site)]
    return lines


def _drifts(site: Row) -> bool:
    return bool(site["drift"] and site["drift"]["differences"])


def drift_text(drift: Mapping[str, Any] | None) -> str:
    """Drift in a few words."""
    if not drift:
        return "not compared"
    if not drift["differences"]:
        return "none"
    areas = ", ".join(area for area, verdict in drift["areas"].items() if verdict != "ok")
    return f"{drift['differences']} difference{'' if drift['differences'] == 1 else 's'} ({areas})"


def unusual_texts(site: Row) -> list[str]:
    """What is unlike the others, as sentences."""
    return [f"{o['what']} is {o['value']}, {o['sites']} others have {o['usual']}" for o in site["unusual"]]
