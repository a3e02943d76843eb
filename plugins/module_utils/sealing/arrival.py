# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the sync: wait until each sealed file is a Secret that pods can use, or say what keeps it from being one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..findings import Finding, fatal
from .decide import SEAL, renews
from .evidence import Live, Reader
from .manifest import SealedFile, parse
from .status import findings_of

POLL_SECONDS = 1.0
CLOCKS_APART = timedelta(seconds=30)
"""The push is timed by this machine, a Secret by the API server."""

COMING = frozenset(
    {
        *("sealing-sealedsecret-missing", "sealing-status-pending", "sealing-secret-missing"),
        *("sealing-secret-keys-missing", "sealing-secret-outdated", "sealing-cannot-open", "sealing-not-unsealed"),
    }
)
"""What the controller may still put right by itself; it tries an item five times."""


@dataclass(frozen=True)
class Arriving:
    """One sealed file. ``pushed`` is when its new values were pushed; None when this run brought none."""

    file: SealedFile
    pushed: datetime | None = None


def arriving(
    files: Mapping[str, str], decisions: Iterable[Mapping[str, str]], pushed: datetime | None
) -> list[Arriving]:
    """The files of a run of seal_secret (path: content), with its decisions."""
    renewed = {d["secret"] for d in decisions if d["action"] == SEAL and renews(d["reason"])}
    parsed = [parse(text, path) for path, text in sorted(files.items())]
    return [Arriving(one, pushed if f"{one.namespace}/{one.name}" in renewed else None) for one in parsed]


def await_all(
    cluster: Reader,
    wanted: Sequence[Arriving],
    budget: float,
    *,
    newest_key: str = "",
    progress: Callable[[str], None] = lambda _text: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Finding]:
    """The findings that are left when nothing more is coming, or after ``budget`` seconds."""
    started, said = clock(), ""
    while True:
        live = Live(cluster)
        found = [problem for one in wanted for problem in _look(live, one, newest_key)]
        if not any(_coming(problem) for problem in found) or clock() - started >= budget:
            return found
        line = "; ".join(f"{problem.subject}: {problem.message}" for problem in found)
        if line != said:
            progress(line)
            said = line
        sleep(POLL_SECONDS)


def _look(live: Live, one: Arriving, newest_key: str) -> list[Finding]:
    place = (one.file.namespace, one.file.name)
    sealed, secret = live.sealed(*place), live.secret(*place)
    pushed = one.pushed - CLOCKS_APART if one.pushed else None
    found = findings_of(one.file, sealed, secret, changed_at=pushed, newest_key=newest_key or None)
    quiet = [problem for problem in found if problem.code != "sealing-status-pending"]
    # a controller that reports no status: the Secret alone tells, and it is as it should be
    return found if quiet or sealed is None or not _same(one.file, sealed) else []


def _same(file: SealedFile, sealed: Mapping[str, Any]) -> bool:
    live = (sealed.get("spec") or {}).get("encryptedData") or {}
    return dict(live) == dict(file.items)


def _coming(problem: Finding) -> bool:
    return problem.code in COMING and bool(fatal([problem]) or problem.code == "sealing-status-pending")
