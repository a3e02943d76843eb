# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin: two files, written whole, never a change, nothing in check mode."""

from __future__ import annotations

import json
import stat
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.inferops.vllm.plugins.action import site_report

from tests.unit.site_report.samples import served


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(site_report.FindingsAction.__mro__[1], "run", lambda *a, **k: {})

    def call(check: bool = False, **options: Any) -> dict[str, Any]:
        given = served().__dict__
        args = {key: given[key] for key in ("site", "stages", "plan", "nodes", "models", "revisions", "verification")}
        args = {"directory": str(tmp_path / "report"), **args, **options}
        task = SimpleNamespace(args=args, check_mode=check, diff=False, async_val=0)
        action = site_report.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), None)
        return action.run(task_vars={})

    return call


def test_writes_both_files(run, tmp_path: Path) -> None:
    result = run()
    page, data = Path(result["html_path"]), Path(result["json_path"])
    assert (page.name, data.name) == ("horsens.html", "horsens.json")
    assert json.loads(data.read_text())["outcome"] == result["outcome"] == "verified"
    assert page.read_text().startswith("<!doctype html>")
    assert {stat.S_IMODE(path.stat().st_mode) for path in (page, data)} == {0o644}
    assert sorted(p.name for p in page.parent.iterdir()) == ["horsens.html", "horsens.json"]
    assert result["changed"] is False
    assert result["lines"][-1] == f"report: {page}"


def test_a_second_run_replaces_them_and_reports_no_change(run) -> None:
    run()
    assert run()["changed"] is False


def test_check_mode_writes_nothing(run, tmp_path: Path) -> None:
    result = run(check=True)
    assert not (tmp_path / "report").exists()
    assert result["lines"][0].startswith("horsens: verified")


@pytest.mark.parametrize("site", ["../evil", "a/b", "", ".hidden", "x" * 200, "a\nb"])
def test_a_name_that_is_no_file_name_is_refused(run, site: str) -> None:
    result = run(site=site)
    assert result["failed"]
    assert result["findings"][0]["code"] == "serving-report-input-invalid"


@pytest.mark.parametrize("wrong", [[], "soon", {}])
def test_an_answer_that_no_line_can_show_is_refused_before_anything_is_written(
    run, tmp_path: Path, wrong: object
) -> None:
    verification = deepcopy(served().__dict__["verification"])
    verification["answers"][0]["latency_s"] = wrong
    result = run(verification=verification)
    assert [found["code"] for found in result["findings"]] == ["serving-report-input-invalid"]
    assert not (tmp_path / "report").exists()


def test_a_directory_that_cannot_be_made_is_named(run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run(directory=str(tmp_path / "file" / "report"))
    assert result["findings"][0]["code"] == "serving-report-unwritable"


def test_a_failed_write_leaves_the_old_report_and_no_rest(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run()
    before = (tmp_path / "report" / "horsens.json").read_text()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    result = run()
    assert "No space left" in result["msg"]
    assert (tmp_path / "report" / "horsens.json").read_text() == before
    assert len(list((tmp_path / "report").iterdir())) == 2


def test_a_run_that_registered_nothing_is_reported(run) -> None:
    result = run(stages=[], plan={}, nodes=[], models=[], revisions=[], verification={})
    assert result["outcome"] == "incomplete"


def test_unknown_options_of_a_stage_are_refused(run) -> None:
    result = run(stages=[{"stage": "gpu_node", "result": {}}])
    assert result["findings"][0]["code"] == "options-invalid"
