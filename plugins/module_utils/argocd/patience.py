# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that waits out a restart of the API server, around requests that may be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ..api_error import ApiError
from .application import Writer
from .objects import JSON

Answer = TypeVar("Answer")
PAUSE_SECONDS = 1.0


class Patient:
    """Reads, server-side applies, merge patches and deletions: each may safely be sent twice.

    ``budget`` seconds are for all requests together. ``clock`` and ``sleep`` are injected by tests.
    """

    def __init__(
        self,
        cluster: Writer,
        budget: float,
        progress: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cluster, self._left, self._progress = cluster, budget, progress
        self._clock, self._sleep = clock, sleep
        self.host: str = getattr(cluster, "host", "it")

    def get(self, path: str, **query: Any) -> JSON:
        return self._patiently(lambda: self._cluster.get(path, **query))

    def find(self, path: str, **query: Any) -> JSON | None:
        return self._patiently(lambda: self._cluster.find(path, **query))

    def items(self, path: str, **query: Any) -> Iterator[JSON]:
        yield from self._patiently(lambda: list(self._cluster.items(path, **query)))

    def text(self, path: str, **query: Any) -> str:
        return self._patiently(lambda: self._cluster.text(path, **query))

    def apply(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> JSON:
        return self._patiently(lambda: self._cluster.apply(manifest, dry_run=dry_run))

    def patch(self, path: str, body: Mapping[str, Any], *, dry_run: bool = False) -> JSON:
        return self._patiently(lambda: self._cluster.patch(path, body, dry_run=dry_run))

    def delete(self, path: str, **query: Any) -> JSON | None:
        return self._patiently(lambda: self._cluster.delete(path, **query))

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        said = ""
        while True:
            began = self._clock()
            try:
                return ask()
            except ApiError as error:
                if not error.transient or self._left <= 0:
                    raise
                if str(error) != said:
                    self._progress(said := str(error))
            self._sleep(PAUSE_SECONDS)
            self._left -= self._clock() - began
