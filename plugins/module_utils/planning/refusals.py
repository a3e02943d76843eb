# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a model has no place, and what to know about the places that were found: the planner's explanations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..findings import Finding, Severity, finding
from ..suggest import did_you_mean
from .memory import smallest_utilization
from .nodes import Inventory, Slot, usable
from .plan import Placement, Verdict
from .settings import release
from .wishes import Wish


def refusal(wish: Wish, wishes: Sequence[Wish]) -> Finding:
    """The first reason, from the general to the particular, why the model could not be placed."""
    alone = next((found for reason in ALONE if (found := reason(wish))), None)
    if alone:
        return alone
    rivals = _rivals(wish, wishes)
    return next((found for reason in TOGETHER if (found := reason(wish, rivals))), None) or _short(wish, rivals)


def _resource_missing(wish: Wish) -> Finding | None:
    if any(slot.resource.allocatable for slot in wish.pool.slots):
        return None
    wanted = wish.request.gpu_resource
    if wish.pool.slots:
        message = f"{wanted} is 0 on {_names(wish.pool.nodes)}"
        return finding("planning-resource-missing", f"{wish.path}.gpu_resource", message)
    offered = sorted({resource.name for node in wish.pool.nodes.values() for resource in node.resources})
    hint = did_you_mean(wanted, offered) or (f"; offered are {', '.join(offered)}" if offered else "")
    message = f"{_names(wish.pool.nodes)} offer no {wanted}{hint}"
    return finding("planning-resource-missing", f"{wish.path}.gpu_resource", message)


def _unusable(wish: Wish) -> Finding | None:
    if wish.pool.kinds:
        return None
    states = [
        f"{slot.node.name} is {'cordoned' if slot.node.ready else 'not ready'}"
        for slot in wish.pool.slots
        if not usable(slot.node)
    ]
    return finding("planning-nodes-unusable", wish.path, f"'{wish.request.name}': {', '.join(states[:8])}")


def _too_large(wish: Wish) -> Finding | None:
    if wish.fitting:
        return None
    kind, best = max(wish.fits.items(), key=lambda item: item[1].kv_room - item[1].kv_needed)
    message = (
        f"'{wish.request.name}' does not fit on {kind[1] or 'a GPU'} ({best.total:.1f} GiB): {best.reason};"
        f" needs {best.needed:.1f} GiB, vLLM would reserve {best.reserved:.1f}"
    )
    return finding("planning-model-does-not-fit", wish.path, message)


def _parts_of_gpus(wish: Wish) -> Finding | None:
    if wish.request.gpu == 1 or any(slot.whole for slot in wish.slots):
        return None
    sharing = sorted({slot.resource.sharing for slot in wish.slots})
    message = f"is {wish.request.gpu}, but {wish.request.gpu_resource} is a part of a GPU there ({', '.join(sharing)})"
    return finding("planning-tensor-parallel-on-parts", f"{wish.path}.gpu", message)


def _node_too_small(wish: Wish) -> Finding | None:
    most = max(slot.resource.allocatable for slot in wish.slots)
    if most >= wish.request.gpu:
        return None
    message = f"is {wish.request.gpu}, but no node has more than {most} {wish.request.gpu_resource}"
    return finding("planning-too-many-gpus", f"{wish.path}.gpu", message)


def _main_memory(wish: Wish) -> Finding | None:
    sizes = [slot.node.memory_mib for slot in wish.slots]
    if any(size is None or size >= wish.memory_mib for size in sizes):
        return None
    most = max(size for size in sizes if size is not None)
    message = f"is {wish.request.memory}, but no node that fits has more than {most / 1024:.1f}Gi allocatable"
    return finding("planning-main-memory-short", f"{wish.path}.memory", message)


def _cpu(wish: Wish) -> Finding | None:
    sizes = [slot.node.cpu_millis for slot in wish.slots]
    if any(size is None or size >= wish.cpu_millis for size in sizes):
        return None
    most = max(size for size in sizes if size is not None)
    message = f"is {wish.request.cpu}, but no node that fits has more than {most}m allocatable"
    return finding("planning-cpu-short", f"{wish.path}.cpu", message)


def _taken_by_others(wish: Wish) -> Finding | None:
    if any(slot.free >= wish.request.gpu for slot in wish.slots):
        return None
    counts = [
        f"{slot.node.name} has {slot.resource.allocatable} and {slot.resource.allocatable - slot.free} taken"
        for slot in wish.slots
    ]
    message = f"'{wish.request.name}' needs {wish.request.gpu} {wish.request.gpu_resource}: {', '.join(counts[:8])}"
    return finding("planning-gpus-taken", wish.path, message)


def _overcommitted(wish: Wish, rivals: Sequence[Wish]) -> Finding | None:
    shared = [slot for slot in wish.slots if slot.shared]
    if not shared:
        return None
    shares = " + ".join(f"{rival.utilization:g} ({rival.request.name})" for rival in rivals)
    message = f"the engines would reserve more of the shared GPU of {_names(shared)} than there is: {shares}"
    return finding(
        "planning-shared-gpu-overcommitted",
        f"{wish.path}.vllm.gpu_memory_utilization",
        message,
        fix=_shares(rivals, shared[0]),
    )


def _memory_together(wish: Wish, rivals: Sequence[Wish]) -> Finding | None:
    asked = sum(rival.memory_mib * rival.request.replicas for rival in rivals)
    sizes = {slot.node.name: slot.node.memory_mib for slot in wish.slots}
    if any(size is None for size in sizes.values()) or asked <= sum(size or 0 for size in sizes.values()):
        return None
    message = f"{_models(rivals)} ask for {asked / 1024:.1f}Gi together, more than {_names(sizes)} can give"
    return finding("planning-main-memory-short", f"{wish.path}.memory", message)


ALONE: tuple[Callable[[Wish], Finding | None], ...] = (
    _resource_missing,
    _unusable,
    _too_large,
    _parts_of_gpus,
    _node_too_small,
    _main_memory,
    _cpu,
    _taken_by_others,
)
"""Reasons that hold for a model even if it were the only one."""

TOGETHER: tuple[Callable[[Wish, Sequence[Wish]], Finding | None], ...] = (_overcommitted, _memory_together)


def _short(wish: Wish, rivals: Sequence[Wish]) -> Finding:
    """The common case: more models than GPUs."""
    slots = wish.slots
    asked = sum(rival.request.gpu * rival.request.replicas for rival in rivals)
    free = sum(slot.free for slot in slots)
    message = (
        f"{_models(rivals)} need {asked} {wish.request.gpu_resource}, {_names(slot.node.name for slot in slots)}"
        f" can give {free}; '{wish.request.name}' is left over"
    )
    slot = slots[0]
    fix = (
        "One of: add a GPU or a node; cut the GPU with MIG and set gpu_resource; take smaller models; or share the"
        f" GPU by time-slicing. {_shares(rivals, slot)}"
    )
    return finding("planning-gpus-short", wish.path, message, fix=fix)


def _shares(rivals: Sequence[Wish], slot: Slot) -> str:
    """The fractions with which the models would share one GPU, or that they cannot."""
    fits = {rival.request.name: rival.fits.get(slot.kind) for rival in rivals}
    known = {name: found for name, found in fits.items() if found and found.total}
    least = {name: smallest_utilization(found) for name, found in known.items()}
    if len(known) == len(rivals) and sum(least.values()) < 1:
        wanted = ", ".join(f"{name} {share:g}" for name, share in least.items())
        return f"Shared, gpu_memory_utilization must sum below 1; at least: {wanted}."
    return "Shared, gpu_memory_utilization must sum below 1, and these models need more than one such GPU."


def warnings(
    wishes: Sequence[Wish], placements: Sequence[Placement], inventory: Inventory, gpu_mode: str
) -> list[Finding]:
    """What to know about a plan that can be carried out."""
    findings: list[Finding] = []
    for wish, placement in zip(wishes, placements, strict=True):
        findings += [*_verdict(wish, placement), *_volume(wish, placement), *_version(wish), *_gated(wish)]
    virtual = [node.name for node in inventory.eligible.values() if node.vgpu]
    if gpu_mode == "bare_metal" and virtual:
        message = f"is bare_metal, but {_names(virtual)} have virtual GPUs"
        findings.append(finding("planning-gpu-mode-unlikely", "vllm_gpu_mode", message))
    return findings


def tight_is_fatal(findings: Sequence[Finding]) -> list[Finding]:
    """The same findings, a tight fit being a refusal: for sites that want no risk."""
    return [replace(f, severity=Severity.FATAL) if f.code == "planning-fit-tight" else f for f in findings]


def _verdict(wish: Wish, placement: Placement) -> list[Finding]:
    found, name = placement.fit, wish.request.name
    if found.verdict is Verdict.TIGHT:
        message = f"'{name}' on {_names(placement.nodes)} has less than 1 GiB to spare: {found.reason}"
        return [finding("planning-fit-tight", wish.path, message)]
    if found.verdict is Verdict.UNKNOWN:
        message = f"'{name}' needs {found.needed:.1f} GiB; how much a GPU of {_names(placement.nodes)} has is not known"
        return [finding("planning-gpu-memory-unknown", wish.path, message)]
    return []


def _volume(wish: Wish, placement: Placement) -> list[Finding]:
    if len(placement.nodes) == 1:
        return []
    message = f"the {wish.request.replicas} replicas of '{wish.request.name}' run on {_names(placement.nodes)}"
    return [finding("planning-replicas-share-volume", f"{wish.path}.replicas", message)]


def _version(wish: Wish) -> list[Finding]:
    if release(wish.request.tag):
        return []
    message = f"'{wish.request.tag}' does not tell the vLLM version; the larger memory constants were taken"
    return [finding("planning-version-unknown", f"{wish.path}.tag", message)]


def _gated(wish: Wish) -> list[Finding]:
    if not wish.request.facts.gated:
        return []
    message = f"{wish.request.repository} is gated: the account of the token must have accepted its terms"
    return [finding("planning-model-gated", f"{wish.path}.model", message)]


def _rivals(wish: Wish, wishes: Sequence[Wish]) -> list[Wish]:
    """The models, this one included, that can only go where this one can."""
    resource = wish.request.gpu_resource
    return [other for other in wishes if other.request.gpu_resource == resource and other.nodes <= wish.nodes]


def _names(things: object) -> str:
    names = [thing.node.name if isinstance(thing, Slot) else str(thing) for thing in things]  # type: ignore[attr-defined]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _models(wishes: Sequence[Wish]) -> str:
    return _names(wish.request.name for wish in wishes)
