# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings AWX's objects to what an inventory says they are."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.inferops.vllm.plugins.module_utils.awx.desired import read_desired
from ansible_collections.inferops.vllm.plugins.module_utils.awx.plan import plan
from ansible_collections.inferops.vllm.plugins.module_utils.awx.run import Runner, read_state
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction
from ansible_collections.inferops.vllm.plugins.plugin_utils.awx_client import AwxClient


class ActionModule(FindingsAction):
    """See plugins/modules/awx_objects.py."""

    MODULE = "awx_objects"
    SECRET_OPTIONS = frozenset({"token", "password"})
    SPEC_RULES: ClassVar[dict[str, Any]] = {
        "required_one_of": [("token", "password")],
        "required_together": [("username", "password")],
    }

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        wanted = read_desired(options["objects"])
        self._secrets |= set(_inputs(options["objects"]))
        client = AwxClient(options)
        there = read_state(client, wanted)
        steps = plan(wanted, there, update_secrets=options["update_secrets"])
        if not self.check_mode:
            Runner(client, there, options["sync_timeout"], self.progress).run(steps)
        return {
            "changed": bool(steps),
            "steps": [step.title for step in steps],
            "diff": [step.diff() for step in steps] if self.diff_mode else [],
        }


def _inputs(objects: dict[str, Any]) -> list[str]:
    """Values that no result may hold, whatever AWX makes of them."""
    texts = [str(value) for item in objects.get("credentials", []) for value in (item.get("inputs") or {}).values()]
    return [text for text in texts if len(text) >= 8]
