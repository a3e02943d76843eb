# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making way for a commit that Kubernetes would refuse: delete what stands in its way, with nobody to put it back.

Argo CD heals a deletion within seconds, from the commit it compared last. So syncing is paused and Argo CD brought to
compare at the new commit first; what is resumed afterwards is the sync to the new state, never to the old one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..argocd.actions import refresh_body
from ..argocd.gate import compared_revision, refresh_pending
from ..cluster import path_of
from ..findings import refuse

POLL_SECONDS = 0.5
UNDER_WAY = ("Running", "Terminating")
Steps = Sequence[Mapping[str, Any]]


def standing(cluster: Any, steps: Steps) -> dict[str, str]:
    """The objects that the steps would delete and that are there: path → uid."""
    found = {str(step["path"]): cluster.find(step["path"]) for step in steps}
    return {path: str(live["metadata"].get("uid")) for path, live in found.items() if live}


@dataclass
class Way:
    """One Application (``application``: namespace, name) and the steps to make. Call :meth:`make`."""

    cluster: Any
    application: tuple[str, str]
    revision: str
    steps: Steps
    budget: float
    progress: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _deadline: float = field(default=0.0, init=False)

    def make(self) -> list[str]:
        """Run the steps; returns the paths that are gone. Nothing to delete is nothing to do.

        Raises a Refusal (``operations-way-blocked``) when the budget (seconds) ends.
        """
        uids = standing(self.cluster, self.steps)
        if uids:
            self._deadline = self.clock() + self.budget
            with self._paused():
                self._clear(uids)
        return list(uids)

    @contextmanager
    def _paused(self) -> Iterator[None]:
        path, name = path_of("Application", *self.application), self.application[1]
        live = self.cluster.find(path)
        if live is None:
            yield
            return
        self.cluster.patch(path, {**_automated(None), **refresh_body()})
        try:
            self.progress(f"{name}: syncing is paused")
            self._wait(lambda: _compared(self.cluster.get(path), self.revision), f"Application/{name}")
            yield
        finally:
            self.cluster.patch(path, _automated((live["spec"].get("syncPolicy") or {}).get("automated")))

    def _clear(self, uids: Mapping[str, str]) -> None:
        for step in self.steps:
            self.cluster.delete(step["path"], **step.get("query") or {})
        for path, uid in uids.items():
            self.progress(f"waiting for {path.rpartition('/')[2]} to go")
            self._wait(partial(_gone, self.cluster, path, uid), path)

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        while not reached():
            if self.clock() > self._deadline:
                raise refuse("operations-way-blocked", what, f"not within {self.budget:.0f} s")
            self.sleep(POLL_SECONDS)


def _automated(value: Any) -> dict[str, Any]:
    return {"spec": {"syncPolicy": {"automated": value}}}


def _gone(cluster: Any, path: str, uid: str) -> bool:
    return standing(cluster, [{"path": path}]).get(path) != uid


def _compared(app: Mapping[str, Any], revision: str) -> bool:
    """Compared at the commit, and nobody is syncing another one.

    A sync of this commit may be under way: a parent Application resumes what is paused, and the sync then retries until
    the way is free.
    """
    state = (app.get("status") or {}).get("operationState") or {}
    asked = [app.get("operation"), state.get("operation") if state.get("phase") in UNDER_WAY else None]
    others = [one for one in asked if one and (one.get("sync") or {}).get("revision") != revision]
    return not refresh_pending(app) and compared_revision(app) == revision and not others
