# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings files into the Git repository that Argo CD follows."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.gitops.commit import Outcome, Request, commit, files
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.options import (
    credentials_of,
    person_of,
    trailers_of,
    wanted_of,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """See plugins/modules/gitops_commit.py."""

    MODULE = "gitops_commit"
    SECRET_OPTIONS = frozenset({"token", "ssh_key", "sign_key"})

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        request = Request(
            render=files(wanted_of(options["files"])),
            message=options["message"],
            branch=options["branch"],
            trailers=trailers_of(options),
            person=person_of(options),
            attempts=max(1, min(options["retries"], 10)),
            sign_key=options["sign_key"] or "",
        )
        with Repository(options["repo_url"], credentials_of(options)) as repository:
            return _result(commit(repository, request, dry_run=self.check_mode))


def _result(outcome: Outcome) -> dict[str, Any]:
    return {
        "changed": bool(outcome.changes),
        "revision": outcome.revision,
        "content_revision": outcome.content_revision,
        "branch": outcome.branch,
        "paths": [change.path for change in outcome.changes],
        "diff": [change.diff() for change in outcome.changes],
    }
