# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an API server's refusal means, without the client that met it."""

from __future__ import annotations

import http.client
import re

from .findings import Finding, finding

UNREACHABLE = 0
"""The status of an :class:`ApiError` when no answer came at all."""

RIGHT = re.compile(r'(?:cannot|needs) (\S+|get and create) (?:resource|on) "?([\w/.-]+)')
"""How a refusal names the right that is missing: the API server, or this collection about a port-forward."""


class ApiError(Exception):
    """The API server answered with an error status, or not at all.

    ``status`` is the HTTP code (0 when no answer came), ``reason`` Kubernetes' word for it (``NotFound``,
    ``Forbidden``, ``Conflict``, …), ``message`` its text and ``subject`` the request (``GET /api/v1/nodes``).
    """

    def __init__(self, status: int, reason: str, message: str, subject: str = "") -> None:
        self.status, self.reason, self.message, self.subject = status, reason, message, subject
        super().__init__(f"{subject}: {status} {reason}: {message}")

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed in a moment (a wait goes on, within its budget)."""
        return self.status in (UNREACHABLE, http.client.TOO_MANY_REQUESTS) or self.status >= 500

    @property
    def right(self) -> str:
        """The right that a 403 says is missing, as in ``(needs get on "secrets")``; empty where it says none."""
        found = RIGHT.search(self.message) if self.status == http.client.FORBIDDEN else None
        return f'(needs {found[1]} on "{found[2]}")' if found else ""

    def finding(self) -> Finding:
        """The finding for an error that nobody handled more specifically."""
        codes = {
            UNREACHABLE: "cluster-unreachable",
            http.client.UNAUTHORIZED: "cluster-unauthorized",
            http.client.FORBIDDEN: "cluster-forbidden",
        }
        return finding(codes.get(self.status, "cluster-request-failed"), self.subject, self.message)
