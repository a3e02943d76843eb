# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact API requests of a play, from the API server's audit log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

AGENTS = ("python-urllib3/", "OpenAPI-Generator/")
"""How the play's connections call themselves; its port-forwards are websockets without a name."""


def from_play(entry: dict[str, Any]) -> bool:
    """Whether a request came from the collection, not from a controller, the runner or kubectl."""
    agent = str(entry.get("userAgent") or "")
    return not agent or agent.startswith(AGENTS)


def requests(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Verb and resource of every request of the play, each once: a long one is logged at its start and at its end."""
    seen: set[str] = set()
    for line in lines:
        entry = json.loads(line)
        if not from_play(entry) or entry["auditID"] in seen:
            continue
        seen.add(entry["auditID"])
        target = entry.get("objectRef") or {}
        parts = [target.get("resource"), target.get("subresource")]
        yield entry["verb"], "/".join(part for part in parts if part) or entry["requestURI"].partition("?")[0]


def counted(lines: Iterable[str]) -> dict[str, int]:
    """``{"list pods": 2, …}``, the most frequent first."""
    return dict(Counter(f"{verb} {resource}" for verb, resource in requests(lines)).most_common())


class Log:
    """The audit log of a sandbox from now on."""

    def __init__(self, path: Path) -> None:
        self._path, self._start = path, path.stat().st_size

    def counted(self) -> dict[str, int]:
        """Requests of the play since then."""
        with self._path.open(encoding="utf-8") as stream:
            stream.seek(self._start)
            return counted(line for line in stream if line.endswith("\n"))
