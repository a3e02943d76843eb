# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings and their catalogue: one code, one entry, one anchor, one test at least."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue import AREAS, CATALOGUE
from ansible_collections.inferops.vllm.plugins.module_utils.findings import (
    NO_ACTION,
    Finding,
    Refusal,
    Severity,
    fatal,
    finding,
    raise_if_fatal,
    refuse,
    render,
)
from ansible_collections.inferops.vllm.plugins.module_utils.suggest import did_you_mean

ROOT = Path(__file__).parents[2]
PREFIXES = {
    "internal": ("cluster", "internal", "options"),
    "planning": ("plan", "planning", "model", "models"),
}


def test_codes_are_unique_and_named_after_their_area() -> None:
    codes = [entry.code for entries in AREAS.values() for entry in entries]
    assert len(codes) == len(set(codes)) == len(CATALOGUE)
    for area, entries in AREAS.items():
        for entry in entries:
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", entry.code), entry.code
            assert entry.code.split("-")[0] in PREFIXES.get(area, (area,)), (area, entry.code)


def test_every_entry_says_what_why_and_what_to_do() -> None:
    for entry in CATALOGUE.values():
        for text in (entry.title, entry.symptom, entry.cause, entry.fix):
            assert len(text) > 8, (entry.code, text)


@cache
def texts(folder: str) -> str:
    """All paths, code and data of a folder, the catalogue itself left out."""
    left_out = {"catalogue", "__pycache__", "output"}
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and not left_out & set(path.parts))
    return "\n".join(f"{path}\n{path.read_text('utf-8', 'replace')}" for path in files)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_is_raised_somewhere_and_provoked_by_a_test(code: str) -> None:
    """Plain text search: a code that no core names is dead, one that no test names is unproven."""
    word = re.compile(rf"(?<![a-z0-9-]){re.escape(code)}(?![a-z0-9-])")
    assert word.search(texts("plugins")), f"no core raises {code}"
    assert word.search(texts("tests")) or word.search(texts("sandbox/faults")), f"no test provokes {code}"


def test_a_finding_takes_fix_and_severity_from_the_catalogue_unless_told() -> None:
    entry = CATALOGUE["cluster-unreachable"]
    default = finding("cluster-unreachable", "https://api", "connection refused")
    assert (default.fix, default.severity) == (entry.fix, entry.severity)
    told = finding("cluster-unreachable", "x", "y", fix="z", severity=Severity.INFO)
    assert (told.fix, told.severity) == ("z", Severity.INFO)


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        finding("no-such-code", "x", "y")


def test_json_and_console_forms_say_the_same() -> None:
    found = finding("cluster-unreachable", "https://api", "connection refused")
    assert found.to_dict()["anchor"] == "docs/findings.md#cluster-unreachable"
    assert found.lines()[0] == "× cluster-unreachable: https://api: connection refused"
    assert found.lines()[1] == f"    fix: {found.fix}"


def test_no_line_is_spent_on_a_fix_that_is_none() -> None:
    found = finding("gpu-held-by-own-release", "cluster", "our own release holds 2 nvidia.com/gpu")
    assert [line.split(":")[0].strip() for line in found.lines()] == ["√ gpu-held-by-own-release", "see"]
    assert found.to_dict()["fix"] == NO_ACTION


def test_render_puts_fatal_findings_first() -> None:
    def at(severity: Severity) -> Finding:
        return Finding(severity.value, severity, "s", "m", "f")

    lines = render([at(Severity.INFO), at(Severity.WARNING), at(Severity.FATAL)])
    assert [line[0] for line in lines if not line.startswith(" ")] == ["×", "‼", "√"]


def test_only_fatal_findings_refuse() -> None:
    warning = finding("cluster-unreachable", "x", "y", severity=Severity.WARNING)
    raise_if_fatal([warning])
    with pytest.raises(Refusal) as caught:
        raise_if_fatal([warning, finding("cluster-unreachable", "x", "y")])
    assert len(caught.value.findings) == 2
    assert len(fatal(caught.value.findings)) == 1
    assert "cluster-unreachable" in str(refuse("cluster-unreachable", "x", "y"))


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("modles", ["models", "mode"], " (did you mean 'models'?)"),
        ("MODELS", ["models"], " (did you mean 'models'?)"),
        ("zebra", ["models"], ""),
        ("", [], ""),
    ],
)
def test_suggestions(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint
