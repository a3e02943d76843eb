# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings: the one form in which this collection says what is wrong or worth knowing.

A finding is an entry of the catalogue (what can be wrong, in general) applied to a subject (what is
wrong here). Console lines, JSON results, the HTML report and ``docs/findings.md`` are renderings of
the same two types, so a code means the same thing wherever it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum


class Severity(str, Enum):
    """How much a finding matters: ``fatal`` stops the stage, ``warning`` and ``info`` never do."""

    FATAL = "fatal"
    WARNING = "warning"
    INFO = "info"


MARKS = {Severity.FATAL: "×", Severity.WARNING: "‼", Severity.INFO: "√"}
DOCS_PAGE = "docs/findings.md"
NO_ACTION = "Nothing to do."
"""The fix of what is only worth knowing; no console line is spent on it."""


@dataclass(frozen=True)
class Entry:
    """One thing that can be wrong: the catalogue's general text for a code.

    ``code`` is lower-case words joined by hyphens, the area first (``gpu-runtime-class-missing``);
    it is also the anchor on the documentation page. ``symptom`` is what people see, ``cause`` why it
    happens, ``fix`` what to do about it; each is one or two plain sentences.
    """

    code: str
    severity: Severity
    title: str
    symptom: str
    cause: str
    fix: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (or worth knowing) about one subject.

    ``subject`` names the object or option (``node/gpu-1``, ``vllm_models[1].vllm.max_model_len``),
    ``message`` says what is wrong with it, ``fix`` what to do. None of them ever holds a secret.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    fix: str

    @property
    def anchor(self) -> str:
        """Where the documentation explains this code."""
        return f"{DOCS_PAGE}#{self.code}"

    def to_dict(self) -> dict[str, str]:
        """The JSON form: plain strings, with the documentation anchor."""
        return {**asdict(self), "severity": self.severity.value, "anchor": self.anchor}

    def lines(self) -> list[str]:
        """The console form: what, then the fix and where to read more."""
        what = f"{MARKS[self.severity]} {self.code}: {self.subject}: {self.message}"
        fix = [] if self.fix == NO_ACTION else [f"    fix: {self.fix}"]
        return [what, *fix, f"    see: {self.anchor}"]


class Refusal(Exception):
    """A core refuses to go on. Carries the findings that say why; at least one of them is fatal."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = list(findings)
        super().__init__("; ".join(f"{f.code}: {f.subject}: {f.message}" for f in self.findings))


def finding(
    code: str,
    subject: str,
    message: str,
    *,
    fix: str | None = None,
    severity: Severity | None = None,
) -> Finding:
    """Apply the catalogue entry ``code`` to ``subject``.

    ``fix`` and ``severity`` default to the entry's. Raises ``KeyError`` for a code that is not in
    the catalogue: that is a mistake in this collection, never of its user.
    """
    from .catalogue import CATALOGUE

    entry = CATALOGUE[code]
    return Finding(code, severity or entry.severity, subject, message, fix or entry.fix)


def refuse(code: str, subject: str, message: str, *, fix: str | None = None) -> Refusal:
    """The common case: a refusal for one reason. Use as ``raise refuse(…)``."""
    return Refusal([finding(code, subject, message, fix=fix, severity=Severity.FATAL)])


def fatal(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that stop a stage."""
    return [f for f in findings if f.severity is Severity.FATAL]


def raise_if_fatal(findings: Iterable[Finding]) -> None:
    """Raise a :class:`Refusal` with all of ``findings`` if any of them is fatal."""
    everything = list(findings)
    if fatal(everything):
        raise Refusal(everything)


def render(findings: Iterable[Finding]) -> list[str]:
    """Console lines of all findings, fatal ones first, otherwise in the order given."""
    order = list(Severity)
    ranked = sorted(findings, key=lambda f: order.index(f.severity))
    return [line for f in ranked for line in f.lines()]
