# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: where inventory, Git and cluster of one site say different things. Pure.

Every part takes what a reading task registered and gives rows: what is, what should be. A part that could not be read
is a row too, so that nothing passes because nobody looked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..findings import Finding, finding

Result = Mapping[str, Any]
OK, DRIFT, UNKNOWN = "ok", "drift", "unknown"
SHOWN = 60
"""Characters of a value in a row: the report names what differs, the files hold the rest."""
LIMITS = ".routerSpec.resources"
COMMITS = ("runtime_class_commit", "sealed_commit", "commit")
"""The dry runs of the stages' commits; the first is missing where somebody else owns the RuntimeClass."""


@dataclass(frozen=True)
class Row:
    """One difference. ``actual`` and ``wanted`` are texts for people; an ``unknown`` row has a reason as ``actual``."""

    area: str
    subject: str
    actual: str
    wanted: str = ""
    kind: str = DRIFT

    @property
    def finding(self) -> Finding:
        """The row as a warning."""
        if self.kind == UNKNOWN:
            return finding("operations-drift-unknown", f"{self.area}: {self.subject}", self.actual)
        return finding("operations-drift", f"{self.area}: {self.subject}", f"is {self.actual}, wanted {self.wanted}")


Part = Callable[[Mapping[str, Result]], Iterator[Row]]


def rows_of(results: Mapping[str, Result]) -> list[Row]:
    """All rows of a site. ``results`` has what the tasks registered, by the names in :data:`PARTS`."""
    return [row for name, part in PARTS for row in _part(name, part, results)]


def areas_of(rows: Iterable[Row]) -> dict[str, str]:
    """The verdict of each area: drift before unknown before ok."""
    verdicts = dict.fromkeys(AREAS, OK)
    for row in rows:
        if verdicts[row.area] != DRIFT:
            verdicts[row.area] = row.kind
    return verdicts


def document(site: str, generated: str, results: Mapping[str, Result]) -> dict[str, Any]:
    """What ``<site>-drift.json`` holds."""
    rows = rows_of(results)
    return {
        "schema": 1,
        "site": site,
        "generated": generated,
        "revision": str((results.get("repository") or {}).get("revision") or ""),
        "drift": bool(rows),
        "areas": areas_of(rows),
        "rows": [asdict(row) for row in rows],
    }


def lines_of(found: Mapping[str, Any]) -> list[str]:
    """The document as a table for the console."""
    if not found["rows"]:
        return [f"{found['site']}: no drift (Git at {found['revision'][:10]})"]
    header = ("AREA", "WHAT", "IS", "SHOULD BE")
    table = [header, *((row["area"], row["subject"], row["actual"], row["wanted"]) for row in found["rows"])]
    return [f"{found['site']}: {len(found['rows'])} differences (Git at {found['revision'][:10]})", *_columns(table)]


def fleet_lines(sites: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line a site. A site without a document was not read."""
    rows = [("SITE", *(area.upper() for area in AREAS), "DIFFERENCES")]
    for site in sites:
        areas = site.get("areas") or dict.fromkeys(AREAS, UNKNOWN)
        count = str(len(site["rows"])) if "rows" in site else "not read"
        rows.append((str(site["site"]), *(areas[area] for area in AREAS), count))
    drifting = sum(1 for site in sites if site.get("drift", True))
    return [*_columns(rows), f"{drifting} of {len(sites)} sites differ from what they should be"]


# ------------------------------------------------------------------------------------------------------- parts


def _part(name: str, part: Part, results: Mapping[str, Result]) -> Iterator[Row]:
    """A part, or one row that says why it could not be judged."""
    area, needs = name.partition(" ")[0], NEEDS[name]
    for need in needs:
        result = results.get(need) or {}
        if not result or result.get("skipped"):
            yield Row(area, need, "was not read", kind=UNKNOWN)
            return
        if reason := _refused(result):
            yield Row(area, need, reason, kind=UNKNOWN)
            return
    yield from part(results)


def _refused(result: Result) -> str:
    """Why a reading task stopped; served_models reports what is wrong with the site instead of stopping."""
    if "answers" in result:
        return ""
    fatal = [f"{f['code']}: {f['message']}" for f in result.get("findings") or () if f.get("severity") == "fatal"]
    if fatal:
        return fatal[0]
    return "could not be read, because something before it could not" if result.get("failed") else ""


def _values(results: Mapping[str, Result]) -> Iterator[Row]:
    """The fresh plan against the committed values, value by value."""
    for change in results["values"].get("differences") or ():
        area = "limits" if LIMITS in f".{change['path']}" else "plan"
        subject = f"{change['file'].rpartition('/')[2]}: {change['path']}"
        yield Row(area, subject, _shown(change["old"]), _shown(change["new"]))


def _files(results: Mapping[str, Result]) -> Iterator[Row]:
    """Files that a run would commit."""
    for name in COMMITS:
        for path in (results.get(name) or {}).get("paths") or ():
            yield Row("git", path, "other content", "what a run would commit")


def _sealed(results: Mapping[str, Result]) -> Iterator[Row]:
    """Items that a run would seal again, and those sealed for an old certificate."""
    for item in results["sealed"].get("decisions") or ():
        if item["action"] != "keep":
            yield Row("git", f"{item['secret']}[{item['key']}]", item["reason"], "sealed from the present value")
    for name in results["sealed"].get("stale") or ():
        yield Row("git", _shown(name), "sealed for an older certificate", "sealed for the present one")


def _application(results: Mapping[str, Result]) -> Iterator[Row]:
    """The Application: synced and healthy, at the branch's head or at the newest commit that touched our files."""
    live, name = results["application"], "Application"
    if live.get("changed"):
        yield Row("live", name, "other settings", "what a run would apply")
    for word, wanted in (("sync", "Synced"), ("health", "Healthy")):
        if live.get(word) != wanted:
            yield Row("live", f"{name} {word}", str(live.get(word)), wanted)
    for status, resources in sorted((live.get("resources") or {}).items()):
        if status != "Synced":
            yield from (Row("live", resource, status, "Synced") for resource in resources)
    heads = {str(results["repository"].get("revision")), str(results["commit"].get("content_revision") or "")}
    if live.get("revision") not in heads:
        head = str(results["repository"].get("revision"))
        yield Row("live", f"{name} revision", str(live.get("revision") or "none")[:10], head[:10])


def _served(results: Mapping[str, Result]) -> Iterator[Row]:
    """Pods on the planned nodes, Services, Secrets, and models that answer."""
    for found in results["served"].get("findings") or ():
        if found["severity"] == "fatal":
            yield Row("live", found["subject"], found["message"], "as planned")


PARTS: tuple[tuple[str, Part], ...] = (
    ("plan values", _values),
    ("git files", _files),
    ("git secrets", _sealed),
    ("live application", _application),
    ("live models", _served),
)
NEEDS: Mapping[str, tuple[str, ...]] = {
    "plan values": ("preflight", "plan", "repository", "values"),
    "git files": ("commit",),
    "git secrets": ("sealed",),
    "live application": ("application", "repository", "commit"),
    "live models": ("served",),
}
AREAS = ("plan", "limits", "git", "live")


# ----------------------------------------------------------------------------------------------------- helpers


def _shown(value: Any) -> str:
    text = "not there" if value is None else str(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return ["  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip() for row in rows]
