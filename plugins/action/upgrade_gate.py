# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is committed against what would be committed: may a live site go from one to the other? Pure."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.chart.state import read_state
from ansible_collections.inferops.vllm.plugins.module_utils.chart.upgrade import Upgrade, first_install, gate
from ansible_collections.inferops.vllm.plugins.module_utils.findings import raise_if_fatal, refuse
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction, text_files


class ActionModule(FindingsAction):
    """The module inferops.vllm.upgrade_gate."""

    MODULE = "upgrade_gate"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Compare the two states; refuse if anything is fatal and not allowed."""
        directory = options["directory"]
        new = read_state(_texts(options["new_files"]), directory)
        if new is None:
            raise refuse("values-file-shape", directory, "new_files has no Chart.yaml of the wrapper chart")
        old = read_state(text_files("old_files", options["old_files"]), directory)
        if old is None:
            return {"findings": [first_install()], "steps": [], "restarts": {}, "first": True}
        upgrade = Upgrade(old, new, options["release"], options["namespace"], options["drivers"])
        outcome = gate(upgrade, options["allow"])
        raise_if_fatal(outcome.findings)
        steps = [step.to_dict() for step in outcome.steps]
        return {"findings": outcome.findings, "steps": steps, "restarts": outcome.restarts, "first": False}


def _texts(files: list[dict[str, Any]]) -> dict[str, str]:
    """A list of files, as modules return it, by path."""
    return {str(file.get("path")): str(file.get("content") or "") for file in files}
