# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that sealed files have become Secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.findings import fatal, refuse
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.arrival import arriving, await_all
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """Reads SealedSecrets and Secrets, and judges them. Writes nothing."""

    MODULE = "sealed_status"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options in, findings out. In check mode nothing was pushed, so there is nothing to wait for."""
        if self.check_mode:
            return {"secrets": []}
        files = {file["path"]: file["content"] for file in options["files"]}
        wanted = arriving(files, options["decisions"], _time(options["pushed_at"]))
        found = await_all(
            Cluster.connect(options),
            wanted,
            options["timeout"],
            newest_key=options["sealing_key"] or "",
            progress=self.progress,
        )
        names = [f"{one.file.namespace}/{one.file.name}" for one in wanted]
        return {"secrets": names, "findings": found, "failed": bool(fatal(found))}


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if text else None
    except ValueError:
        time = None
    if text and (time is None or time.tzinfo is None):
        raise refuse("options-invalid", "pushed_at", f"'{text}' is no ISO 8601 time with a zone")
    return time
