# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files of the Git repository that Argo CD follows."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.gitops.options import credentials_of
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.reading import read
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.repository import Repository
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """See plugins/modules/gitops_read.py."""

    MODULE = "gitops_read"
    SECRET_OPTIONS = frozenset({"token", "ssh_key"})

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        with Repository(options["repo_url"], credentials_of(options)) as repository:
            reading = read(repository, options["branch"], options["paths"], options["contains"] or "")
        return {
            "files": dict(reading.files),
            "revision": reading.revision,
            "branch": reading.branch,
            "missing": list(reading.missing),
            "contained": reading.contained,
            "findings": list(reading.findings),
        }
