# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the steps that the upgrade gate named, with Argo CD paused at the new commit."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.operations.way import Way, standing
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction, handed_over


class ActionModule(FindingsAction):
    """The action plugin of inferops.vllm.make_way."""

    MODULE = "make_way"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Nothing to delete is no change."""
        cluster = Cluster.connect(options)
        handed_over("steps", "upgrade_gate", lambda: [step["path"].removeprefix("/") for step in options["steps"]])
        if self.check_mode:
            gone = list(standing(cluster, options["steps"]))
        else:
            application = (options["argocd_namespace"], options["application"])
            budget = float(options["timeout"])
            gone = Way(cluster, application, options["revision"], options["steps"], budget, self.progress).make()
        return {"changed": bool(gone), "deleted": gone}
