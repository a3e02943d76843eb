# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several sites in one run: those that stop do not stop the one that is well, and the summary says which and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import INVENTORY, Played, Sandbox

pytestmark = pytest.mark.sandbox

# The first one stops before it is asked anything, so nothing may depend on the first site of a play.
HOSTS = """\
[sandbox_sites]
mistaken vllm_modles='[]'
town
unreachable vllm_kubeconfig=/nonexistent
"""
OUTCOMES = {"mistaken": "failed", "town": "verified", "unreachable": "failed"}


@pytest.fixture(scope="module")
def sandbox(fresh: Callable[[str], Sandbox]) -> Sandbox:
    return fresh("bare_metal")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inventory of three sites and, beside it, the folder of their reports."""
    folder = tmp_path_factory.mktemp("fleet")
    shutil.copytree(INVENTORY / "group_vars", folder / "inventory" / "group_vars")
    (folder / "inventory" / "hosts.ini").write_text(HOSTS)
    return folder


def play(sandbox: Sandbox, fleet: Path, *arguments: str, playbook: str = "site") -> Played:
    arguments = ("-e", f"vllm_report_directory={fleet / 'report'}", *arguments)
    return sandbox.play(*arguments, playbook=f"playbooks/{playbook}.yml", inventory=fleet / "inventory")


def page(fleet: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((fleet / "report" / "fleet.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def first(sandbox: Sandbox, fleet: Path) -> Played:
    return play(sandbox, fleet)


def outcomes(fleet: Path) -> dict[str, str]:
    return {site["site"]: site["outcome"] for site in page(fleet)["sites"]}


def test_sites_that_stop_do_not_stop_the_others(first: Played, fleet: Path) -> None:
    assert first.code != 0, "a scheduler must notice"
    assert outcomes(fleet) == OUTCOMES, first.text
    assert json.loads((fleet / "report" / "town.json").read_text("utf-8"))["outcome"] == "verified"


def test_the_summary_says_which_stopped_and_why(first: Played) -> None:
    summary = first.text[first.text.index("fleet of 3 sites: ") :]
    assert "fleet of 3 sites: 1 verified, 2 failed" in summary
    assert "× mistaken: Stopped before the first stage" in summary
    assert "site-variable-unknown: vllm_modles: " in summary
    assert "× unreachable: Stopped at GPU enablement" in summary
    assert "cluster-config-invalid: " in summary
    assert "/nonexistent" in summary


def test_the_page_links_to_every_site(first: Played, fleet: Path) -> None:
    text = (fleet / "report" / "fleet.html").read_text("utf-8")
    for site in OUTCOMES:
        assert f'href="{site}.html"' in text
        assert (fleet / "report" / f"{site}.html").is_file()


def test_a_run_of_one_site_leaves_the_others_as_they_were_reported(
    sandbox: Sandbox, first: Played, fleet: Path
) -> None:
    before = {site["site"]: site["generated"] for site in page(fleet)["sites"]}
    again = play(sandbox, fleet, "--limit", "town")
    assert (again.code, again.changed) == (0, 0), again.text
    assert outcomes(fleet) == OUTCOMES
    after = {site["site"]: site["generated"] for site in page(fleet)["sites"]}
    assert {site for site in before if after[site] != before[site]} == {"town"}


def test_drift_of_the_fleet_is_on_the_page(sandbox: Sandbox, first: Played, fleet: Path) -> None:
    played = play(sandbox, fleet, playbook="drift")
    assert played.code != 0
    drift = {site["site"]: site["drift"] for site in page(fleet)["sites"]}
    assert drift["town"]["differences"] == 0, played.text
    assert drift["unreachable"]["differences"] > 0
    assert drift["mistaken"] is None, "its inventory was refused, so nothing was compared"


def test_the_page_can_be_made_without_asking_any_site(first: Played, fleet: Path, sandbox: Sandbox) -> None:
    (fleet / "report" / "fleet.json").unlink()
    played = play(sandbox, fleet, playbook="fleet")
    assert (played.code, played.changed) == (0, 0), played.text
    assert outcomes(fleet) == OUTCOMES


def test_a_run_in_batches_ends_with_one_page_of_all(sandbox: Sandbox, first: Played, fleet: Path) -> None:
    played = play(sandbox, fleet, "-e", "site_serial=2", "--check")
    summaries = [line for line in played.text.splitlines() if "fleet of 3 sites: " in line]
    assert len(summaries) == 2, played.text
    assert summaries[-1].strip() == "fleet of 3 sites: 1 verified, 2 failed"
