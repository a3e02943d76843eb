# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which properties are fuzzed with coverage, and how one is counted; libFuzzer itself is not needed here."""

from __future__ import annotations

import subprocess

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz import guided

COUNTED = "stat::number_of_executed_units: 71951\n"


def test_a_property_that_needs_a_fixture_is_left_out() -> None:
    found = list(guided.properties())
    assert "tests.unit.gpu.test_smi:test_any_text_gives_findings_and_never_a_green" in found
    assert not [name for name in found if name.startswith("tests.fuzz.test_modules:")]
    assert len(found) == len(set(found)) > 20


@pytest.mark.parametrize(
    ("status", "said", "wanted"),
    [(0, COUNTED, (71951, 0)), (77, COUNTED, (71951, 77)), (0, "no libFuzzer here", (0, 1))],
    ids=["passed", "falsified", "nothing was tried"],
)
def test_a_round_counts_what_libfuzzer_says(
    monkeypatch: pytest.MonkeyPatch, status: int, said: str, wanted: tuple[int, int]
) -> None:
    again: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], status, "", said))
    monkeypatch.setattr(fuzz, "run", lambda _profile, chosen, _tally: again.append(chosen))
    assert guided.try_one("tests.unit.x:test_y", 1) == wanted
    assert again == ([["tests/unit/x.py::test_y"]] if status else []), "the suite makes it small"
