# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traps of one model: GPU, storage, numbers, secrets, placement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from ..engine.versions import engine_version
from ..findings import Finding, Severity
from .scene import Scene, floating, quantity, reference, sublist, submap, whole_number

NUMBERS = ("vllmConfig.maxModelLen", "vllmConfig.maxNumSeqs", "vllmConfig.maxLoras", "vllmConfig.tensorParallelSize")
OWN_VARIABLES = frozenset(
    ("HF_TOKEN", "HF_HOME", "VLLM_API_KEY", "VLLM_PORT", "POD_IP", "PYTHONHASHSEED", "PROMETHEUS_MULTIPROC_DIR")
)
"""Variables that the chart sets in engine pods (or that would stop them)."""

SECRET_NAME = re.compile(r"(^|_)(TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)


def _gpu(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    if "resources" in model and scene.release.since("0.1.9"):
        return
    count = model.get("requestGPU")
    whole = whole_number(count)
    if count is None:
        yield scene.find("values-gpu-count", f"{path}.requestGPU", "is missing: the pod would run without any GPU")
    elif whole is None:
        yield scene.find(
            "values-gpu-count", f"{path}.requestGPU", f"{count!r} is cut to a whole number: no GPU is requested"
        )
    elif whole < 1:
        yield scene.find("values-gpu-count", f"{path}.requestGPU", f"{count} requests no GPU")


def _slices(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    for unit in ("Mem", "MemPercentage", "Cores"):
        if f"requestGPU{unit}" in model and f"limitGPU{unit}" not in model:
            message = f"an extended resource needs a limit: give limitGPU{unit} too"
            yield scene.find("values-gpu-slice", f"{path}.requestGPU{unit}", message)


def _numbers(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    config = submap(model, "vllmConfig")
    values = [(f"{path}.{dotted}", config.get(dotted.partition(".")[2])) for dotted in NUMBERS]
    values += [(f"{path}.vllmConfig.extraArgs[{i}]", v) for i, v in enumerate(sublist(config, "extraArgs"))]
    for where, value in values:
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1_000_000:
            yield scene.find(
                "values-number-exponent", where, f"{value} becomes {float(value):.6e} or the like; put it in quotes"
            )


def _storage(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    storage, where = model.get("pvcStorage"), f"{path}.pvcStorage"
    if storage is None:
        yield scene.find("values-storage-missing", where, "is not set: every restart downloads the model again")
    elif storage == "":
        yield scene.find("values-storage-empty", where, "is empty: the pod refers to a claim that nobody makes")
    elif isinstance(storage, dict) and "emptyDir" not in storage:
        yield scene.find("values-storage-empty", where, "is a map without emptyDir")
    if model.get("storageClass") == "":
        yield scene.find(
            "values-storage-empty", f"{path}.storageClass", "is empty: no volume would ever be made for it"
        )


def _quantities(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    for key in ("requestCPU", "requestMemory", "limitCPU", "limitMemory", "pvcStorage", "shmSize"):
        value = model.get(key)
        if value in (None, "") or isinstance(value, dict):
            continue
        if quantity(value) is None:
            yield scene.find(
                "values-quantity", f"{path}.{key}", f"{value!r} is no Kubernetes quantity such as 500m, 16Gi or 2"
            )
        elif key == "requestMemory" and (quantity(value) or 0) < 2**20:
            yield scene.find(
                "values-quantity", f"{path}.{key}", f"{value!r} is less than a mebibyte: the unit is missing"
            )


def _token(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    token = model.get("hf_token")
    if isinstance(token, str) and token:
        yield scene.find(
            "values-secret-in-clear", f"{path}.hf_token", "is the token itself: it would stand in Git in clear text"
        )
    elif isinstance(token, dict):
        yield from reference(scene, f"{path}.hf_token", token, "")


def _variables(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, entry in enumerate(sublist(model, "env")):
        name = str(entry.get("name")) if isinstance(entry, dict) else ""
        where = f"{path}.env[{index}]"
        if name in OWN_VARIABLES:
            yield scene.find("values-env-owned", where, f"{name} is set by the chart")
        elif name in seen:
            yield scene.find("values-env-owned", where, f"{name} is given twice")
        elif isinstance(entry, dict) and entry.get("value") and SECRET_NAME.search(name):
            yield scene.find(
                "values-secret-in-clear", where, f"{name} looks like a secret and would stand in Git in clear text"
            )
        seen.add(name)


def _placement(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    where = f"{path}.nodeSelectorTerms"
    terms = sublist(model, "nodeSelectorTerms")
    for key in ("nodeName", "affinity"):
        if model.get(key) and terms:
            yield scene.find("values-selector-ignored", where, f"is dropped because {key} is set")
    if not terms and not model.get("nodeName") and not model.get("affinity"):
        yield scene.find("values-selector-missing", where, "is not set: any node with a free GPU may get this model")
    for index, term in enumerate(terms):
        yield from _term(scene, f"{where}[{index}]", term)


def _term(scene: Scene, where: str, term: Any) -> Iterator[Finding]:
    expressions = sublist(term, "matchExpressions") if isinstance(term, dict) else []
    if not expressions and not (isinstance(term, dict) and term.get("matchFields")):
        yield scene.find("values-selector-invalid", where, "has no matchExpressions")
    for index, expression in enumerate(expressions):
        given = expression if isinstance(expression, dict) else {}
        needs_values = given.get("operator") in ("In", "NotIn", "Gt", "Lt")
        values = given.get("values")
        texts = isinstance(values, list) and values and all(isinstance(v, str) for v in values)
        if not given.get("key") or not given.get("operator") or (needs_values and not texts):
            message = 'needs a key, an operator and (for In, NotIn, Gt, Lt) a list of texts; quote "true"'
            yield scene.find("values-selector-invalid", f"{where}.matchExpressions[{index}]", message)


def _parallel(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    config = submap(model, "vllmConfig")
    parallel, gpus = whole_number(config.get("tensorParallelSize")), whole_number(model.get("requestGPU"))
    if parallel is not None and gpus is not None and parallel > gpus:
        message = f"is {parallel}, the pod has {gpus} GPU" + ("" if gpus == 1 else "s")
        yield scene.find("values-tensor-parallel", f"{path}.vllmConfig.tensorParallelSize", message)
    elif gpus is not None and gpus > 1 and parallel is None:
        message = f"is not set: {gpus - 1} of {gpus} GPUs would stay idle"
        yield scene.find("values-tensor-parallel", f"{path}.vllmConfig.tensorParallelSize", message)
    if "shmSize" in model and parallel is None:
        yield scene.find("values-no-effect", f"{path}.shmSize", "is read only together with tensorParallelSize")


def _replicas(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    count = model.get("replicaCount")
    if submap(model, "keda").get("enabled"):
        return
    if count is not None and whole_number(count) is None:
        yield scene.find("values-replicas", f"{path}.replicaCount", f"{count!r} is no whole number")
    elif count == 0:
        message = "0: the model is not served, and its claim may stay Pending"
        yield scene.find("values-replicas", f"{path}.replicaCount", message, Severity.WARNING)
    elif (whole_number(count) or 1) > 1 and isinstance(model.get("pvcStorage"), str) and "pvcAccessMode" not in model:
        message = f"{count} pods share one ReadWriteOnce claim: all must run on one node"
        yield scene.find("values-replicas", f"{path}.replicaCount", message, Severity.WARNING)


def _engine_tag(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    tag = model.get("tag")
    if tag is not None and floating(tag) and engine_version("vllm/vllm-openai", str(tag)).version is None:
        yield scene.find("values-engine-tag-floating", f"{path}.tag", f"{tag!r} is another engine with every release")


def _switched_off(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    if model.get("enabled") is False and scene.release.since("0.1.11"):
        yield scene.find(
            "values-model-disabled", f"{path}.enabled", "removes the Deployment only; Service and claim stay"
        )


def _chat_template(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    if model.get("chatTemplate") and not model.get("chatTemplateConfigMap"):
        message = "without chatTemplateConfigMap the pod waits for a claim vllm-templates-pvc that nobody makes"
        yield scene.find("values-chat-template", f"{path}.chatTemplate", message)


def _cache(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    cache = submap(model, "lmcacheConfig")
    if cache.get("enabled") and not submap(model, "vllmConfig"):
        yield scene.find(
            "values-required-missing", f"{path}.vllmConfig", "lmcacheConfig.enabled needs it: rendering fails"
        )
    if cache.get("enablePD"):
        message = (
            "makes the pod share the node's IPC and process namespaces: the baseline Pod Security level refuses it"
        )
        yield scene.find("values-host-namespaces", f"{path}.lmcacheConfig.enablePD", message)


def _tools(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    if "vllmConfig" in model and not submap(model, "vllmConfig"):
        message = "is empty: the chart renders none of the engine's arguments"
        yield scene.find("values-no-effect", f"{path}.vllmConfig", message)


MODEL_CHECKS: tuple[Callable[[Scene, str, dict[str, Any]], Iterator[Finding]], ...] = (
    _gpu,
    _slices,
    _numbers,
    _storage,
    _quantities,
    _token,
    _variables,
    _placement,
    _parallel,
    _replicas,
    _engine_tag,
    _switched_off,
    _chat_template,
    _cache,
    _tools,
)
