# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only file that talks to AWX: JSON over HTTP, through Ansible's client."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from ansible.module_utils.urls import open_url

from ..module_utils.findings import Refusal, refuse

TIMEOUT = 30
LOGIN = (401, 403)
SHOWN = 300


class AwxClient:
    """AWX's API below ``<host><api_prefix>``. The login is a header of each request; redirects are not followed."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._root = f"{options['host'].rstrip('/')}/{options['api_prefix'].strip('/')}/"
        self._verify = bool(options["validate_certs"])
        self._headers = {"Accept": "application/json", "Authorization": _authorization(options)}

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """GET, parsed."""
        return self._send("GET", f"{path}?{urlencode(query)}" if query else path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST, parsed."""
        return self._send("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """PATCH, parsed."""
        return self._send("PATCH", path, body)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        place = f"{method} {self._root}{path}"
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            response = open_url(
                self._root + path,
                method=method,
                headers=headers,
                data=None if body is None else json.dumps(body),
                validate_certs=self._verify,
                timeout=TIMEOUT,
                follow_redirects="none",
            )
            text = response.read()
            found = json.loads(text) if text.strip() else {}
        except HTTPError as error:
            raise _refusal(place, error) from None
        except (OSError, HTTPException, ValueError) as error:
            raise refuse("awx-unreachable", place, f"{type(error).__name__}: {error}") from None
        if not isinstance(found, dict):
            raise refuse("awx-unreachable", place, "the answer is no object of AWX")
        return found


def _authorization(options: Mapping[str, Any]) -> str:
    if options.get("token"):
        return f"Bearer {options['token']}"
    pair = f"{options['username']}:{options['password']}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _refusal(place: str, error: HTTPError) -> Refusal:
    """AWX's own words, which name fields and never repeat a secret, cut to a line."""
    text = error.read().decode("utf-8", "replace")
    said = " ".join(text.split())[:SHOWN] or error.reason
    if error.code in LOGIN:
        return refuse("awx-login-refused", place, f"{error.code}: {said}")
    if error.code in range(400, 500) and error.code != 404:
        return refuse("awx-refused", place, f"{error.code}: {said}")
    return refuse("awx-unreachable", place, f"status {error.code}")
