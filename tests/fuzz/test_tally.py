# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a round of fuzzing found is counted and kept, in the words of every version of Hypothesis."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import __main__ as fuzz

REPORT = """\
tests/unit/test_a.py::test_p:
  - 7 passing, 3 failing, and 1 invalid test cases
=================================== FAILURES ===================================
____________________________ test_p[site_report] _______________________________
E           AssertionError: no
E           {words}: test_p(
E               text='odd',
E           )
=========================== short test summary info ============================
"""


@pytest.mark.parametrize("words", ["Falsifying example", "Failing test case"])
def test_a_falsified_property_is_counted_and_kept(words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "FOUND", tmp_path / "found")
    output, tally = REPORT.replace("{words}", words), fuzz.Tally()
    tally.add(1, output)
    fuzz.save(output)
    assert (tally.inputs, tally.properties, tally.failed, tally.code) == (10, 1, 1, 1)
    (kept,) = (tmp_path / "found").iterdir()
    assert "text='odd'" in kept.read_text("utf-8")
