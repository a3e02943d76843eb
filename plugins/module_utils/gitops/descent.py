# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does a commit contain ours? Asked of Git when Argo CD compared at one that we did not make."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..findings import Refusal
from .remote import Credentials
from .repository import Repository, Snapshot

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
ASK_AGAIN_SECONDS = 10.0
"""After a repository that did not answer, or did not know the commit yet."""


@dataclass
class Descent:
    """Whether the commits that it is called with contain ``commit``. An answer of Git is final; none counts as no."""

    url: str
    credentials: Credentials = field(repr=False)
    branch: str
    commit: str
    clock: Callable[[], float] = time.monotonic
    _answers: dict[str, bool] = field(default_factory=dict, init=False)
    _asked: dict[str, float] = field(default_factory=dict, init=False)

    def __call__(self, revision: str) -> bool:
        """Ask about one commit; Git is asked once, or again after a while where it had no answer."""
        if not COMMIT.fullmatch(revision) or not COMMIT.fullmatch(self.commit):
            return False
        now = self.clock()
        if revision not in self._answers and now - self._asked.get(revision, float("-inf")) >= ASK_AGAIN_SECONDS:
            self._asked[revision] = now
            self._ask(revision)
        return self._answers.get(revision, False)

    def _ask(self, revision: str) -> None:
        try:
            with Repository(self.url, self.credentials) as repository:
                branch = repository.open(self.branch).branch
                contained = repository.contains(Snapshot(branch, revision), self.commit)
                if contained or repository.has(revision):
                    self._answers[revision] = contained
        except Refusal:
            return
