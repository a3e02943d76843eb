# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift: nothing passes unread, and every difference is a row in its area."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.site import drift

HEAD, OTHER = "a" * 40, "b" * 40


def clean() -> dict[str, dict[str, Any]]:
    return {
        "repository": {"revision": HEAD},
        "preflight": {"nodes": []},
        "plan": {"plan": {}},
        "values": {"differences": []},
        "sealed": {
            "decisions": [{"secret": "vllm/vllm-secret", "key": "KEY", "action": "keep", "reason": ""}],
            "stale": [],
        },
        "runtime_class_commit": {"skipped": True},
        "sealed_commit": {"paths": []},
        "commit": {"paths": [], "content_revision": OTHER},
        "application": {
            "sync": "Synced",
            "health": "Healthy",
            "revision": HEAD,
            "resources": {"Synced": ["Deployment/a"]},
            "changed": False,
        },
        "served": {"answers": [], "findings": []},
    }


def test_a_site_that_is_as_it_should_be() -> None:
    found = drift.document("town", "now", clean())
    assert (found["drift"], found["rows"], found["revision"]) == (False, [], HEAD)
    assert found["areas"] == dict.fromkeys(drift.AREAS, drift.OK)
    assert drift.lines_of(found) == ["town: no drift (Git at aaaaaaaaaa)"]


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("values", {"differences": [diff]}, area, text)
    for diff, area, text in (
        ({"file": "a/values.yaml", "path": "vllm.servingEngineSpec.x", "old": 1, "new": None}, "plan", "not there"),
        ({"file": "a/values.yaml", "path": "vllm.routerSpec.resources.limits.memory", "old": "1Gi", "new": "2Gi"},
         "limits", "2Gi"),
    )
] + [
    ("commit", {"paths": ["a/values.yaml"], "content_revision": OTHER}, "git", "a/values.yaml"),
    ("runtime_class_commit", {"paths": ["k8s/r.yaml"]}, "git", "k8s/r.yaml"),
    ("sealed_commit", {"paths": [".gitignore"]}, "git", ".gitignore"),
    ("sealed", {"decisions": [{"secret": "vllm/s", "key": "K", "action": "seal", "reason": "new"}]}, "git", "new"),
    ("sealed", {"decisions": [], "stale": ["vllm/s"]}, "git", "older certificate"),
    ("application", {**clean()["application"], "sync": "OutOfSync"}, "live", "OutOfSync"),
    ("application", {**clean()["application"], "health": "Degraded"}, "live", "Degraded"),
    ("application", {**clean()["application"], "revision": "c" * 40}, "live", "cccccccccc"),
    ("application", {**clean()["application"], "revision": ""}, "live", "none"),
    ("application", {**clean()["application"], "changed": True}, "live", "other settings"),
    ("application", {**clean()["application"], "resources": {"OutOfSync": ["Service/a"]}}, "live", "Service/a"),
    ("served", {"answers": [], "findings": [{"severity": "fatal", "subject": "pod/a", "message": "elsewhere"}]}, "live",
     "elsewhere"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "result", "area", "text"), CASES)
def test_each_difference_is_one_row(name: str, result: dict[str, Any], area: str, text: str) -> None:
    found = drift.document("town", "now", {**clean(), name: result})
    assert [row["area"] for row in found["rows"]] == [area]
    assert found["areas"][area] == drift.DRIFT
    assert text in "\n".join(drift.lines_of(found))
    assert drift.Row(**found["rows"][0]).finding.code == "operations-drift"


def test_an_application_at_the_newest_commit_of_ours_is_in_order() -> None:
    results = clean()
    results["application"]["revision"] = OTHER
    assert drift.rows_of(results) == []


@pytest.mark.parametrize("name", sorted({need for needs in drift.NEEDS.values() for need in needs}))
@pytest.mark.parametrize(
    "result",
    [
        {},
        {"skipped": True},
        {"findings": [{"severity": "fatal", "code": "c", "message": "no right"}]},
        {"failed": True},
    ],
)
def test_what_was_not_read_is_never_in_order(name: str, result: dict[str, Any]) -> None:
    found = drift.document("town", "now", {**clean(), name: result})
    assert found["drift"]
    assert drift.UNKNOWN in found["areas"].values()
    assert {drift.Row(**row).finding.code for row in found["rows"]} == {"operations-drift-unknown"}


def test_long_values_are_cut_and_the_fleet_counts_what_was_not_read() -> None:
    results = clean()
    results["values"] = {"differences": [{"file": "f", "path": "p", "old": "x" * 100, "new": "y"}]}
    town = drift.document("town", "now", results)
    assert len(town["rows"][0]["actual"]) == drift.SHOWN
    lines = drift.fleet_lines([town, drift.document("village", "now", clean()), {"site": "hamlet"}])
    assert lines[0].split() == ["SITE", "PLAN", "LIMITS", "GIT", "LIVE", "DIFFERENCES"]
    assert lines[1].split() == ["town", "drift", "ok", "ok", "ok", "1"]
    assert lines[3].split() == ["hamlet", *["unknown"] * 4, "not", "read"]
    assert lines[-1] == "2 of 3 sites differ from what they should be"
