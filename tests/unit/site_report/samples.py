# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs to report: a served site, one that stopped, one in check mode, one that says nothing, a hostile one."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferops.vllm.plugins.module_utils.findings import finding
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.capacity import GpuNode, GpuResource
from ansible_collections.inferops.vllm.plugins.module_utils.planning.plan import Fit, Placement, Plan, Verdict
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import STAGES, Run

WHEN = "2026-11-28T20:15:00Z"
INSTRUCT, EMBED = "mistralai/Mistral-Small-3.2-24B-Instruct-2506", "intfloat/multilingual-e5-large"

NODES = [
    GpuNode(
        "gpu-1",
        "gpu-1",
        True,
        True,
        driver="580.95.05",
        resources=(GpuResource("nvidia.com/gpu", "A100-SXM4-80GB", 81223, 2, 1),),
    ),
    GpuNode(
        "gpu-2",
        "gpu-2",
        True,
        True,
        vgpu=True,
        driver="550.144.03",
        resources=(GpuResource("nvidia.com/gpu", "GRID-A100D-20C", 19866, 1, 1),),
    ),
]

PLAN = Plan(
    (
        Placement(
            "mistral",
            ("gpu-1",),
            (),
            "nvidia.com/gpu",
            1,
            Fit(79.32, 71.39, 44.72, 2.2, 0.14, 24.33, 2.5, Verdict.FITS, "24.3 GiB of room for 2.5"),
        ),
        Placement(
            "embeddings",
            ("gpu-2",),
            (),
            "nvidia.com/gpu",
            1,
            Fit(19.4, 16.49, 1.04, 1.0, 0.14, 14.3, 0.0, Verdict.FITS, "an encoder needs no cache"),
        ),
    )
)

MODELS = [
    {"name": "mistral", "model": INSTRUCT, "role": "instruct"},
    {"name": "embeddings", "model": EMBED, "role": "embeddings"},
]

ANSWERS = [
    {
        "model": "mistral", "repository": INSTRUCT, "role": "instruct", "probe": "completion", "ok": True,
        "server": "uvicorn", "latency_s": 0.91, "tokens": 32, "tokens_per_s": 35.2,
        "first_words": "A library is a place where people can borrow books, find",
    },
    {
        "model": "embeddings", "repository": EMBED, "role": "embeddings", "probe": "embedding", "ok": True,
        "server": "uvicorn", "latency_s": 0.06, "dimension": 1024,
        "similarity": {"same_meaning": 0.9341, "unrelated": 0.7128},
    },
]  # fmt: skip

ENGINES = [(model["name"], f"vllm-{model['name']}-engine-service") for model in MODELS]


def verification() -> dict[str, Any]:
    negatives = [
        {"model": model["name"], "probe": probe, "status": status, "ok": True}
        for model in MODELS
        for probe, status in (("no key", 401), ("wrong key", 401), ("unknown model", 404))
    ]
    info = finding(
        "serving-engine-answers-without-key", f"service/{ENGINES[0][1]}", "no key is asked for: /invocations"
    )
    return {
        "changed": False,
        "failed": False,
        "seconds": 12.3,
        "answers": ANSWERS,
        "negatives": negatives,
        "pods": [
            {"model": None, "name": "vllm-deployment-router-7d9f-x2x", "node": "cp-1", "ready": True},
            {"model": "mistral", "name": "vllm-mistral-deployment-vllm-6c8-k4p", "node": "gpu-1", "ready": True},
            {"model": "embeddings", "name": "vllm-embeddings-deployment-vllm-5b9-wq2", "node": "gpu-2", "ready": True},
        ],
        "services": [
            {"name": "vllm-router-service", "exists": True, "endpoints": 1},
            *({"name": service, "exists": True, "endpoints": 1} for _, service in ENGINES),
        ],
        "secrets": [
            {"name": "vllm-secret", "exists": True, "sealed": True},
            {"name": "hf-secret", "exists": True, "sealed": True},
        ],
        "open_endpoints": [
            {"service": "vllm-router-service", "method": "GET", "path": "/metrics", "gives": "load and usage figures"},
            {"service": ENGINES[0][1], "method": "POST", "path": "/invocations", "gives": "a full answer of the model"},
        ],
        "findings": [info.to_dict()],
    }


def stage(name: str, seconds: float = 1.0, **result: Any) -> dict[str, Any]:
    return {"stage": name, "results": [{"seconds": seconds, "changed": False, "findings": [], **result}]}


WARNING = finding("serving-monitor-blind", "service/vllm-router-service", "no ServiceMonitor selects it").to_dict()


def served(site: str = "horsens") -> Run:
    proof = verification()
    return Run(
        site=site,
        generated=WHEN,
        stages=[
            stage("gpu_node", 2.4),
            stage("runtime_class", 4.1, changed=True),
            stage("sealed_secrets", 1.2),
            stage("application", 311.0, changed=True, findings=[WARNING]),
            {"stage": "verification", "results": [proof]},
        ],
        plan=PLAN.to_dict(),
        nodes=[node.to_dict() for node in NODES],
        models=MODELS,
        revisions=[
            {
                "application": "vllm",
                "revision": "3f2a1c9e8b7d6c5a4f3e2d1c0b9a8f7e6d5c4b3a",
                "repository": "https://bot:sesame@git.example.org/town/gitops.git",
            }
        ],
        verification=proof,
    )


CRASH = finding(
    "serving-model-crashed",
    "model/mistral",
    "pod vllm-mistral-deployment-vllm-6c8-k4p: exit code 2 (Error), 3 restarts; vllm: error: unrecognized arguments: "
    "--disable-log-requests",
)


def stopped() -> Run:
    proof = {**verification(), "failed": True, "answers": ANSWERS[1:], "findings": [CRASH.to_dict()]}
    proof["pods"][1]["ready"] = False
    whole = served("kolding")
    stages = [*whole.stages[:4], {"stage": "verification", "results": [proof]}]
    return Run(**{**whole.__dict__, "stages": stages, "verification": proof})


def fresh() -> Run:
    """A check-mode run of a site where nothing is deployed."""
    return Run("aarhus", WHEN, True, [stage("gpu_node"), stage("runtime_class", changed=True)], PLAN.to_dict(),
               [node.to_dict() for node in NODES], MODELS)  # fmt: skip


def rehearsed() -> Run:
    """The sandbox: everything is real but the models. The inventory names models of the catalogue."""
    proof = verification()
    proof["answers"] = [{**answer, "server": "simulated-vllm"} for answer in ANSWERS]
    models = [{**MODELS[0], "model": "mistral-small-3.2-24b"}, MODELS[1]]
    return Run(**{**served("sandbox").__dict__, "verification": proof, "models": models})


def empty() -> Run:
    return Run("nowhere", WHEN)


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;"


def hostile() -> Run:
    """Every text that comes from outside tries to be markup."""
    run = served("horsens")
    proof = verification()
    proof["answers"] = [{**ANSWERS[0], "first_words": EVIL, "repository": EVIL}]
    proof["pods"][1].update(name=EVIL, node=EVIL)
    proof["services"][0]["name"] = proof["secrets"][0]["name"] = EVIL
    proof["open_endpoints"][0].update(service=EVIL, path=EVIL, gives=EVIL)
    proof["negatives"][0].update(model=EVIL, probe=EVIL)
    found = {"code": EVIL, "severity": "warning", "subject": EVIL, "message": EVIL, "fix": EVIL, "anchor": EVIL}
    plan = Plan((Placement(EVIL, (EVIL,), (), EVIL, 1, Fit(10, 9, 20, 1, 1, 0, 1, Verdict.NO, EVIL)),)).to_dict()
    node = GpuNode(EVIL, EVIL, False, True, driver=EVIL, resources=(GpuResource(EVIL, EVIL, None, 1, sharing=EVIL),))
    return Run(
        **{
            **run.__dict__,
            "stages": [stage(s.name, findings=[found]) for s in STAGES],
            "plan": plan,
            "nodes": [node.to_dict()],
            "models": [{"name": EVIL, "model": EVIL, "role": EVIL}],
            "revisions": [{"application": EVIL, "revision": EVIL, "repository": "javascript:alert(3)"}],
            "verification": proof,
        }
    )


RUNS = {
    "served": served,
    "stopped": stopped,
    "fresh": fresh,
    "rehearsed": rehearsed,
    "empty": empty,
    "hostile": hostile,
}
