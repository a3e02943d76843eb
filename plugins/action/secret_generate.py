# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a new random key in the controller process and write it to the local-secrets file only."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.operations.generate import generate
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """The action plugin of inferops.vllm.secret_generate."""

    MODULE = "secret_generate"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Always a change: every call makes another value."""
        where = (options["path"], options["name"], options["namespace"], options["key"])
        generate(*where, options["bytes"], write=not self.check_mode)
        return {"changed": True, "path": options["path"]}
