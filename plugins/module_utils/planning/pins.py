# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes a model may run on, from the GPU mode and the model's own pins, and how a pod says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..findings import Finding, finding
from ..gpu.nodes import GpuNode
from ..gpu.products import normalise
from ..gpu.select import near_miss
from ..suggest import did_you_mean
from .fields import show
from .models import Pin
from .nodes import HOSTNAME, PRODUCT, VGPU, Inventory
from .plan import SelectorRequirement

Found = tuple[dict[str, GpuNode], tuple[SelectorRequirement, ...], list[Finding]]
"""Nodes by name, the label requirements that led to them, and why there are none."""


def candidates(inventory: Inventory, gpu_mode: str, pin: Pin, path: str) -> Found:
    """The nodes that the pins and the GPU mode allow; ``path`` is the entry of ``vllm_models``."""
    nodes = inventory.eligible
    if pin.node:
        nodes, findings = _by_name(inventory, pin.node, f"{path}.placement.node")
        if findings:
            return {}, (), findings
    nodes, requirements, findings = _by_labels(inventory, gpu_mode, pin, nodes, path)
    if not findings and pin.expression:
        nodes, findings = _by_expression(nodes, pin.expression, f"{path}.placement.expression")
    return nodes, requirements, findings


def selector(
    inventory: Inventory,
    gpu_mode: str,
    pin: Pin,
    requirements: tuple[SelectorRequirement, ...],
    chosen: list[GpuNode],
    unsuitable: Callable[[str], bool],
) -> tuple[SelectorRequirement, ...]:
    """The node affinity of a model that the plan put on the ``chosen`` nodes.

    Bare metal pins the hostnames. A vGPU pod goes wherever the labels match; if they also match nodes that are
    ``unsuitable`` (another size, not listed, promised to another model), the hostnames are added.
    """
    hostnames = SelectorRequirement(HOSTNAME, tuple(dict.fromkeys(node.hostname for node in chosen)))
    if gpu_mode == "bare_metal" or pin.node or pin.expression:
        return (*requirements, hostnames)
    if all(PRODUCT in node.labels for node in chosen) and not any(r.key == PRODUCT for r in requirements):
        products = tuple(dict.fromkeys(node.labels[PRODUCT] for node in chosen))
        requirements = (*requirements, SelectorRequirement(PRODUCT, products))
    matching = min((inventory.labelled(r.key, r.values) for r in requirements), key=len)
    stray = any(unsuitable(name) and _matches(node, requirements) for name, node in matching.items())
    return (*requirements, hostnames) if stray else requirements


def unknown_node(inventory: Inventory, name: str, subject: str) -> Finding:
    """There is no such node; perhaps the name is the value of a label instead."""
    guess = did_you_mean(name, inventory.by_name)
    hint = guess or f"; {near_miss(inventory.all, HOSTNAME, name)}"
    return finding("planning-node-unknown", subject, f"there is no GPU node '{name}'{hint}")


def _matches(node: GpuNode, requirements: tuple[SelectorRequirement, ...]) -> bool:
    return all(node.labels.get(r.key) in r.values for r in requirements)


def _by_labels(inventory: Inventory, gpu_mode: str, pin: Pin, nodes: dict[str, GpuNode], path: str) -> Found:
    requirements: list[SelectorRequirement] = []
    for place, key, values in _label_pins(inventory, gpu_mode, pin):
        fewer, more = sorted((nodes, inventory.labelled(key, values)), key=len)
        nodes = {name: node for name, node in fewer.items() if name in more}
        requirements.append(SelectorRequirement(key, values))
        if not nodes:
            return {}, (), [_nothing(inventory, key, values[0], f"{path}{place}")]
    return nodes, tuple(requirements), []


def _label_pins(inventory: Inventory, gpu_mode: str, pin: Pin) -> list[tuple[str, str, tuple[str, ...]]]:
    """The label requirements: where they come from (relative to the entry), key, values."""
    pins: list[tuple[str, str, tuple[str, ...]]] = []
    if gpu_mode == "vgpu":
        pins.append(("", VGPU, ("true",)))
    if pin.product:
        pins.append((".placement.product", PRODUCT, _products(inventory, pin.product)))
    pins += [(f".placement.labels[{key}]", key, (value,)) for key, value in sorted(pin.labels.items())]
    return pins


def _products(inventory: Inventory, product: str) -> tuple[str, ...]:
    """The label values that a product name means: itself, else those that differ only in spelling."""
    values = inventory.values_of(PRODUCT)
    if product in values:
        return (product,)
    meant = (normalise(product) or "").lower()
    return tuple(value for value in values if (normalise(value) or "").lower() == meant) or (product,)


def _nothing(inventory: Inventory, key: str, value: str, subject: str) -> Finding:
    holders = inventory.labelled(key, (value,))
    if key == VGPU and not holders:
        return finding("planning-no-vgpu", "vllm_gpu_mode", f"is vgpu, but no GPU node has the label {VGPU}=true")
    hint = near_miss(inventory.all, key, value)
    if holders:
        hint = f"{', '.join(list(holders)[:8])} excluded by vllm_gpu_nodes, the GPU mode or the other pins"
    return finding(
        "planning-selector-matches-nothing",
        subject,
        f"no eligible GPU node has {key}={value}; {hint or 'none is near'}",
    )


def _by_name(inventory: Inventory, name: str, subject: str) -> tuple[dict[str, GpuNode], list[Finding]]:
    node = inventory.by_name.get(name)
    if node is None:
        return {}, [unknown_node(inventory, name, subject)]
    if node.name not in inventory.eligible:
        message = f"node '{name}' is not in vllm_gpu_nodes: {', '.join(inventory.eligible)}"
        return {}, [finding("planning-selector-matches-nothing", subject, message)]
    return {node.name: node}, []


def _by_expression(
    found: dict[str, GpuNode], expression: str, subject: str
) -> tuple[dict[str, GpuNode], list[Finding]]:
    try:
        import jmespath
    except ImportError:
        return {}, [finding("planning-jmespath-missing", subject, "the Python library jmespath is not installed")]
    try:
        compiled = jmespath.compile(expression)
        matched = {name: node for name, node in found.items() if _true(compiled.search(node.to_dict()))}
    except (jmespath.exceptions.JMESPathError, ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = show(str(error).partition("\n")[0])
        return {}, [finding("planning-expression-invalid", subject, f"is not a JMESPath expression: {reason}")]
    if matched:
        return matched, []
    message = f"is true for none of {len(found)} node(s); a node is {{name, hostname, labels, resources, vgpu, …}}"
    return {}, [finding("planning-selector-matches-nothing", subject, message)]


def _true(value: Any) -> bool:
    """JMESPath's own idea of truth: everything but false, null and the empty."""
    return value not in (False, None, "", [], {})
