# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remember what Secrets hold; later prove that it changed, that consumers know, and that the old key is refused."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Finding, fatal, finding
from ansible_collections.inferops.vllm.plugins.module_utils.operations import handle
from ansible_collections.inferops.vllm.plugins.module_utils.operations.rotation import (
    Item,
    Outcome,
    Rotation,
    old_key_refused,
    remember,
)
from ansible_collections.inferops.vllm.plugins.module_utils.serving.live import LiveSite
from ansible_collections.inferops.vllm.plugins.module_utils.serving.prober import Prober
from ansible_collections.inferops.vllm.plugins.module_utils.serving.requests import Model
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """The action plugin of inferops.vllm.secret_rotation."""

    MODULE = "secret_rotation"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options in, verdicts out; values stay in this process."""
        cluster = Cluster.connect(options)
        items = [Item(entry["name"], entry["key"]) for entry in options["secrets"]]
        if options["state"] == "remembered":
            return {"remembered": remember(cluster.find, options["namespace"], items)}
        if self.check_mode:
            return {"rotated": [], "restarted": [], "stale": [], "refusals": []}
        rotation = Rotation(cluster, options["namespace"], items, options["remembered"], self.progress)
        outcome = rotation.arrive(options["expected"])
        rotation.consumers(outcome, restart=options["restart"], budget=options["timeout"])
        findings = [*outcome.findings, *self._proof(cluster, options, items, outcome)]
        return {
            "changed": bool(outcome.restarted),
            "rotated": outcome.rotated,
            "restarted": outcome.restarted,
            "stale": outcome.stale,
            "refusals": outcome.refusals,
            "findings": findings,
            "failed": bool(fatal(findings)),
            "lines": _lines(outcome),
        }

    def _proof(self, cluster: Cluster, options: dict[str, Any], items: list[Item], outcome: Outcome) -> list[Finding]:
        """The new key is taken, the old one is not. Nothing to prove where no API key changed or pods are still old."""
        api = next((item for item in items if item.name == options["api_secret"]), None)
        rotated = api is not None and api.subject in outcome.rotated
        if api is None or outcome.stale or not (rotated or outcome.restarted):
            return []
        site = LiveSite(cluster, options["namespace"], options["release"])
        models = [Model(**entry) for entry in options["models"]]
        services, key = site.services(models), site.key(api.name, api.key)
        old = handle.unwrap(options["remembered"].get(api.subject, "")) if rotated else None
        self._secrets |= {key, *([old] if old else [])}
        proof = Prober(site.connect, services, key, look=site.look, progress=self.progress).prove(
            models, options["timeout"], open_endpoints=False
        )
        if old is None:
            message = "it was not known to this run what the Secret held before"
            return [*proof.findings, finding("operations-old-key-unproven", api.subject, message)]
        asked = {model.name: [services.front(model), services.engines[model.name]] for model in models}
        refused = old_key_refused(Prober(site.connect, services, old), asked, models)
        outcome.refusals = refused.refusals
        return [*proof.findings, *refused.findings]


def _lines(outcome: Outcome) -> list[str]:
    refused = sorted({entry["service"] for entry in outcome.refusals if entry["ok"]})
    said = {"rotated": outcome.rotated, "restarted": outcome.restarted, "the old key is refused by": refused}
    return [f"{word}: {', '.join(names) or 'nothing'}" for word, names in said.items() if names or word == "rotated"]
