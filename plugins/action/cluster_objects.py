# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell of the module cluster_objects: the few objects that are not Git's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import RESOURCES, Cluster, path_of_object
from ansible_collections.inferops.vllm.plugins.module_utils.findings import refuse
from ansible_collections.inferops.vllm.plugins.module_utils.suggest import did_you_mean
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """Server-side apply, compared by what the API server stores."""

    MODULE = "cluster_objects"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Apply every object; a check run asks the API server for a dry run."""
        for number, manifest in enumerate(options["objects"]):
            _check(f"objects[{number}]", manifest)
        cluster = Cluster.connect(options)
        changed = [subject for manifest in options["objects"] if (subject := self._apply(cluster, manifest))]
        return {"changed": bool(changed), "objects": changed}

    def _apply(self, cluster: Cluster, manifest: Mapping[str, Any]) -> str:
        """What was changed, or an empty string."""
        before = cluster.find(path_of_object(manifest)) or {}
        after = cluster.apply(manifest, dry_run=self.check_mode)
        same = _without_bookkeeping(before) == _without_bookkeeping(after)
        return "" if same else f"{manifest['kind']}/{manifest['metadata']['name']}"


def _check(path: str, manifest: Any) -> None:
    if not isinstance(manifest, Mapping) or not manifest.get("kind") or not manifest.get("metadata", {}).get("name"):
        raise refuse("options-invalid", path, "needs apiVersion, kind and metadata.name")
    if manifest["kind"] not in RESOURCES:
        hint = did_you_mean(str(manifest["kind"]), RESOURCES)
        raise refuse("options-invalid", f"{path}.kind", f"{manifest['kind']} is not a kind that is applied here{hint}")


def _without_bookkeeping(live: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"}
    metadata = {key: value for key, value in live.get("metadata", {}).items() if key not in hidden}
    return {**live, "metadata": metadata}
