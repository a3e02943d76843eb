# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that the models of a site are served."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.findings import (
    Finding,
    Refusal,
    Severity,
    fatal,
    finding,
)
from ansible_collections.inferops.vllm.plugins.module_utils.serving import workloads
from ansible_collections.inferops.vllm.plugins.module_utils.serving.live import LiveSite
from ansible_collections.inferops.vllm.plugins.module_utils.serving.outcome import lines_of
from ansible_collections.inferops.vllm.plugins.module_utils.serving.prober import Prober, Proof
from ansible_collections.inferops.vllm.plugins.module_utils.serving.requests import Model
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction, handed_over


class ActionModule(FindingsAction):
    """Reads the cluster, asks the models, judges both. Writes nothing, also outside check mode."""

    MODULE = "served_models"
    SECRET_OPTIONS = frozenset({"api_key"})

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        models = tuple(Model(**entry) for entry in options["models"])
        if not models:
            raise Refusal([finding("serving-no-models", "vllm_models", "there is no model to verify")])
        expected = expected_of(options, models)
        try:
            site = LiveSite(Cluster.connect(options), options["namespace"], options["release"])
            listed = site.listed(expected)
            if not workloads.deployed(expected, listed):
                return _outcome(expected, listed, Proof(findings=[self._not_deployed(options)]))
            proof = self._prove(site, models, options)
            if proof.waited or workloads.check(expected, listed):
                listed = site.listed(expected)  # what was not ready may have become so in the meantime
            return _outcome(expected, listed, proof)
        except ApiError as error:
            raise Refusal([error.finding()]) from None

    def _not_deployed(self, options: dict[str, Any]) -> Finding:
        where = f"namespace/{options['namespace']}"
        message = f"no Service of the release {options['release']} is there yet"
        severity = Severity.INFO if self.check_mode else Severity.FATAL
        return finding("serving-not-deployed", where, message, severity=severity)

    def _prove(self, site: LiveSite, models: tuple[Model, ...], options: dict[str, Any]) -> Proof:
        try:
            key = site.key(options["api_secret"]["name"], options["api_secret"]["key"])
        except Refusal as refusal:
            return Proof(findings=list(refusal.findings))
        self._secrets.add(key)
        prober = Prober(site.connect, site.services(models), key, look=site.look, progress=self.progress)
        return prober.prove(models, float(options["timeout"]), open_endpoints=options["check_open_endpoints"])


def expected_of(options: dict[str, Any], models: tuple[Model, ...]) -> workloads.Expected:
    """What the options say should be there."""
    nodes = handed_over("plan", "vllm_plan", lambda: nodes_of(options["plan"] or {}))
    secrets = [options["api_secret"], options["hf_secret"]]
    return workloads.Expected(
        release=options["release"],
        models=models,
        nodes=nodes,
        runtime_class=options["runtime_class"] or None,
        secrets={secret["name"]: secret["key"] for secret in secrets if secret and secret["name"]},
    )


def nodes_of(plan: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """The nodes that the plan has for each model."""
    return {placement["model"]: tuple(placement["nodes"]) for placement in plan.get("placements") or ()}


def _outcome(expected: workloads.Expected, listed: workloads.Listed, proof: Proof) -> dict[str, Any]:
    checked = workloads.check(expected, listed) if workloads.deployed(expected, listed) else []
    known = {(f.code, f.subject) for f in proof.findings}
    findings = [*proof.findings, *(f for f in checked if (f.code, f.subject) not in known)]
    result = {
        "answers": proof.answers,
        "negatives": proof.negatives,
        "open_endpoints": proof.open_endpoints,
        "pods": workloads.pods_summary(expected, listed),
        "services": workloads.services_summary(expected, listed),
        "secrets": workloads.secrets_summary(expected, listed),
        "findings": findings,
        "failed": bool(fatal(findings)),
    }
    return {**result, "lines": lines_of(result)}
