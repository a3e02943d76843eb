# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell of the module talos_node: files and commands for Talos GPU nodes, applied only when asked."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.urls import open_url
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster, path_of
from ansible_collections.inferops.vllm.plugins.module_utils.engine.cuda import newest_cuda
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Finding, finding, raise_if_fatal, refuse
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.products import generation
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.versions import version
from ansible_collections.inferops.vllm.plugins.module_utils.talos.node import (
    NodeRequest,
    PreparedNode,
    labels_and_taints,
    prepare,
)
from ansible_collections.inferops.vllm.plugins.module_utils.talos.stack import (
    NONE,
    STACKS,
    StackRequest,
    check,
    chosen,
    files,
)
from ansible_collections.inferops.vllm.plugins.module_utils.talos.talosctl import Output, Talosctl
from ansible_collections.inferops.vllm.plugins.module_utils.yaml_text import load
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction

COMMAND_SECONDS = 600


class ActionModule(FindingsAction):
    """Prepares every node of the list; the files are for ``gitops_commit``."""

    MODULE = "talos_node"

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Files and commands; then talosctl and the Kubernetes API where asked."""
        prepared = [prepare(_request(options, node)) for node in options["nodes"]]
        findings = [found for node in prepared for found in node.findings]
        stack, problems = _stack(options)
        raise_if_fatal(problems)
        findings += problems
        done = self._labels(options) if options["labels"] or options["taints"] else []
        if options["apply"]:
            done += [step for node in prepared for step in self._talosctl(options, node)]
        else:
            findings += _not_applied(prepared)
        folder = options["folder"]
        return {
            "changed": bool(done),
            "done": done,
            "files": [{"path": p, "content": c} for node in prepared for p, c in node.files(folder).items()],
            "commands": [command for node in prepared for command in node.commands(folder)],
            "nodes": [_summary(node) for node in prepared],
            "stack": stack,
            "findings": findings,
        }

    def _talosctl(self, options: Mapping[str, Any], node: PreparedNode) -> list[str]:
        def run(argv: Sequence[str]) -> Output:
            command = [options["talosctl"], *_talosconfig(options), *argv[1:]]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)  # noqa: S603
            return ended.returncode, ended.stdout, ended.stderr

        tool = Talosctl(
            node.request.address, run, _post(node.request.factory), self.progress, budget=options["boot_timeout"]
        )
        return [f"{node.request.name}: {step}" for step in tool.apply(node, check_mode=self.check_mode)]

    def _labels(self, options: Mapping[str, Any]) -> list[str]:
        cluster, done = Cluster.connect(options), []
        for node in options["nodes"]:
            path = path_of("Node", name=node["name"])
            change = labels_and_taints(cluster.get(path), options["labels"], options["taints"])
            if change:
                cluster.patch(path, change, dry_run=self.check_mode)
                done.append(f"{node['name']}: set labels and taints")
        return done


def _request(options: Mapping[str, Any], node: Mapping[str, Any]) -> NodeRequest:
    return NodeRequest(
        name=node["name"],
        address=node["address"],
        talos=options["version"],
        flavour=options["flavour"],
        channel=options["channel"],
        era=generation(node["product"]) if node["product"] else None,
        cuda=options["cuda"] or newest_cuda(options["image_tags"]),
        factory=options["factory"],
        platform=options["platform"],
        secure_boot=options["secure_boot"],
        extensions=tuple(options["extensions"]),
        kernel_arguments=tuple(options["kernel_arguments"]),
    )


def _stack(options: Mapping[str, Any]) -> tuple[dict[str, Any], list[Finding]]:
    talos = version(options["version"]) or ()
    request = StackRequest(
        kind=options["gpu_stack"],
        runtime_class=options["runtime_class"],
        owner=options["runtime_class_owner"],
        tolerations=options["tolerations"],
        repository=options["stack_repository"],
        folder=options["stack_folder"],
    )
    kind = chosen(request.kind, talos)
    if kind == NONE:
        return {"name": "", "namespace": "", "cluster_resources": [], "files": []}, []
    stack = STACKS[kind]
    made = [{"path": path, "content": content} for path, content in files(request, talos).items()]
    rules = [dict(rule) for rule in stack.cluster_resources]
    found = {"name": stack.name, "namespace": stack.namespace, "cluster_resources": rules, "files": made}
    return found, check(request, talos)


def _not_applied(prepared: Sequence[PreparedNode]) -> list[Finding]:
    names = ", ".join(node.request.name for node in prepared)
    return [finding("talos-apply-off", f"nodes {names}", "files and commands were made, nothing was applied")]


def _summary(node: PreparedNode) -> dict[str, str]:
    return {
        "name": node.request.name,
        "schematic": node.schematic_id,
        "image": node.image,
        "flavour": node.choice.flavour,
        "channel": node.choice.channel,
        "driver": node.choice.driver,
    }


def _talosconfig(options: Mapping[str, Any]) -> list[str]:
    return ["--talosconfig", options["talosconfig"]] if options["talosconfig"] else []


def _post(factory: str) -> Any:
    """Registers a schematic: an ID that was never posted cannot be pulled."""

    def post(text: str) -> str:
        try:
            answer = open_url(f"https://{factory}/schematics", method="POST", data=text, timeout=30)
            return str(load(answer.read().decode())["id"])
        except Exception as error:
            raise refuse("talos-command-failed", f"https://{factory}/schematics", type(error).__name__) from None

    return post
