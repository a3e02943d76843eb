# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet: every site is a row, who stopped says why, who is unlike the others is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.inferops.vllm.plugins.action import fleet_report
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.site import drift, fleet, fleet_page
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import Run, build

from tests.unit.site_drift.test_drift import clean
from tests.unit.site_report.samples import EVIL, RUNS, WHEN, hostile
from tests.unit.site_report.test_page import KNOWN, read

ROOT = Path(__file__).parents[3]
Row = dict[str, Any]


def row(site: str, run: str = "served", **settings: str) -> Row:
    """The row of one of the sample runs under another name."""
    found = fleet.row_of({**build(RUNS[run]()), "site": site})
    found["settings"] |= {"gpu_mode": "bare_metal", "chart": "0.1.8", "image": "v0.12.0", **settings}
    return found


def joined(rows: list[Row], sites: list[str] | None = None, drifts: dict[str, Any] | None = None) -> dict[str, Any]:
    return fleet.build(sites or [r["site"] for r in rows], rows, drifts or {}, WHEN, False)


def test_every_site_of_the_inventory_is_counted_once_in_its_order() -> None:
    found = joined([row("b"), row("a", "stopped")], ["a", "b", "c"])
    assert [(s["site"], s["outcome"]) for s in found["sites"]] == [("a", "failed"), ("b", "verified"), ("c", "not_run")]
    totals = {"sites": 3, "verified": 1, "failed": 1, "incomplete": 0, "not_run": 1, "drifting": 0, "unusual": 0}
    assert found["totals"] == totals


def test_an_empty_fleet_is_not_verified() -> None:
    found = joined([])
    assert fleet.summary_lines(found) == ["fleet of 0 sites: 0 verified"]


def test_the_summary_says_which_site_stopped_and_why_and_nothing_about_the_others() -> None:
    stopped = row("town07", "stopped")
    lines = fleet.summary_lines(joined([row("town01"), stopped, row("town02")]))
    assert lines[0] == "fleet of 3 sites: 2 verified, 1 failed"
    assert lines[1] == f"× town07: {stopped['headline']}"
    reason = stopped["reasons"][0]
    assert lines[2] == f"    {reason['code']}: {reason['subject']}: {reason['message']}"
    assert not [line for line in lines if "town01" in line or "town02" in line]


def test_a_row_has_reasons_of_the_worst_severity_and_not_all_of_them() -> None:
    report = build(RUNS["stopped"]())
    worst = [f for f in report["findings"] if f["severity"] == "fatal"]
    assert worst
    reasons = fleet.row_of({**report, "findings": worst * 5})["reasons"]
    assert len(reasons) == fleet.REASONS
    assert {r["code"] for r in reasons} == {f["code"] for f in worst}


def test_a_refused_inventory_is_said_to_have_stopped_before_the_first_stage() -> None:
    refused = {
        "failed": True,
        "findings": [
            {"code": "site-variable-unknown", "severity": "fatal", "subject": "vllm_modles", "message": "is unknown"}
        ],
    }
    report = build(Run(site="town", generated=WHEN, stages=[{"stage": "gpu_node", "results": [refused]}]))
    found = fleet.row_of(report)
    assert found["outcome"] == "failed"
    assert found["headline"] == "Stopped before the first stage. A variable is not known: vllm_modles."
    assert found["reasons"][0]["subject"] == "vllm_modles"


def differing() -> dict[str, Any]:
    results = {**clean(), "application": {**clean()["application"], "sync": "OutOfSync"}}
    return drift.document("b", WHEN, results)


def test_drift_is_shown_for_those_that_were_compared() -> None:
    found = joined([row("a"), row("b"), row("c")], drifts={"a": drift.document("a", WHEN, clean()), "b": differing()})
    assert [fleet.drift_text(site["drift"]) for site in found["sites"]] == [
        "none",
        "1 difference (live)",
        "not compared",
    ]
    assert found["totals"]["drifting"] == 1
    assert "‼ b: 1 difference (live)" in fleet.summary_lines(found)


def test_one_site_unlike_the_others_is_named() -> None:
    found = joined([row("a"), row("b"), row("c", chart="0.1.12"), row("d", image="v0.11.0")])
    assert {site["site"]: fleet.unusual_texts(site) for site in found["sites"] if site["unusual"]} == {
        "c": ["chart is 0.1.12, 3 others have 0.1.8"],
        "d": ["image is v0.11.0, 3 others have v0.12.0"],
    }
    assert found["totals"]["unusual"] == 2


@pytest.mark.parametrize(
    "charts",
    [
        ["0.1.8", "0.1.12"],  # which of two is unusual?
        ["0.1.8", "0.1.8", "0.1.12", "0.1.12"],  # no majority
        ["0.1.8", "0.1.8", ""],  # not known is not unusual
    ],
)
def test_without_a_clear_majority_nobody_is_unusual(charts: list[str]) -> None:
    rows = [row(f"town{n}", chart=chart) for n, chart in enumerate(charts)]
    assert not any(site["unusual"] for site in joined(rows)["sites"])


@pytest.mark.parametrize(("answer", "found"), [(None, []), ({"ok": True}, ["models"])])
def test_models_are_compared_where_they_answered(answer: dict[str, bool] | None, found: list[str]) -> None:
    report = {**build(RUNS["served"]()), "site": "d", "settings": {"gpu_mode": "bare_metal"}}
    report["models"] = [{**model, "repository": "short-name", "answer": answer} for model in report["models"]]
    fourth = joined([row("a"), row("b"), row("c"), fleet.row_of(report)])["sites"][3]
    assert [one["what"] for one in fourth["unusual"]] == found


def test_drivers_are_compared_within_a_gpu_mode() -> None:
    metal = [row(f"m{n}", driver="580") for n in range(4)]
    virtual = [row(f"v{n}", driver="550", gpu_mode="vgpu") for n in range(3)]
    assert joined([*metal, *virtual])["totals"]["unusual"] == 0


def test_input_that_is_no_row_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        joined([{"site": "a", "outcome": "great"}])
    assert refused.value.findings[0].code == "serving-report-input-invalid"


@pytest.mark.parametrize("report", [{}, [], None, {"site": "a"}, "text", {"totals": 3}])
def test_a_file_that_is_no_report_becomes_a_row_that_says_so(report: Any) -> None:
    found = joined([fleet.row_or_unreadable("a", report)])
    assert found["totals"]["not_run"] == 1
    assert "cannot be read" in found["sites"][0]["headline"]


# ------------------------------------------------------------------------------------------------------- the page


def test_the_page_is_well_formed_and_has_a_row_for_every_site() -> None:
    names = [f"town{n:02}" for n in range(20)]
    rows = [row(name, "stopped" if name == "town07" else "served") for name in names[:-1]]
    page = read(fleet_page.render(joined(rows, names, {"town03": differing()})))
    assert {element for element, _ in page.seen} <= KNOWN
    assert sum(1 for element, _ in page.seen if element == "tr") == 21
    links = [str(a["href"]) for element, a in page.seen if element == "a"]
    assert {f"{name}.html" for name in names[:-1]} <= set(links)
    assert "town19.html" not in links
    text = "".join(page.text)
    assert "town19" in text
    assert "18 of 20" in text
    assert "1 difference (live)" in text


def test_what_needs_somebody_comes_first() -> None:
    page = fleet_page.render(joined([row("a"), row("b", "stopped")]))
    assert page.index('id="stopped"') < page.index('id="sites"')
    assert 'id="stopped"' not in fleet_page.render(joined([row("a")]))


def test_hostile_texts_are_shown_and_never_run() -> None:
    evil = fleet.row_of(build(hostile()))
    evil["settings"] |= {"chart": EVIL, "image": EVIL, "driver": EVIL}
    others = [row(f"t{n}") for n in range(3)]
    page = read(fleet_page.render(joined([evil, *others])))
    assert not {"script", "img"} & {element for element, _ in page.seen}
    for _, attributes in page.seen:
        assert not {key for key in attributes if key.startswith("on") or key in ("src", "srcset", "style")}
    assert "".join(page.text).count(EVIL) > 5


# ------------------------------------------------------------------------------------------------------- the task


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(fleet_report.FindingsAction.__mro__[1], "run", lambda *a, **k: {})

    def call(sites: list[str], rows: list[Row], check: bool = False) -> dict[str, Any]:
        args = {"directory": str(tmp_path), "sites": sites, "rows": rows}
        task = SimpleNamespace(args=args, check_mode=check, diff=False, async_val=0)
        return fleet_report.ActionModule(task, *[MagicMock()] * 4, None).run(task_vars={})

    return call


def test_this_run_wins_over_what_an_earlier_one_left(run, tmp_path: Path) -> None:
    for site in ("a", "b"):
        (tmp_path / f"{site}.json").write_text(json.dumps({**build(RUNS["stopped"]()), "site": site}))
    (tmp_path / "b-drift.json").write_text(json.dumps(differing()))
    result = run(["a", "b", "c"], [row("a")])
    assert result["changed"] is False
    found = json.loads((tmp_path / "fleet.json").read_text())
    assert [s["outcome"] for s in found["sites"]] == ["verified", "failed", "not_run"]
    assert found["sites"][1]["drift"]["differences"] == 1
    assert result["totals"] == found["totals"]
    assert result["lines"][-1] == f"fleet: {tmp_path}/fleet.html"
    assert (tmp_path / "fleet.html").read_text().startswith("<!doctype html>")


def test_a_broken_file_does_not_hide_the_fleet(run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    result = run(["a", "b"], [row("b")])
    assert result["totals"]["not_run"] == 1
    assert any("cannot be read" in line for line in result["lines"])


def test_check_mode_writes_nothing(run, tmp_path: Path) -> None:
    result = run(["a"], [row("a")], check=True)
    assert result["lines"] == ["fleet of 1 sites: 1 verified"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("site", ["../evil", "fleet", "", "a/b"])
def test_a_name_that_is_no_file_or_the_fleets_own_is_refused(run, site: str) -> None:
    result = run(["a", site], [])
    assert result["failed"]
    assert result["findings"][0]["code"] == "serving-report-input-invalid"


def test_rows_that_awx_hands_on_from_the_jobs_before_are_on_the_page(tmp_path: Path) -> None:
    """A node of a workflow after a sliced job: the artefacts are extra variables, and no report is on this machine."""
    (tmp_path / "hosts.ini").write_text("[all:vars]\nansible_connection=local\n[towns]\ntown-01\ntown-02\ntown-03\n")
    rows = {"inferops_site_town_01": row("town-01"), "inferops_site_town_02": row("town-02", "stopped")}
    (tmp_path / "artefacts.json").write_text(json.dumps(rows))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    arguments = ["-i", str(tmp_path / "hosts.ini"), "-e", f"@{tmp_path}/artefacts.json"]
    arguments += ["-e", f"vllm_report_directory={tmp_path}/report"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(
        [program, "playbooks/fleet.yml", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fleet of 3 sites: 1 verified, 1 failed, 1 without a report" in done.stdout, "in the log of AWX, too"
    found = json.loads((tmp_path / "report" / "fleet.json").read_text())
    assert [s["outcome"] for s in found["sites"]] == ["verified", "failed", "not_run"]
