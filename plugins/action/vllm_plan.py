# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decide which model runs on which GPU: see plugins/modules/vllm_plan.py."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.error import HTTPError

from ansible.module_utils.urls import open_url
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, finding, raise_if_fatal
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.nodes import GpuNode, node_from_dict
from ansible_collections.inferops.vllm.plugins.module_utils.planning.huggingface import Fetch, check_hub
from ansible_collections.inferops.vllm.plugins.module_utils.planning.models import ModelRequest
from ansible_collections.inferops.vllm.plugins.module_utils.planning.parse import parse_models, request_to_dict
from ansible_collections.inferops.vllm.plugins.module_utils.planning.placement import plan_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.refusals import tight_is_fatal
from ansible_collections.inferops.vllm.plugins.module_utils.planning.table import table
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.files import plaintext_values
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction


class ActionModule(FindingsAction):
    """The planner's shell: reads options, writes nothing, so check mode changes nothing."""

    MODULE = "vllm_plan"
    SECRET_OPTIONS = frozenset({"hub_token"})

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Parse, plan, and ask the Hub where wanted."""
        requests, findings = parse_models(options["models"], default_tag=options["default_tag"])
        nodes = _nodes(options["nodes"])
        raise_if_fatal(findings)
        plan, found = plan_models(
            requests,
            nodes,
            options["gpu_mode"],
            gpu_nodes=options["gpu_nodes"],
            own=_own(options["own"]),
            download_mb_s=options["download_mb_s"],
        )
        findings += found if options["allow_tight"] else tight_is_fatal(found)
        hub = []
        if options["check_hub"]:
            token = options["hub_token"] or self._token_of(options["hub_token_file"])
            hub, found = check_hub(requests, _fetch(options["hub_url"], token), with_token=bool(token))
            findings += found
        raise_if_fatal(findings)
        if plan is None:
            raise AssertionError("no plan comes with a fatal finding")
        return {
            "plan": plan.to_dict(),
            "models": [request_to_dict(request) for request in requests],
            "served": [_served(request) for request in requests],
            "lines": table(plan, nodes),
            "hub": [asdict(model) for model in hub],
            "findings": findings,
        }

    def _token_of(self, path: str | None) -> str | None:
        """The token of a plaintext manifest, masked from here on."""
        if not path:
            return None
        values, _unused = plaintext_values(path, "hf-secret", "", "hub_token_file")
        token = values.get("TOKEN", b"").decode("utf-8", "replace").strip()
        self._secrets |= {token} if token else set()
        return token or None


def _served(request: ModelRequest) -> dict[str, Any]:
    """What clients see of a model: the form that served_models takes."""
    return {
        "name": request.name,
        "repository": request.repository,
        "role": request.role.value,
        "embedding_dimension": request.facts.embedding_dimension,
    }


def _nodes(plain: list[dict[str, Any]]) -> list[GpuNode]:
    """The preflight's nodes; a refusal if they are something else."""
    try:
        return [node_from_dict(node) for node in plain]
    except (TypeError, ValueError, AttributeError) as error:
        message = "does not hold the nodes that gpu_preflight returns"
        raise Refusal([finding("options-invalid", "module vllm_plan: nodes", message)]) from error


def _own(plain: dict[str, Any]) -> dict[str, dict[str, int]]:
    try:
        return {node: {name: int(count) for name, count in resources.items()} for node, resources in plain.items()}
    except (TypeError, ValueError, AttributeError) as error:
        message = "is not a mapping of node names to mappings of resource names to counts"
        raise Refusal([finding("options-invalid", "module vllm_plan: own", message)]) from error


def _fetch(url: str, token: str | None) -> Fetch:
    """GET on the Hub through Ansible's own client (proxies, CA bundles), with the token in a header only."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    def fetch(path: str) -> tuple[int, Any]:
        try:
            answer = open_url(
                url.rstrip("/") + path, headers=headers, timeout=20, unredirected_headers=["Authorization"]
            )
            return answer.status, _json(answer.read())
        except HTTPError as error:
            return error.code, None

    return fetch


def _json(body: bytes) -> Any:
    try:
        decoded = json.loads(body)
    except ValueError:
        return None
    return decoded if isinstance(decoded, Mapping | list) else None
