# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report page of a site.

A rendering of the document of :mod:`.report` and of nothing else. Every text goes through :mod:`.markup`, which
escapes it; the content security policy forbids script and every request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..serving.outcome import latency
from .gpu_map import hue, legend, node_cards
from .markup import Child, Html, tag
from .page_parts import OUTCOMES, chip, duration, section, table, whole

JSON = Mapping[str, Any]

STATUSES = {
    "ok": ("ok", "passed"),
    "changed": ("ok", "passed, with changes"),
    "failed": ("fatal", "stopped here"),
    "not_run": ("", "not run"),
}
MARKS = {"ok": "M3 8.5 L6.5 12 L13 4.5", "fatal": "M4 4 L12 12 M12 4 L4 12", "": "M4 8 L12 8"}
SEVERITIES = {"fatal": "Stops the run", "warning": "Warning", "info": "For your information"}


def render(document: JSON) -> str:
    """The whole page."""
    title = f"{document['site']}: {OUTCOMES[document['outcome']][1].lower()}"
    sections = [_map(document), _answers(document), _stages(document), _revisions(document)]
    # What stops a run is what its reader came for.
    sections.insert(0 if document["totals"]["fatal"] else 3, _findings(document))
    return whole(
        title,
        tag("a", "Skip to the map", href="#map", class_="skip"),
        _header(document),
        tag("main", *sections, _objects(document["verification"])),
        _footer(document),
    )


def _header(document: JSON) -> Html:
    kind, word = OUTCOMES[document["outcome"]]
    when = document["generated"].replace("T", " ").replace("Z", " UTC")
    checked = ", check mode: nothing was changed" if document["mode"] == "check" else ""
    rehearsal = chip("warning", "Rehearsal: simulated models") if document["rehearsal"] else None
    return tag(
        "header",
        tag("p", f"Language models of this site, {when}{checked}", class_="eyebrow"),
        tag("div", tag("h1", document["site"]), tag("span", rehearsal, chip(kind, word), class_="chips"), class_="row"),
        tag("p", document["headline"], class_="headline"),
        _facts(document),
    )


def _facts(document: JSON) -> Html:
    models, stages, totals = document["models"], document["stages"], document["totals"]
    answering = sum(1 for model in models if (model["answer"] or {}).get("ok"))
    passed = sum(1 for stage in stages if stage["status"] in ("ok", "changed"))
    revision = document["revisions"][-1]["revision"][:10] if document["revisions"] else "none"
    pairs: list[tuple[str, Child]] = [
        ("Models that answer", f"{answering} of {len(models)}"),
        ("Stages passed", f"{passed} of {len(stages)}"),
        ("Findings to act on", str(totals["warning"] + totals["fatal"])),
        ("Time taken", duration(totals["seconds"])),
        ("Revision", tag("code", revision)),
    ]
    return tag("dl", *(tag("div", tag("dt", key), tag("dd", value)) for key, value in pairs), class_="facts")


def _map(document: JSON) -> Html:
    cards = node_cards(document)
    if not document["nodes"]:
        nothing = "No GPU node is known: the first stage has not run or found none."
        cards.insert(0, tag("div", tag("p", nothing), class_="card"))
    return section("map", "Where the models run", legend() if document["nodes"] else None, *cards)


def _answers(document: JSON) -> Html:
    cards = [_answer(model) for model in document["models"]]
    nothing = None if cards else tag("div", tag("p", "There is no model to ask."), class_="card")
    refused = _refusals(document["verification"]["negatives"])
    grid = tag("div", *cards, class_="grid") if cards else None
    return section("answers", "What the models answered", nothing, grid, refused)


def _refusals(negatives: Sequence[JSON]) -> Html | None:
    """A row for each model, a column for each request that must be refused."""
    probes = list(dict.fromkeys(n["probe"] for n in negatives))
    cells = {(n["model"], n["probe"]): _refusal(n) for n in negatives}
    models = dict.fromkeys(n["model"] for n in negatives)
    rows = [(model, *(cells.get((model, probe), "not asked") for probe in probes)) for model in models]
    listed = table("Requests that must be refused", ("Model", *probes), rows)
    return tag("div", listed, class_="card scroll gap") if listed else None


def _refusal(negative: JSON) -> Html:
    said = str(negative["status"] or "no answer")
    return chip("ok", f"{said} ✓") if negative["ok"] else chip("fatal", f"{said} ✗ not refused as it must be")


def _answer(model: JSON) -> Html:
    answer = model["answer"]
    state = (
        ("ok", "answers")
        if answer and answer["ok"]
        else ("fatal", "wrong answer")
        if answer
        else ("warning", "no answer")
    )
    head = tag("div", tag("h3", model["name"]), chip(*state), class_="row")
    where = f"{model['role']}, on {model['node']}" if model["node"] else str(model["role"])
    about = tag("p", tag("code", model["repository"]), tag("br"), where, class_="soft small")
    details = _measured(answer) if answer else (tag("p", "It was not asked, or gave no answer; see the findings."),)
    return tag("article", head, about, *details, class_=f"card {hue(model['role'])}")


def _measured(answer: JSON) -> tuple[Child, ...]:
    numbers = [("answered in", latency(answer["latency_s"]))]
    if "tokens" in answer:
        numbers.append(("tokens", str(answer["tokens"])))
    if answer.get("tokens_per_s"):
        numbers.append(("tokens per second", f"{answer['tokens_per_s']:.1f}"))
    if "dimension" in answer:
        numbers.append(("dimensions", str(answer["dimension"])))
    listed = tag("dl", *(tag("div", tag("dt", k), tag("dd", v)) for k, v in numbers), class_="numbers")
    said = (
        tag("blockquote", f"\u201c{answer['first_words']}\u201d", class_="said") if answer.get("first_words") else None
    )
    return said, _similarity(answer.get("similarity")), listed


def _similarity(similarity: JSON | None) -> Html | None:
    if not similarity:
        return None
    rows: list[Child] = []
    for key, text in (("same_meaning", "same meaning"), ("unrelated", "unrelated")):
        value = float(similarity[key])
        filled = tag(
            "rect",
            width=f"{max(0.0, min(1.0, value)) * 100:.1f}%",
            height="100%",
            class_="w" if key == "same_meaning" else "n",
        )
        ground = tag("rect", width="100%", height="100%", class_="f")
        rows += [
            tag("span", text, class_="soft"),
            tag("svg", ground, filled, aria_hidden="true"),
            tag("span", f"{value:.2f}"),
        ]
    return tag("div", *rows, class_="scale")


def _stages(document: JSON) -> Html:
    total = document["totals"]["seconds"]
    items, passed = [], 0.0
    for stage in document["stages"]:
        items.append(_stage(stage, passed, total))
        passed += stage["seconds"]
    return section("stages", "Stages and gates", tag("div", tag("ol", *items, class_="line"), class_="card"))


def _stage(stage: JSON, start: float, total: float) -> Html:
    kind, word = STATUSES[stage["status"]]
    drawn = tag("svg", tag("path", d=MARKS[kind]), viewBox="0 0 16 16")
    mark = tag("span", drawn, class_=f"mark {kind}".strip(), aria_hidden="true")
    counts = [f"{n} {severity}" for severity, n in stage["findings"].items() if n and severity != "info"]
    time = [duration(stage["seconds"])] if stage["status"] != "not_run" else []
    about = tag("span", ", ".join([word, *time, *counts]), class_="soft small")
    gate = tag("p", "Gate: ", stage["gate"], class_="soft small")
    return tag("li", mark, tag("div", tag("h3", stage["title"]), about, class_="row"), gate, _span(stage, start, total))


def _span(stage: JSON, start: float, total: float) -> Html | None:
    """The stage's share of the run, at its place in time."""
    if stage["status"] == "not_run" or not total:
        return None
    ground = tag("rect", width="100%", height="100%", class_="f")
    place, width = f"{100 * start / total:.2f}%", f"{max(0.5, 100 * stage['seconds'] / total):.2f}%"
    shape = tag("rect", x=place, width=width, height="100%", class_="x" if stage["status"] == "failed" else "w")
    return tag("svg", ground, shape, class_="span a", aria_hidden="true")


def _findings(document: JSON) -> Html:
    findings = document["findings"]
    loud = [_finding(f) for f in findings if f["severity"] != "info"]
    quiet = [_finding(f) for f in findings if f["severity"] == "info"]
    nothing = None if loud else tag("div", tag("p", "No warning and nothing that stops the run."), class_="card")
    folded = tag("details", tag("summary", f"{SEVERITIES['info']} ({len(quiet)})"), *quiet) if quiet else None
    return section("findings", "Findings", nothing, *loud, folded)


def _finding(finding: JSON) -> Html:
    kind = finding["severity"]
    state = chip(kind if kind != "info" else "", SEVERITIES[kind])
    head = tag("div", tag("h3", finding["title"] or finding["code"]), state, class_="row")
    what = tag("p", tag("strong", finding["subject"]), ": ", finding["message"])
    fix = tag("p", tag("span", "Fix: ", class_="fix"), finding["fix"])
    see = tag(
        "p",
        tag("code", finding["code"]),
        f" in stage {finding['stage']}; more in {finding['anchor']}",
        class_="soft small",
    )
    return tag("article", head, what, fix, see, class_=f"card finding {kind}")


def _revisions(document: JSON) -> Html:
    rows = [
        (r["application"] or "–", tag("code", r["revision"]), _link(r["repository"])) for r in document["revisions"]
    ]
    if not rows:
        return section(
            "revision", "Revision in Git", tag("div", tag("p", "Nothing was committed or synced."), class_="card")
        )
    listed = table(None, ("Application", "Commit", "Repository"), rows)
    return section("revision", "Revision in Git", tag("div", listed, class_="card scroll"))


def _link(url: str) -> Child:
    return tag("a", url, href=url, rel="noreferrer") if url.startswith(("https://", "http://")) else url


def _objects(verification: JSON) -> Html | None:
    pods = [(p["name"], p["model"] or "router", p["node"] or "none", _ready(p)) for p in verification["pods"]]
    services = [(s["name"], _endpoints(s)) for s in verification["services"]]
    secrets = [(s["name"], _sealed(s)) for s in verification["secrets"]]
    opened = [(e["service"], f"{e['method']} {e['path']}", e["gives"]) for e in verification["open_endpoints"]]
    tables = [
        table("Pods", ("Pod", "Model", "Node", "State"), pods),
        table("Services", ("Service", "State"), services),
        table("Secrets", ("Secret", "State"), secrets),
        table("Endpoints that need no key", ("Service", "Path", "Gives"), opened),
    ]
    shown = [tag("div", listed, class_="card scroll") for listed in tables if listed]
    return section("objects", "In the cluster", tag("div", *shown, class_="grid two")) if shown else None


def _ready(pod: JSON) -> str:
    return "ready" if pod["ready"] else "not ready"


def _endpoints(service: JSON) -> str:
    return f"ready endpoints: {service['endpoints']}" if service["exists"] else "missing"


def _sealed(secret: JSON) -> str:
    return "from its SealedSecret" if secret["sealed"] else "not sealed" if secret["exists"] else "missing"


def _footer(document: JSON) -> Html:
    twin = f"{document['site']}.json"
    text = "Memory is calculated before the first commit; answers were measured through the cluster's own router. "
    return tag(
        "footer",
        tag("p", text, "The same data for programs: ", tag("a", twin, href=twin), "."),
        tag("p", "inferops.vllm"),
    )
