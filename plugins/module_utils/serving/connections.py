# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection a Service for many requests: opening a port-forward costs more than what is asked through it."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

Connect = Callable[[str], AbstractContextManager[http.client.HTTPConnection]]
"""Opens a connection to a Service by name."""

Result = TypeVar("Result")


class Connections(ExitStack):
    """Connections by Service, kept for as long as both sides keep them open. Closed at the end of the ``with``."""

    def __init__(self, connect: Connect) -> None:
        super().__init__()
        self._connect = connect
        self._open: dict[str, http.client.HTTPConnection] = {}

    def use(self, service: str, exchange: Callable[[http.client.HTTPConnection], Result]) -> Result:
        """What ``exchange`` returns over the connection to the Service; what it raises closes the connection.

        A failure on a kept connection is tried once more on a new one. A timeout is not: waiting twice tells nothing.
        """
        kept = self._open.pop(service, None)
        if kept is not None:
            try:
                return self._exchange(service, kept, exchange)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                pass  # closed by the other side meanwhile
        return self._exchange(service, self.enter_context(self._connect(service)), exchange)

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
            self._open[service] = connection
        return result

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        self._open.clear()
        super().close()
