# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault catalogue: a YAML file a broken state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "faults"
BEFORE_COMMIT = "before_commit"
STAGES = ("gpu_node", "runtime_class", "sealed_secrets", "application", "verification")
STEPS = (
    *("patch", "apply", "delete", "commit", "race", "rewind", "hook", "faults", "stop", "restart", "pods"),
    *("file", "certificate", "account", "claims", "until", "pause"),
)


class CatalogueError(Exception):
    """A fault file cannot be used."""


@dataclass(frozen=True)
class Meanwhile:
    """Steps that are taken as soon as the play prints a line that the regular expression matches."""

    at: str
    steps: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Fault:
    """One broken state and what must be said about it.

    ``code`` empty: the site is healthy and nothing above info may be said, or (``healed``) the run itself repairs it.
    ``subject`` is a regular expression that the finding's subject and message match; ``warning`` is a warning that
    must tell the cause beside it. ``when`` is ``before_commit`` (the branch must not move) or ``gate: <stage>``.
    ``meanwhile``: steps taken while the play runs, when it prints a line that ``at`` matches.
    ``budget``: seconds from the last good step to the refusal. ``models`` changes entries of the inventory's
    ``vllm_models``, by name; null removes one.
    """

    name: str
    title: str
    code: str
    subject: str
    when: str
    warning: str = ""
    healed: bool = False
    budget: float = 10.0
    variables: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    breaks: tuple[Mapping[str, Any], ...] = ()
    mends: tuple[Mapping[str, Any], ...] = ()
    meanwhile: Meanwhile | None = None

    @property
    def stage(self) -> str:
        """The stage at whose gate it must be refused; empty when nothing may be committed."""
        return self.when.removeprefix("gate: ") if self.when != BEFORE_COMMIT else ""


def read_all(folder: Path = FOLDER) -> tuple[Fault, ...]:
    """Every fault: first what leaves the site alone, then what a second run must repair."""
    faults = [read(path) for path in sorted(folder.glob("*.yaml"))]
    return tuple(
        sorted(faults, key=lambda fault: (bool(fault.code or fault.healed), fault.when != BEFORE_COMMIT, fault.name))
    )


def read(path: Path) -> Fault:
    """One file; raises :class:`CatalogueError` for anything that it does not know."""
    page = yaml.safe_load(path.read_text("utf-8"))
    known = {"title", "expect", "when", "budget", "vars", "models", "env", "break", "mend", "meanwhile"}
    _known(path, page, known)
    expect = page.get("expect") or {}
    _known(path, expect, {"code", "subject", "warning", "healed"})
    meanwhile = page.get("meanwhile") or {}
    _known(path, meanwhile, {"at", "do"})
    steps = (*page.get("break", ()), *page.get("mend", ()), *meanwhile.get("do", ()))
    for step in steps:
        _known(path, step, STEPS)
    when = page.get("when", BEFORE_COMMIT)
    if when != BEFORE_COMMIT and when.removeprefix("gate: ") not in STAGES:
        raise CatalogueError(f"{path.name}: when is {when!r}; use {BEFORE_COMMIT} or 'gate: <stage>'")
    return Fault(
        name=path.stem,
        title=page["title"],
        code=expect.get("code", ""),
        subject=expect.get("subject", ""),
        when=when,
        warning=expect.get("warning", ""),
        healed=expect.get("healed", False),
        budget=float(page.get("budget", 10)),
        variables=page.get("vars", {}),
        models=page.get("models", {}),
        environment=page.get("env", {}),
        breaks=tuple(page.get("break", ())),
        mends=tuple(page.get("mend", ())),
        meanwhile=Meanwhile(meanwhile["at"], tuple(meanwhile["do"])) if meanwhile else None,
    )


def _known(path: Path, given: Iterable[str], known: Iterable[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise CatalogueError(f"{path.name}: unknown {', '.join(unknown)}; known: {', '.join(sorted(known))}")
