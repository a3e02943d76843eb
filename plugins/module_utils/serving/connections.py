# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection a Service for many requests: opening a port-forward costs more than what is asked through it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

Connect = Callable[[str], AbstractContextManager[http.client.HTTPConnection]]
"""Opens a connection to a Service by name."""

Result = TypeVar("Result")

IDLE_SECONDS = 2.0
"""How long a connection may have been idle to be used again.

vLLM and the router close one after 5 seconds (uvicorn's default). A port-forward does not tell this end: a request on
such a connection would wait for its whole timeout.
"""


class Connections(ExitStack):
    """Connections by Service, kept while requests follow each other closely. Closed at the end of the ``with``."""

    def __init__(self, connect: Connect, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._connect, self._clock = connect, clock
        self._open: dict[str, tuple[http.client.HTTPConnection, float]] = {}
        """By Service, with when it was used last."""

    def use(self, service: str, exchange: Callable[[http.client.HTTPConnection], Result]) -> Result:
        """What ``exchange`` returns over the connection to the Service; what it raises closes the connection.

        A failure on a kept connection is tried once more on a new one. A timeout is not: waiting twice tells nothing.
        """
        kept = self._fresh(service)
        if kept is not None:
            try:
                return self._exchange(service, kept, exchange)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                pass  # closed by the other side meanwhile
        return self._exchange(service, self.enter_context(self._connect(service)), exchange)

    def _fresh(self, service: str) -> http.client.HTTPConnection | None:
        kept, used = self._open.pop(service, (None, 0.0))
        if kept is not None and self._clock() - used > IDLE_SECONDS:
            kept.close()
            return None
        return kept

    def _exchange(
        self,
        service: str,
        connection: http.client.HTTPConnection,
        exchange: Callable[[http.client.HTTPConnection], Result],
    ) -> Result:
        try:
            result = exchange(connection)
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:  # None: the server asked to close; http.client would dial this machine instead
            self._open[service] = connection, self._clock()
        return result

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._open.clear()
        super().close()
