# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state directory: where everything of one sandbox lies, and ``state.json``, which tells the rest of the world."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.runner.programs import HERE

PROFILES = tuple(sorted(path.stem for path in (HERE / "profiles").glob("*.yaml")))


@dataclass(frozen=True)
class State:
    """One sandbox's directory; properties are the files that more than one module touches."""

    root: Path

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def kubeconfig(self) -> Path:
        return self.root / "kubeconfig"

    @property
    def repository(self) -> Path:
        return self.root / "repo.git"

    @property
    def charts(self) -> Path:
        return self.root / "charts"

    @property
    def faults(self) -> Path:
        return self.root / "faults.json"

    @property
    def file(self) -> Path:
        return self.root / "state.json"

    def read(self) -> dict[str, Any]:
        """Return ``state.json``, or {} where this sandbox was never started."""
        try:
            content: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content

    def write(self, content: dict[str, Any]) -> None:
        """Replace ``state.json`` in one step."""
        partial = self.file.with_suffix(".new")
        partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        partial.replace(self.file)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one runner at a time change this sandbox."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def locate(profile: str, given: str | None) -> State:
    """Return the state directory: ``--state``, else ``SANDBOX_STATE``, else ``.cache/sandbox/<profile>``."""
    chosen = given or os.environ.get("SANDBOX_STATE")
    return State(Path(chosen).resolve() if chosen else HERE.parent / ".cache" / "sandbox" / profile)
