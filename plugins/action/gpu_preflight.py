# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says whether a GPU pod would run, and why not, before one does."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import ApiError, Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.engine.cuda import newest_cuda
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.preflight import (
    SmokeOptions,
    preflight,
    settings_from,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.snapshot import collect, load, save
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import parse_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.pods import engine_pods, gpu_resources, totals
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """The action plugin of inferops.vllm.gpu_preflight."""

    MODULE = "gpu_preflight"
    SPEC_RULES: ClassVar[dict[str, Any]] = {"mutually_exclusive": [("from_snapshot", "snapshot_path")]}

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Read once (or replay), judge, and ask the live cluster what a snapshot cannot answer."""
        options["required_cuda"] = options["required_cuda"] or newest_cuda(options["image_tags"])
        models, _said_by_the_planner = parse_models(options["models"], default_tag=options["default_tag"])
        options["resources"] = options["resources"] or gpu_resources(models)
        settings = settings_from(options, totals(models))
        engines = engine_pods(
            models,
            release=settings.release,
            runtime_class=settings.runtime_class,
            tolerations=settings.tolerations,
        )
        cluster = None if options["from_snapshot"] else Cluster.connect(options)
        try:
            snapshot = load(options["from_snapshot"]) if cluster is None else collect(cluster, settings)
            if options["snapshot_path"] and not self.check_mode:
                save(snapshot, options["snapshot_path"])
            return preflight(
                snapshot,
                settings,
                cluster=cluster,
                pods=[*engines, *options["dry_run_pods"]],
                smoke=_smoke(options) if options["smoke_test"] else None,
                check_mode=self.check_mode,
                progress=self.progress,
            ).to_dict()
        except ApiError as error:
            raise Refusal([error.finding()]) from None


def _smoke(options: dict[str, Any]) -> SmokeOptions:
    return SmokeOptions(
        image=options["smoke_image"],
        namespace=options["smoke_namespace"],
        node=options["smoke_node"] or "",
        timeout=options["smoke_timeout"],
        keep_on_failure=options["smoke_keep"],
    )
