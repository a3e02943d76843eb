# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which model goes where, what its selector says, and why it goes nowhere."""

from __future__ import annotations

import itertools
import random
import sys
from dataclasses import replace

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.catalogue.planning import ENTRIES
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity, fatal
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.capacity import GpuResource
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.quantity import mebibytes
from ansible_collections.inferops.vllm.plugins.module_utils.planning.memory import fit, torch_total
from ansible_collections.inferops.vllm.plugins.module_utils.planning.placement import plan_models
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import Verdict
from ansible_collections.inferops.vllm.plugins.module_utils.planning.refusals import tight_is_fatal

from tests.unit.planning.builders import (
    A100,
    E5,
    GPU,
    GRID_20C,
    GRID_80C,
    H100,
    L40S,
    MISTRAL,
    SITES,
    model,
    models,
    node,
)

VGPU = ("nvidia.com/vgpu.present", ("true",))
SEED = models(MISTRAL, E5)


def planned(requests, nodes, mode="bare_metal", **options):
    plan, findings = plan_models(requests, nodes, mode, **options)
    assert plan is not None, findings
    return plan


def refused(requests, nodes, mode="bare_metal", **options):
    plan, findings = plan_models(requests, nodes, mode, **options)
    assert plan is None
    assert fatal(findings)
    return findings


def where(plan):
    return {p.model: p.nodes for p in plan.placements}


def selector(plan, name):
    return [(r.key, r.values) for r in plan.of(name).selector]


def test_seed_on_one_bare_metal_node():
    plan = planned(SEED, SITES["two-a100"])
    assert where(plan) == {"mistral": ("gpu-1",), "embeddings": ("gpu-1",)}
    assert selector(plan, "mistral") == [("kubernetes.io/hostname", ("gpu-1",))]


def test_seed_on_two_vgpu_nodes():
    plan = planned(SEED, SITES["vgpu"], "vgpu")
    assert selector(plan, "mistral") == [VGPU, ("nvidia.com/gpu.product", ("GRID-A100D-80C",))]
    assert selector(plan, "embeddings") == [VGPU, ("nvidia.com/gpu.product", ("GRID-A100D-20C",))]


def test_the_selector_says_the_host_name_not_the_node_name():
    nodes = [node("gpu-1", A100, 2, hostname="gpu-1.town.example")]
    assert selector(planned(SEED, nodes), "mistral") == [("kubernetes.io/hostname", ("gpu-1.town.example",))]


def test_listed_nodes_are_filled_in_the_order_of_the_list():
    nodes = [node("a", A100, 1), node("b", A100, 1), node("c", A100, 1)]
    plan = planned(SEED, nodes, gpu_nodes=["c", "a"])
    assert where(plan) == {"mistral": ("c",), "embeddings": ("a",)}


def test_the_order_of_models_does_not_matter():
    nodes = [node("small", L40S, 1), node("large", A100, 1)]
    for requests in (SEED, SEED[::-1]):
        assert where(planned(requests, nodes)) == {"mistral": ("large",), "embeddings": ("small",)}


def test_a_pinned_model_is_not_displaced_by_a_larger_one():
    nodes = [node("a", A100, 1), node("b", A100, 1)]
    requests = [model(vllm={"max_model_len": 16384}), *models({**E5, "placement": {"node": "a"}})]
    assert where(planned(requests, nodes)) == {"mistral": ("b",), "embeddings": ("a",)}


def test_the_model_with_the_fewest_nodes_goes_first():
    nodes = [
        node("a", A100, 2, labels={"zone": "x"}),
        node("b", A100, 1, labels={"zone": "x"}, memory_mib=20 * 1024),
        node("c", A100, 1, labels={"zone": "y"}),
    ]
    requests = models(
        {**MISTRAL, "memory": "100Gi", "placement": {"expression": "labels.zone == 'x' || name == 'c'"}},
        {**E5, "name": "first", "memory": "60Gi", "placement": {"labels": {"zone": "x"}}},
        {**E5, "name": "second", "memory": "60Gi", "placement": {"labels": {"zone": "x"}}},
    )
    assert where(planned(requests, nodes)) == {"mistral": ("c",), "first": ("a",), "second": ("a",)}


def test_gpus_of_our_own_engines_count_as_free():
    nodes = [node("gpu-1", A100, 2, requested=2)]
    assert [f.code for f in refused(SEED, nodes)] == ["planning-gpus-taken"] * 2
    assert where(planned(SEED, nodes, own={"gpu-1": {GPU: 2}})) == where(planned(SEED, SITES["two-a100"]))


def test_replicas_stay_on_one_node_because_of_their_volume():
    nodes = [node("a", A100, 1), node("b", A100, 2)]
    plan = planned([model(replicas=2, vllm={"max_model_len": 16384})], nodes)
    assert where(plan) == {"mistral": ("b",)}


def test_replicas_on_several_nodes_are_a_warning():
    nodes = [node("a", A100, 1), node("b", A100, 1)]
    plan, findings = plan_models([model(replicas=2, vllm={"max_model_len": 16384})], nodes, "bare_metal")
    assert selector(plan, "mistral") == [("kubernetes.io/hostname", ("a", "b"))]
    assert [f.code for f in findings] == ["planning-replicas-share-volume"]


def test_a_replica_too_many_gives_its_places_back():
    nodes = [node("a", A100, 1), node("b", A100, 1)]
    requests = models({**MISTRAL, "replicas": 3}, E5)
    findings = refused(requests, nodes)
    assert [(f.code, f.subject) for f in findings] == [("planning-gpus-short", "vllm_models[0]")]


def test_unlike_replicas_report_the_tighter_gpu():
    nodes = [node("a", H100, 1), node("b", A100, 1)]
    plan = planned([model(replicas=2, vllm={"max_model_len": 16384})], nodes)
    assert plan.of("mistral").fit.total == pytest.approx(78.95)


def test_two_models_one_gpu_names_the_options():
    (found,) = refused(SEED, SITES["one-a100"])
    assert found.code == "planning-gpus-short"
    for option in ("MIG", "time-slicing", "smaller", "mistral 0.64", "embeddings 0.05"):
        assert option in found.fix


def test_two_models_that_could_not_share_either():
    requests = models(MISTRAL, {**MISTRAL, "name": "other"})
    (found,) = refused(requests, SITES["one-a100"])
    assert "need more than one such GPU" in found.fix


def test_unknown_memory_gives_no_fractions():
    (found,) = refused(SEED, [node("gpu-1", ("", None), 1)])
    assert "need more than one such GPU" in found.fix


def test_shared_fractions_below_one():
    requests = models({**MISTRAL, "vllm": {"max_model_len": 16384, "gpu_memory_utilization": 0.8}}, E5)
    (found,) = refused(requests, SITES["time-sliced"])
    assert found.code == "planning-shared-gpu-overcommitted"
    assert "0.8 (mistral) + 0.9 (embeddings)" in found.message
    requests = models(
        {**MISTRAL, "vllm": {"max_model_len": 16384, "gpu_memory_utilization": 0.8}},
        {**E5, "vllm": {"gpu_memory_utilization": 0.1}},
    )
    assert where(planned(requests, SITES["time-sliced"])) == {"mistral": ("gpu-1",), "embeddings": ("gpu-1",)}


def test_shared_gpus_of_one_node_take_one_engine_each():
    nodes = [node("gpu-1", A100, 8, sharing="time-slicing", replicas=4)]
    assert where(planned(SEED, nodes)) == {"mistral": ("gpu-1",), "embeddings": ("gpu-1",)}
    third = [*SEED, *models({**E5, "name": "third"})]
    assert [f.code for f in refused(third, nodes)] == ["planning-shared-gpu-overcommitted"]


def test_replicas_on_a_shared_gpu_count_each():
    nodes = [node("gpu-1", A100, 4, sharing="time-slicing", replicas=4)]
    share = {"gpu_memory_utilization": 0.3}
    assert planned(models({**E5, "replicas": 3, "vllm": share}), nodes)
    assert refused(models({**E5, "replicas": 4, "vllm": share}), nodes)


def test_mps_divides_the_memory():
    nodes = [node("gpu-1", (A100[0], 20480), 4, sharing="mps", replicas=4)]
    assert [f.code for f in refused([SEED[0]], nodes)] == ["planning-model-does-not-fit"]
    assert where(planned([SEED[1]], nodes)) == {"embeddings": ("gpu-1",)}


def test_tensor_parallel_takes_whole_gpus_of_one_node():
    nodes = [node("a", L40S, 1), node("b", L40S, 1), node("c", L40S, 2)]
    plan = planned([model(gpu=2, vllm={"max_model_len": 16384})], nodes)
    assert (where(plan), plan.of("mistral").gpus) == ({"mistral": ("c",)}, 2)
    (found,) = refused([model(gpu=2, vllm={"max_model_len": 16384})], nodes[:2])
    assert found.code == "planning-too-many-gpus"


def test_fitting_beats_tight_beats_unknown():
    unknown, large, small = node("a", ("", None), 1), node("c", A100, 1), node("b", L40S, 1)
    request = model(model="qwen3-14b", vllm={"max_model_len": 40960})
    assert where(planned([request], [unknown, large])) == {"mistral": ("c",)}
    assert where(planned([request], [unknown, small])) == {"mistral": ("b",)}
    plan, findings = plan_models([request], [unknown], "bare_metal")
    assert plan.of("mistral").fit.verdict.value == "unknown"
    assert [f.code for f in findings] == ["planning-gpu-memory-unknown"]


def test_tight_is_a_warning_and_can_be_a_refusal():
    request = model(vllm={"max_model_len": 16384, "gpu_memory_utilization": 0.63})
    plan, findings = plan_models([request], SITES["one-a100"], "bare_metal")
    assert plan
    assert [(f.code, f.severity) for f in findings] == [("planning-fit-tight", Severity.WARNING)]
    assert [f.severity for f in tight_is_fatal(findings)] == [Severity.FATAL]


def test_remarks_on_gated_models_and_floating_tags():
    _, findings = plan_models([model(model="llama-3.1-8b", tag="latest")], SITES["one-a100"], "bare_metal")
    assert [f.code for f in findings] == ["planning-version-unknown", "planning-model-gated"]


def test_bare_metal_mode_on_virtual_gpus():
    _, findings = plan_models(SEED, SITES["vgpu"], "bare_metal")
    assert [f.code for f in findings] == ["planning-gpu-mode-unlikely"]


def test_a_label_selector_that_would_reach_an_unsuitable_node_gets_host_names():
    bare = node("vgpu-0", GRID_20C, 1, vgpu=True)
    bare = replace(bare, labels={k: v for k, v in bare.labels.items() if "product" not in k})
    large = node("vgpu-9", GRID_80C, 1, vgpu=True)
    large = replace(large, labels={k: v for k, v in large.labels.items() if "product" not in k})
    plan = planned([SEED[0]], [bare, large], "vgpu")
    assert selector(plan, "mistral") == [VGPU, ("kubernetes.io/hostname", ("vgpu-9",))]


def test_a_node_that_is_down_does_not_change_the_selector():
    nodes = [node("a", GRID_80C, 1, vgpu=True), node("b", GRID_80C, 1, vgpu=True)]
    down = [nodes[0], replace(nodes[1], ready=False)]
    assert selector(planned([SEED[0]], nodes, "vgpu"), "mistral") == selector(
        planned([SEED[0]], down, "vgpu"), "mistral"
    )


@pytest.mark.parametrize(
    ("entries", "resource"),
    [
        ([{**MISTRAL, "gpu": 2}, E5], {}),
        ([{**MISTRAL, "replicas": 2}, E5], {}),
        ([{**MISTRAL, "vllm": {"gpu_memory_utilization": 0.9}}, E5], {"sharing": "time-slicing", "replicas": 2}),
    ],
)
def test_what_the_scheduler_could_break_up_is_tied_to_hosts(entries, resource):
    nodes = [node(name, GRID_80C, 2, vgpu=True, **resource) for name in ("a", "b")]
    plan = planned(models(*entries), nodes, "vgpu")
    assert selector(plan, "mistral")[-1] == ("kubernetes.io/hostname", ("a",))
    assert selector(plan, "embeddings")[-1] == ("kubernetes.io/hostname", ("b",))


def test_vgpu_restricted_to_listed_nodes():
    nodes = [node("a", GRID_80C, 1, vgpu=True), node("b", GRID_80C, 1, vgpu=True)]
    plan = planned([SEED[0]], nodes, "vgpu", gpu_nodes=["b"])
    assert selector(plan, "mistral")[-1] == ("kubernetes.io/hostname", ("b",))


def test_pins_are_kept_in_the_selector():
    nodes = [node("a", A100, 1), node("b", A100, 1, labels={"zone": "x"})]
    pin = {"placement": {"labels": {"zone": "x"}, "product": A100[0]}, "vllm": {"max_model_len": 16384}}
    assert selector(planned([model(**pin)], nodes), "mistral") == [
        ("nvidia.com/gpu.product", (A100[0],)),
        ("zone", ("x",)),
        ("kubernetes.io/hostname", ("b",)),
    ]


@pytest.mark.parametrize(
    ("placement", "hint"),
    [
        ({"node": "GRID-A100D-80C"}, "value of nvidia.com/gpu.product"),
        ({"node": "vgpu2"}, "did you mean 'vgpu-2'?"),
        ({"labels": {"kubernetes.io/hostname": "GRID-A100D-80C"}}, "value of nvidia.com/gpu.product"),
        ({"product": "GRID-A100D-40C"}, "did you mean 'GRID-A100D-"),
        ({"product": "T4"}, "nvidia.com/gpu.product is one of GRID-A100D-20C, GRID-A100D-80C"),
        ({"labels": {"nvidia.com/gpu.prodct": "x"}}, "did you mean 'nvidia.com/gpu.product'?"),
    ],
)
def test_near_misses(placement, hint):
    (found,) = refused([model(placement=placement)], SITES["vgpu"], "vgpu")
    assert hint in found.message


def test_product_in_the_list_of_nodes():
    (found,) = refused(SEED, SITES["vgpu"], "vgpu", gpu_nodes=["GRID-A100D-80C"])
    assert "is the value of nvidia.com/gpu.product on node vgpu-2" in found.message


def test_pin_to_a_node_that_the_gpu_mode_excludes():
    nodes = [*SITES["vgpu"], node("metal", A100, 1)]
    (found,) = refused([model(placement={"node": "metal"})], nodes, "vgpu")
    assert found.code == "planning-selector-matches-nothing"


def test_a_label_of_excluded_nodes_only():
    nodes = [node("a", A100, 1, labels={"zone": "x"}), node("b", A100, 1)]
    (found,) = refused([model(placement={"labels": {"zone": "x"}})], nodes, gpu_nodes=["b"])
    assert "a excluded by vllm_gpu_nodes" in found.message


def test_without_jmespath(monkeypatch):
    monkeypatch.setitem(sys.modules, "jmespath", None)
    (found,) = refused([model(placement={"expression": "ready"})], SITES["two-a100"])
    assert found.code == "planning-jmespath-missing"


@pytest.mark.parametrize("expression", ["labels.[", "sum(name)", "@.nothing(", "name > `1` || sort_by(labels, &x)"])
def test_bad_expressions_never_raise(expression):
    (found,) = refused([model(placement={"expression": expression})], SITES["two-a100"])
    assert found.code in ("planning-expression-invalid", "planning-selector-matches-nothing")


def test_resources_listed_when_one_is_missing():
    (found,) = refused([model(gpu_resource="nvidia.com/gpu.shared")], SITES["two-a100"])
    assert "did you mean 'nvidia.com/gpu'?" in found.message
    (found,) = refused([SEED[0]], [node("gpu-1", A100, 0)])
    assert (found.code, found.message) == ("planning-resource-missing", "nvidia.com/gpu is 0 on gpu-1")


def test_a_node_without_any_resource():
    (found,) = refused([SEED[0]], [node("gpu-1", A100, 1, resources=())])
    assert found.code == "planning-resource-missing"


def test_many_nodes_are_not_all_named():
    (found,) = refused([SEED[0]], [node(f"gpu-{i}", A100, 1, resources=()) for i in range(20)])
    assert "and 12 more" in found.message


def test_not_ready_and_cordoned():
    nodes = [node("a", A100, 1, ready=False), node("b", A100, 1, schedulable=False)]
    (found,) = refused([SEED[0]], nodes)
    assert found.message == "'mistral': a is not ready, b is cordoned"


def test_nodes_that_do_not_tell_their_main_memory():
    nodes = [node("a", A100, 2, memory_mib=None, cpu_millis=None)]
    assert where(planned(SEED, nodes)) == {"mistral": ("a",), "embeddings": ("a",)}


def test_one_node_for_both_modes_of_naming():
    nodes = [node("a", A100, 2, hostname="a.example")]
    assert where(planned(SEED, nodes, gpu_nodes=["a.example"])) == {"mistral": ("a",), "embeddings": ("a",)}


def test_two_resources_on_one_node():
    mig = GpuResource("nvidia.com/mig-1g.20gb", "A100-MIG-1g.20gb", 19968, 3, sharing="mig")
    mixed = node("a", A100, 1)
    mixed = replace(mixed, resources=(*mixed.resources, mig))
    requests = models(MISTRAL, {**E5, "gpu_resource": mig.name})
    plan = planned(requests, [mixed])
    assert [(p.gpu_resource, p.fit.total) for p in plan.placements] == [(GPU, 79.3), (mig.name, 18.8)]


def test_an_empty_list_is_never_green():
    assert [f.code for f in refused([], SITES["two-a100"])] == ["planning-models-empty"]


def test_nothing_is_promised_twice():
    """On random sites a plan never exceeds GPUs, main memory or CPU, and gives the same answer again."""
    rng = random.Random(7)
    kinds = [A100, L40S, GRID_20C, H100, ("", None)]
    plans = 0
    for _ in range(150):
        nodes = [
            node(f"n{i}", rng.choice(kinds), rng.randint(0, 4), requested=rng.randint(0, 1))
            for i in range(rng.randint(1, 5))
        ]
        entries = [
            {**rng.choice([MISTRAL, E5]), "name": f"m{i}", "replicas": rng.randint(1, 2), "gpu": rng.choice([1, 1, 2])}
            for i in range(rng.randint(1, 4))
        ]
        requests = models(*entries)
        plan, findings = plan_models(requests, nodes, "bare_metal")
        assert (plan, findings) == plan_models(requests, nodes, "bare_metal")
        if plan is None:
            assert fatal(findings)
            continue
        plans += 1
        free = {n.name: n.resources[0].free for n in nodes}
        single = [p for p in plan.placements if len(p.nodes) == 1]
        for placement in single:
            replicas = next(r.replicas for r in requests if r.name == placement.model)
            free[placement.nodes[0]] -= placement.gpus * replicas
        assert min(free.values()) >= 0
    assert plans > 30


def combination(requests, nodes):
    """Whether any assignment of one-replica models to nodes holds, by trying all."""
    options = [
        [
            index
            for index, place in enumerate(nodes)
            if fit(request, torch_total(place.resources[0].memory_mib), request.tag, place.resources[0].product).verdict
            is not Verdict.NO
            and all(place.labels.get(key) == value for key, value in request.placement.labels.items())
        ]
        for request in requests
    ]
    for chosen in itertools.product(*options):
        gpus, memory = [place.resources[0].free for place in nodes], [place.memory_mib for place in nodes]
        for request, index in zip(requests, chosen, strict=True):
            gpus[index] -= request.gpu
            memory[index] -= mebibytes(request.memory)
        if min(*gpus, *memory, 0) == 0:
            return True
    return False


def random_site(seed):
    rng = random.Random(seed)
    kinds = [A100, L40S, GRID_20C, H100]
    nodes = [
        node(
            f"n{index}",
            rng.choice(kinds),
            rng.randint(1, 4),
            memory_mib=rng.choice([65536, 98304, 131072]),
            labels={"zone": rng.choice("ab")},
        )
        for index in range(rng.randint(1, 4))
    ]
    pool = [MISTRAL, E5, {"model": "qwen3-14b", "vllm": {"max_model_len": 8192}, "memory": "32Gi"}]
    entries = []
    for index in range(rng.randint(2, 6)):
        entry = {**rng.choice(pool), "name": f"m{index}", "gpu": rng.choice([1, 1, 1, 2])}
        if rng.random() < 0.3:
            entry["placement"] = {"labels": {"zone": rng.choice("ab")}}
        entries.append(entry)
    return models(*entries), nodes


def test_a_plan_is_refused_only_if_there_is_none():
    possible = 0
    for seed in range(100):
        requests, nodes = random_site(seed)
        plan, findings = plan_models(requests, nodes, "bare_metal")
        exists = combination(requests, nodes)
        assert bool(plan) == exists, (seed, findings)
        possible += exists
    assert 20 < possible < 80


def test_a_site_that_only_a_search_can_plan():
    """Main memory is the scarce thing: 128 GiB on each of two nodes for 248 GiB of requests."""
    nodes = [node("n0", H100, 3, labels={"zone": "b"}), node("n1", H100, 4, labels={"zone": "a"})]
    qwen = {"model": "qwen3-14b", "vllm": {"max_model_len": 8192}, "memory": "32Gi"}
    requests = models(
        {**MISTRAL, "name": "m0", "placement": {"labels": {"zone": "a"}}},
        {**qwen, "name": "m1", "placement": {"labels": {"zone": "b"}}},
        {**qwen, "name": "m2"},
        {**MISTRAL, "name": "m3", "gpu": 2},
        {**qwen, "name": "m4"},
        {**E5, "name": "m5"},
    )
    assert combination(requests, nodes)
    found = where(planned(requests, nodes))
    assert (found["m0"], found["m1"]) == (("n1",), ("n0",))


def test_replicas_need_their_main_memory_each():
    nodes = [node("a", A100, 4, memory_mib=100 * 1024), node("b", A100, 4, memory_mib=130 * 1024)]
    assert where(planned(models({**MISTRAL, "replicas": 2}), nodes)) == {"mistral": ("b",)}


def test_only_models_that_compete_are_counted():
    nodes = [node("a", A100, 1), node("b", L40S, 1)]
    requests = models(MISTRAL, {**MISTRAL, "name": "other"}, {**E5, "placement": {"node": "b"}})
    (found,) = refused(requests, nodes)
    assert "mistral, other need 2 nvidia.com/gpu, a can give 1" in found.message


def test_large_sites_are_not_searched():
    requests = models(*({**E5, "name": f"m{index}"} for index in range(40)))
    nodes = [node(f"n{index:02}", A100, 1) for index in range(39)]
    assert [f.code for f in refused(requests, nodes)] == ["planning-gpus-short"]


def test_the_search_gives_up_in_time(monkeypatch):
    from ansible_collections.inferops.vllm.plugins.module_utils.planning import placement

    monkeypatch.setattr(placement, "SEARCH_STEPS", 1)
    requests = models(*({**MISTRAL, "name": f"m{index}"} for index in range(4)))
    assert refused(requests, [node("a", A100, 3)])


def test_every_code_of_the_area_is_provoked_somewhere():
    """The corpus and this folder name every code of the catalogue."""
    from pathlib import Path

    here = Path(__file__).parent
    texts = [path.read_text() for path in here.glob("test_*.py")]
    texts += [path.read_text() for path in (here.parents[1] / "corpus" / "models" / "invalid").glob("*.yml")]
    missing = [entry.code for entry in ENTRIES if not any(entry.code in text for text in texts)]
    assert not missing
