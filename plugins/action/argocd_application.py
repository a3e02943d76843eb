# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply an AppProject and an Application, or follow those that Git writes, and wait for our revision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.argocd.application import Request, ensure, waiter
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.gate import Target
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.patience import Patient
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.removal import remove
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.wait import Budgets
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.descent import Descent
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.options import credentials_of
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


def request_of(options: dict[str, Any]) -> Request:
    """The core's request for the module's options."""
    revision = options["revision"] or ""
    return Request(
        namespace=options["namespace"],
        registration=options["registration"],
        project=options["project"],
        application=options["application"],
        parent=options["parent"] or "",
        adopt=options["adopt"],
        target=Target(revision, frozenset(options["accepted_revisions"]), _descent(options["git"], revision)),
        budgets=Budgets(options["refresh_timeout"], options["sync_timeout"], options["health_timeout"]),
        wait=options["wait"],
        requires=tuple(options["requires"]),
        contents=tuple(options["contents"]),
        check_repository=options["check_repository"],
    )


def _descent(git: Mapping[str, Any] | None, revision: str) -> Callable[[str], bool]:
    if not git or not revision:
        return lambda _revision: False
    return Descent(git["repo_url"], credentials_of(git), git["branch"] or "", revision)


class ActionModule(FindingsAction):
    """The action plugin of inferops.vllm.argocd_application."""

    MODULE = "argocd_application"
    SECRET_OPTIONS = frozenset({"token", "ssh_key"})
    PUBLIC_RESULTS = frozenset({"changed", "revision"})

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options in, the outcome as a dictionary out."""
        cluster, request = Cluster.connect(options), request_of(options)
        if options["state"] == "absent":
            outcome = remove(cluster, request, purge=options["purge"], check=self.check_mode, progress=self.progress)
        else:
            wait = waiter(cluster, request.namespace, self.progress)
            patient = Patient(cluster, 0 if self.check_mode else request.budgets.refresh, self.progress)
            outcome = ensure(patient, request, check=self.check_mode, wait=wait)
        result = outcome.to_dict()
        if not self.diff_mode:
            del result["diff"]
        return result
