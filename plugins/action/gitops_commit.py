# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings files into the Git repository that Argo CD follows."""

from __future__ import annotations

from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, ClassVar
from urllib.error import HTTPError

from ansible.module_utils.urls import open_url
from ansible_collections.inferops.vllm.plugins.module_utils.findings import refuse
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import Outcome, commit
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.options import credentials_of, request_of
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.propose import pending, propose
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.pull_request import (
    ApiRequest,
    ApiResponse,
    provider_of,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction

TIMEOUT = 30


class ActionModule(FindingsAction):
    """See plugins/modules/gitops_commit.py."""

    MODULE = "gitops_commit"
    SECRET_OPTIONS = frozenset({"token", "ssh_key", "sign_key"})
    PUBLIC_RESULTS = frozenset({"changed", "revision", "content_revision", "pending_merge"})
    SPEC_RULES: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [("files", "revert")],
        "required_one_of": [("files", "revert")],
    }

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        started = datetime.now(tz=UTC)
        request = request_of(options)
        credentials = credentials_of(options)
        with Repository(options["repo_url"], credentials) as repository:
            if options["mode"] == "direct":
                outcome = commit(repository, request, dry_run=self.check_mode)
                pushed = outcome.changed and not self.check_mode
                return {**_result(outcome), "pushed_at": started.isoformat(timespec="seconds") if pushed else ""}
            provider = provider_of(repository.address, options["provider"], options["api_url"] or "", credentials.token)
            return _result(propose(repository, request, provider, send, dry_run=self.check_mode))


def send(request: ApiRequest) -> ApiResponse:
    """One request to a provider's API, through Ansible's client (proxies and certificates as everywhere)."""
    try:
        response = open_url(
            request.url,
            method=request.method,
            headers=dict(request.headers),
            data=request.body or None,
            timeout=TIMEOUT,
            follow_redirects="none",
        )
        return ApiResponse(response.status, response.read())
    except HTTPError as error:
        return ApiResponse(error.code, error.read())
    except (OSError, HTTPException, ValueError) as error:
        # The error's own text is safe: the token is in a header, which no such text repeats.
        place = request.url.partition("?")[0]
        raise refuse("gitops-provider-unreachable", place, f"{type(error).__name__}: {error}") from None


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "changed": outcome.changed,
        "revision": outcome.revision,
        "content_revision": outcome.content_revision,
        "branch": outcome.branch,
        "paths": [change.path for change in outcome.changes],
        "diff": [change.diff() for change in outcome.changes],
        "pushed_at": "",
        "pending_merge": outcome.pending_merge,
        "url": outcome.url,
        "findings": pending(outcome),
    }
