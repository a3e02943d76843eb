# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models × GPU nodes → the plan, or why there is none. Deterministic: the same input gives the same plan.

The model with the fewest possible nodes goes first, then the one that needs most (first fit decreasing). If that
leaves a model without a place, all combinations are tried, within a budget of steps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..findings import Finding, finding
from ..gpu.nodes import GpuNode
from ..suggest import did_you_mean
from .memory import fit
from .models import ModelRequest
from .nodes import Inventory, Own, Room, Slot
from .pins import candidates, selector, unknown_node
from .plan import Placement, Plan, SelectorRequirement, Verdict
from .refusals import refusal, warnings
from .startup import startup
from .wishes import Pool, Wish

SEARCHED_MODELS = 30
SEARCH_STEPS = 3000
RANK = {Verdict.FITS: 0, Verdict.TIGHT: 1, Verdict.UNKNOWN: 2}
MODES = ("bare_metal", "vgpu")


def plan_models(
    requests: Sequence[ModelRequest],
    nodes: Sequence[GpuNode],
    gpu_mode: str,
    *,
    gpu_nodes: Sequence[str] = (),
    own: Own | None = None,
    download_mb_s: float = 100.0,
    path: str = "vllm_models",
) -> tuple[Plan | None, list[Finding]]:
    """Place every model, or say why not: a plan and warnings, or None and at least one fatal finding.

    ``gpu_nodes`` restricts the nodes and orders them; ``own`` is what this collection's own engines already
    request, by node and resource, which a new plan gives back; ``download_mb_s`` is the rate in MB/s at which
    model files arrive.
    """
    inventory = Inventory(nodes, gpu_nodes, own or {})
    findings = _inputs(requests, inventory, gpu_mode, download_mb_s, path)
    if findings:
        return None, findings
    wishes, findings = _wishes(requests, inventory, gpu_mode, path)
    placed, unplaced = _pack(wishes, inventory)
    findings += [refusal(wish, wishes) for wish in unplaced]
    if findings:
        return None, list(dict.fromkeys(findings))
    placing = Placing(inventory, gpu_mode, _exact(wishes, placed))
    placements = tuple(placing.placement(wish, placed[wish.index]) for wish in wishes)
    threshold, slow = startup(requests, download_mb_s, path)
    return Plan(placements, threshold), warnings(wishes, placements, inventory, gpu_mode) + slow


def _inputs(
    requests: Sequence[ModelRequest], inventory: Inventory, gpu_mode: str, download_mb_s: float, path: str
) -> list[Finding]:
    if gpu_mode not in MODES:
        hint = did_you_mean(gpu_mode, MODES)
        message = f"'{gpu_mode}' is not a GPU mode{hint}; allowed are {', '.join(MODES)}"
        return [finding("planning-value-invalid", "vllm_gpu_mode", message)]
    if not 0 < download_mb_s < float("inf"):
        message = f"{download_mb_s} is not allowed; allowed is a number of MB/s above 0"
        return [finding("planning-value-invalid", "vllm_download_mb_s", message)]
    if not requests:
        return [finding("planning-models-empty", path, "no model is asked for")]
    if not inventory.all:
        return [finding("planning-no-gpu-node", "cluster", "the preflight found no node with a GPU")]
    return [unknown_node(inventory, name, "vllm_gpu_nodes") for name in inventory.unknown]


def _wishes(
    requests: Sequence[ModelRequest], inventory: Inventory, gpu_mode: str, path: str
) -> tuple[list[Wish], list[Finding]]:
    pools: dict[object, tuple[Pool, list[Finding]]] = {}
    wishes: list[Wish] = []
    findings: list[Finding] = []
    for index, request in enumerate(requests):
        pin, where = request.placement, f"{path}[{index}]"
        key = (pin.node, pin.product, tuple(sorted(pin.labels.items())), pin.expression, request.gpu_resource)
        if key not in pools:
            pools[key] = _pool(inventory, gpu_mode, request, where)
        pool, found = pools[key]
        findings += found
        if not found:
            fits = {kind: fit(request, kind[0], request.tag, kind[1]) for kind in pool.kinds}
            wishes.append(Wish(index, request, where, pool, fits))
    return wishes, findings


def _pool(inventory: Inventory, gpu_mode: str, request: ModelRequest, path: str) -> tuple[Pool, list[Finding]]:
    nodes, requirements, findings = candidates(inventory, gpu_mode, request.placement, path)
    return Pool(nodes, requirements, inventory.slots_of(request.gpu_resource, nodes)), findings


def _pack(wishes: list[Wish], inventory: Inventory) -> tuple[dict[int, list[Slot]], list[Wish]]:
    """Places by index of the model, and the models without one."""
    order = sorted((wish for wish in wishes if wish.fitting), key=lambda wish: wish.urgency)
    attempt = Attempt(inventory)
    placed = {wish.index: slots for wish in order if (slots := attempt.place(wish))}
    if len(placed) < len(order) <= SEARCHED_MODELS:
        placed = Search(Attempt(inventory)).places(order) or placed
    return placed, [wish for wish in wishes if wish.index not in placed]


class Attempt:
    """One packing: takes GPUs, main memory and CPU of the nodes, leaving the inventory as it is."""

    def __init__(self, inventory: Inventory) -> None:
        self._free = {
            (name, resource): slot.free for resource, slots in inventory.slots.items() for name, slot in slots.items()
        }
        self._rooms = {name: Room(room.memory_mib, room.cpu_millis) for name, room in inventory.rooms.items()}
        self._queues: dict[int, deque[Slot]] = {}
        self._loads: dict[tuple[str, str], list[float]] = {}

    def place(self, wish: Wish) -> list[Slot] | None:
        """Slots for all replicas: on one node where possible, because they share one volume."""
        count = wish.request.replicas
        first = self._first(wish, count)
        if first:
            return [self.take(first, wish) for _unused in range(count)]
        if count == 1:
            return None
        taken: list[Slot] = []
        while len(taken) < count and (slot := self._first(wish, 1)):
            taken.append(self.take(slot, wish))
        if len(taken) == count:
            return taken
        for slot in taken:
            self.give_back(slot, wish)
        return None

    def _first(self, wish: Wish, count: int) -> Slot | None:
        options: list[tuple[int, int, Slot]] = []
        for kind in wish.fitting:
            slot = next((slot for slot in self._queue(wish.pool.kinds[kind]) if self.takes(slot, wish, count)), None)
            if slot:
                options.append((RANK[wish.fits[kind].verdict], slot.order, slot))
        return min(options, key=lambda option: option[:2])[2] if options else None

    def _queue(self, slots: list[Slot]) -> deque[Slot]:
        """The slots without the leading ones that are full, so that a full node is looked at once."""
        queue = self._queues.setdefault(id(slots), deque(slots))
        while queue and not self._free[queue[0].node.name, queue[0].resource.name]:
            queue.popleft()
        return queue

    def takes(self, slot: Slot, wish: Wish, count: int) -> bool:
        """Whether so many replicas have room on the slot's node."""
        room, key = self._rooms[slot.node.name], (slot.node.name, slot.resource.name)
        if self._free[key] < wish.request.gpu * count:
            return False
        if room.memory_mib is not None and room.memory_mib < wish.memory_mib * count:
            return False
        if room.cpu_millis is not None and room.cpu_millis < wish.cpu_millis * count:
            return False
        if wish.request.gpu > 1 and not slot.whole:
            return False
        return not slot.shared or slot.shared_load(self._loads.get(key, []) + [wish.utilization] * count) < 1

    def take(self, slot: Slot, wish: Wish) -> Slot:
        """Put one replica there."""
        self._move(slot, wish, 1)
        self._loads.setdefault((slot.node.name, slot.resource.name), []).append(wish.utilization)
        return slot

    def give_back(self, slot: Slot, wish: Wish) -> None:
        """Take one replica away again."""
        self._move(slot, wish, -1)
        self._loads[slot.node.name, slot.resource.name].remove(wish.utilization)
        self._queues.clear()

    def _move(self, slot: Slot, wish: Wish, sign: int) -> None:
        room = self._rooms[slot.node.name]
        self._free[slot.node.name, slot.resource.name] -= sign * wish.request.gpu
        if room.memory_mib is not None:
            room.memory_mib -= sign * wish.memory_mib
        if room.cpu_millis is not None:
            room.cpu_millis -= sign * wish.cpu_millis


class Search:
    """All combinations of places, depth first, until one holds or the budget is spent."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._steps = SEARCH_STEPS

    def places(self, wishes: list[Wish]) -> dict[int, list[Slot]] | None:
        """Slots by index of the model; None if there is no combination, or none was found in time."""
        if not wishes:
            return {}
        wish, *rest = wishes
        for slot in sorted(wish.slots, key=lambda slot: (RANK[wish.fits[slot.kind].verdict], slot.order)):
            self._steps -= 1
            if self._steps < 0:
                return None
            if not self._attempt.takes(slot, wish, wish.request.replicas):
                continue
            taken = [self._attempt.take(slot, wish) for _unused in range(wish.request.replicas)]
            found = self.places(rest)
            if found is not None:
                return {wish.index: taken, **found}
            for one in taken:
                self._attempt.give_back(one, wish)
        return None


def _exact(wishes: list[Wish], placed: dict[int, list[Slot]]) -> bool:
    """Whether the plan only holds if each model runs on exactly the nodes that it names.

    One GPU a model is found by the scheduler wherever labels match. It knows nothing, though, of fractions of a
    shared GPU and of the volume that replicas share, and it may break up the GPUs that a larger model needs together.
    """
    return any(
        wish.request.gpu > 1 or wish.request.replicas > 1 or any(slot.shared for slot in placed[wish.index])
        for wish in wishes
    )


class Placing:
    """Turns the chosen slots into placements; equal selectors are worked out once."""

    def __init__(self, inventory: Inventory, gpu_mode: str, exact: bool) -> None:
        self._inventory = inventory
        self._gpu_mode = gpu_mode
        self._exact = exact
        self._selectors: dict[object, tuple[SelectorRequirement, ...]] = {}

    def placement(self, wish: Wish, slots: list[Slot]) -> Placement:
        """The placement of one model on its slots, one slot a replica."""
        chosen = {slot.node.name: slot.node for slot in slots}
        key = (id(wish.pool), tuple(wish.fitting), tuple(chosen))
        if key not in self._selectors:
            self._selectors[key] = self._selector(wish, chosen)
        return Placement(
            model=wish.request.name,
            nodes=tuple(chosen),
            selector=self._selectors[key],
            gpu_resource=wish.request.gpu_resource,
            gpus=wish.request.gpu,
            # Replicas on unlike GPUs: the one with the least to spare speaks for all.
            fit=min((wish.fits[slot.kind] for slot in slots), key=lambda one: one.kv_room - one.kv_needed),
        )

    def _selector(self, wish: Wish, chosen: dict[str, GpuNode]) -> tuple[SelectorRequirement, ...]:
        return selector(
            self._inventory,
            self._gpu_mode,
            wish.request.placement,
            wish.pool.requirements,
            list(chosen.values()),
            (lambda name: name not in chosen) if self._exact else wish.unsuitable,
        )
