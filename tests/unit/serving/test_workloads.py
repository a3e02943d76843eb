# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kubernetes must say: each defect of a healthy namespace has its code, and none has two."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.serving import workloads
from ansible_collections.inferops.vllm.plugins.module_utils.serving.workloads import Expected, Listed

from tests.unit.serving.fakes import MODELS, objects

EXPECTED = Expected(
    release="vllm",
    models=MODELS,
    nodes={"mistral": ("gpu-1",)},
    secrets={"vllm-secret": "KEY", "hf-secret": "TOKEN"},
)


def listed(site: dict) -> Listed:
    secrets = [{"metadata": s["metadata"], "keys": sorted(s.get("data") or {})} for s in site["secrets"]]
    return Listed(
        pods=site["pods"],
        claims=site["persistentvolumeclaims"],
        services=site["services"],
        slices=site["endpointslices"],
        secrets=secrets,
        monitors=site["servicemonitors"],
    )


def codes(site: dict, expected: Expected = EXPECTED) -> list[str]:
    return [f.code for f in workloads.check(expected, listed(site))]


def test_healthy_namespace() -> None:
    assert codes(objects()) == []


def remove(plural: str, index: int) -> Callable[[dict], object]:
    return lambda site: site[plural].pop(index)


def put(plural: str, index: int, *path: object) -> Callable[[dict], None]:
    def change(site: dict) -> None:
        place = site[plural][index]
        for step in path[:-2]:
            place = place[step]
        place[path[-2]] = path[-1]

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (remove("pods", 1), ["serving-pod-missing"]),
        (remove("pods", 0), ["serving-pod-missing"]),
        (put("pods", 1, "metadata", "deletionTimestamp", "now"), ["serving-pod-missing"]),
        (put("pods", 1, "status", "conditions", []), ["serving-pod-not-ready"]),
        (put("pods", 1, "spec", "nodeName", "gpu-9"), ["serving-pod-misplaced"]),
        (put("pods", 1, "spec", "runtimeClassName", None), ["serving-runtime-class-differs"]),
        (put("persistentvolumeclaims", 0, "status", "phase", "Pending"), ["serving-claim-unbound"]),
        (remove("persistentvolumeclaims", 0), ["serving-claim-unbound"]),
        (remove("endpointslices", 0), ["serving-service-empty"]),
        (put("endpointslices", 0, "endpoints", []), ["serving-service-empty"]),
        (put("endpointslices", 0, "endpoints", 0, "conditions", "ready", False), ["serving-service-empty"]),
        (put("endpointslices", 0, "endpoints", 0, "conditions", {}), []),
        (remove("services", 1), ["serving-pod-missing", "serving-service-missing"]),
        (remove("secrets", 0), ["serving-secret-missing"]),
        (put("secrets", 0, "data", {"OTHER": "eA=="}), ["serving-secret-key-missing"]),
        (put("secrets", 0, "metadata", "ownerReferences", None), ["serving-secret-unowned"]),
        (remove("servicemonitors", 0), ["serving-monitor-blind"]),
        (lambda site: site.update(servicemonitors=None), ["serving-monitor-kind-missing"]),
        (put("servicemonitors", 0, "spec", "endpoints", [{"port": "http"}]), ["serving-monitor-blind"]),
        (put("servicemonitors", 0, "spec", "selector", {"matchLabels": {"a": "b"}}), ["serving-monitor-blind"]),
    ],
)
def test_each_defect_has_its_code(change: Callable[[dict], object], expected: list[str]) -> None:
    site = copy.deepcopy(objects())
    change(site)
    assert codes(site) == expected


@pytest.mark.parametrize(
    ("expression", "scraped"),
    [
        ({"key": "release", "operator": "In", "values": ["router"]}, True),
        ({"key": "release", "operator": "NotIn", "values": ["router"]}, False),
        ({"key": "release", "operator": "Exists"}, True),
        ({"key": "release", "operator": "DoesNotExist"}, False),
        ({"key": "release", "operator": "Near"}, False),
    ],
)
def test_match_expressions_of_a_monitor(expression: dict, scraped: bool) -> None:
    site = objects()
    site["servicemonitors"][0]["spec"]["selector"] = {"matchExpressions": [expression]}
    assert codes(site) == ([] if scraped else ["serving-monitor-blind"])


def test_an_empty_namespace_is_not_deployed_and_never_green() -> None:
    empty = Listed()
    assert not workloads.deployed(EXPECTED, empty)
    assert {f.code for f in workloads.check(EXPECTED, empty)} >= {"serving-pod-missing", "serving-service-missing"}


def test_no_runtime_class_may_be_expected() -> None:
    site = objects()
    expected = Expected("vllm", MODELS, runtime_class=None)
    assert codes(site, expected) == ["serving-runtime-class-differs"] * 2


def test_summaries() -> None:
    pods = workloads.pods_summary(EXPECTED, listed(objects()))
    assert pods[0] == {"model": None, "name": "vllm-deployment-router-1", "node": "cp-1", "ready": True}
    assert [p["model"] for p in pods] == [None, "mistral", "embeddings"]
    services = workloads.services_summary(EXPECTED, listed(objects()))
    assert services[0] == {"name": "vllm-router-service", "exists": True, "endpoints": 1}
    secrets = workloads.secrets_summary(EXPECTED, listed(objects()))
    assert secrets[0] == {"name": "vllm-secret", "exists": True, "sealed": True}
