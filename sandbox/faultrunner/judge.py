# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares what the play said about a fault with what it had to say."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.faultrunner.catalogue import Fault
from sandbox.faultrunner.playing import Played


@dataclass(frozen=True)
class Case:
    """A fault, the play against it, and whether the branch moved."""

    fault: Fault
    played: Played
    moved: bool

    @property
    def codes(self) -> list[str]:
        """The fatal codes, each once."""
        return list(dict.fromkeys(code for code, _ in self.played.fatal))


def complaints(case: Case) -> list[str]:
    """Everything that is wrong with the answer; empty is right."""
    if not case.fault.code:
        return [text for check in HEALTHY if (text := check(case))]
    return [text for check in BROKEN if (text := check(case))]


def exits_zero(case: Case) -> str:
    """A healthy site ends well."""
    return "" if case.played.code == 0 else f"exit status {case.played.code}: {case.codes}"


def is_quiet(case: Case) -> str:
    """A healthy site has no finding above info."""
    said = [] if case.fault.healed else case.played.fatal + case.played.warnings
    return f"a healthy site is told: {said}" if said else ""


def is_verified(case: Case) -> str:
    """A healthy site is verified, not just without an error."""
    outcome = case.played.report.get("outcome")
    return "" if outcome == "verified" else f"the report says {outcome}"


def exits_otherwise(case: Case) -> str:
    """A refusal is an exit status other than zero."""
    return "" if case.played.code else "exit status 0"


def says_its_code_only(case: Case) -> str:
    """Exactly its code: no crowd of follow-ups."""
    return "" if case.codes == [case.fault.code] else f"fatal codes {case.codes}, expected {case.fault.code}"


def names_the_object(case: Case) -> str:
    """Subject and message match the pattern."""
    said = [text for code, text in case.played.fatal if code == case.fault.code]
    found = any(re.search(case.fault.subject, text) for text in said)
    return "" if found or not said else f"{case.fault.subject!r} does not match {said}"


def tells_the_cause(case: Case) -> str:
    """The warning that explains the refusal is printed too."""
    said = [code for code, _ in case.played.warnings]
    return "" if not case.fault.warning or case.fault.warning in said else f"no warning {case.fault.warning}: {said}"


def prints_a_fix(case: Case) -> str:
    """The fix is printed and where to read more."""
    missing = [word for word in ("fix: ", "see: ") if word not in case.played.text]
    return f"not printed: {missing}" if missing else ""


def has_no_traceback(case: Case) -> str:
    """No stack trace, no internal error."""
    found = re.search(r"Traceback \(most recent|internal-error|\[ERROR\]: .*Error", case.played.text)
    return f"printed: {found[0]}" if found else ""


def refuses_in_time(case: Case) -> str:
    """Nothing was committed that must be refused before; else the right gate said it."""
    if not case.fault.stage:
        return "the branch moved" if case.moved else ""
    stage = case.played.stage
    return "" if stage == case.fault.stage else f"refused at {stage or 'no stage'}, expected {case.fault.stage}"


def is_fast(case: Case) -> str:
    """Within the budget."""
    took = case.played.seconds
    return "" if took <= case.fault.budget else f"{took:.1f} s, budget {case.fault.budget:.0f} s"


Check = Callable[[Case], str]
HEALTHY: tuple[Check, ...] = (exits_zero, is_quiet, is_verified, tells_the_cause, has_no_traceback)
BROKEN: tuple[Check, ...] = (
    exits_otherwise,
    says_its_code_only,
    names_the_object,
    tells_the_cause,
    prints_a_fix,
    has_no_traceback,
    refuses_in_time,
    is_fast,
)
