# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the chart renders without complaint and nobody wants: a table of small checks over the values.

Every check looks at the chart's values (below the alias) for one release and yields findings. They hold for values
that this collection built and for files that people wrote, so no check takes any shape for granted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..engine.versions import engine_version
from ..findings import Finding, Severity, finding
from .keys import models
from .names import check_names, injected_variable
from .releases import Release

QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
UNITS = {"": 1, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
         "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}  # fmt: skip
FLOATING = frozenset(("", "latest", "main", "master", "stable", "nightly", "dev", "edge"))
ROUTER_MEMORY = 2**30
"""Bytes below which the router is known to be killed."""

NUMBERS = ("vllmConfig.maxModelLen", "vllmConfig.maxNumSeqs", "vllmConfig.maxLoras", "vllmConfig.tensorParallelSize")
OWN_VARIABLES = frozenset(
    ("HF_TOKEN", "HF_HOME", "VLLM_API_KEY", "VLLM_PORT", "POD_IP", "PYTHONHASHSEED", "PROMETHEUS_MULTIPROC_DIR")
)
SECRET_NAME = re.compile(r"(^|_)(TOKEN|KEY|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Scene:
    """What the checks look at. ``prefix`` is put before the paths named, ``name`` is the Helm release name."""

    values: Mapping[str, Any]
    release: Release
    name: str = "vllm"
    alias: str = "vllm"
    prefix: str = ""

    @property
    def engine(self) -> dict[str, Any]:
        """The block of the engines."""
        return _map(self.values, "servingEngineSpec")

    @property
    def router(self) -> dict[str, Any]:
        """The block of the router."""
        return _map(self.values, "routerSpec")

    def find(self, code: str, path: str, message: str, severity: Severity | None = None) -> Finding:
        """A finding about a path."""
        return finding(code, f"{self.prefix}{path}", message, severity=severity)


Check = Callable[[Scene], Iterator[Finding]]
ModelCheck = Callable[[Scene, str, dict[str, Any]], Iterator[Finding]]


def check_traps(scene: Scene) -> list[Finding]:
    """All findings, the site's first, then model by model."""
    found = [f for check in SITE_CHECKS for f in check(scene)]
    for path, model in models(scene.values):
        found += [f for check in MODEL_CHECKS for f in check(scene, path, model)]
    return found


# ------------------------------------------------------------------------------------------------- the site


def _some_model(scene: Scene) -> Iterator[Finding]:
    if not any(True for _ in models(scene.values)):
        yield scene.find(
            "values-no-models", "servingEngineSpec.modelSpec", "holds no model: the router would serve nothing"
        )


def _names(scene: Scene) -> Iterator[Finding]:
    named = [
        (f"{scene.prefix}{path}.name", str(model["name"]))
        for path, model in models(scene.values)
        if model.get("name") is not None
    ]
    yield from check_names(scene.name, named, scene.alias)
    for path, model in models(scene.values):
        if model.get("name") is None:
            yield scene.find(
                "values-name-invalid", f"{path}.name", "is missing: two such models would overwrite each other"
            )


def _strategy(scene: Scene) -> Iterator[Finding]:
    kind = _map(scene.engine, "strategy").get("type")
    if kind != "Recreate":
        shown = f"is {kind!r}" if kind else "is not set"
        yield scene.find(
            "values-strategy", "servingEngineSpec.strategy.type", f"{shown}; only Recreate frees the GPU first"
        )


def _api_key(scene: Scene) -> Iterator[Finding]:
    path, key = "servingEngineSpec.vllmApiKey", scene.engine.get("vllmApiKey")
    if isinstance(key, str) and key:
        yield scene.find("values-secret-in-clear", path, "is the key itself: it would stand in Git in clear text")
    elif isinstance(key, dict) and key:
        yield from _reference(
            scene, path, key, "no engine would ask for a key" if scene.release.since("0.1.11") else ""
        )
    else:
        yield scene.find("values-api-key-missing", path, "is not set: every engine would answer without a key")


def _router_key(scene: Scene) -> Iterator[Finding]:
    if "vllmApiKey" in scene.router and scene.engine.get("enableEngine", True) and not scene.release.since("0.1.11"):
        version = scene.release.version
        yield scene.find(
            "values-no-effect", "routerSpec.vllmApiKey", f"{version} reads it only when no engine is deployed"
        )


def _router_token(scene: Scene) -> Iterator[Finding]:
    if scene.router.get("hf_token"):
        yield scene.find(
            "values-secret-in-clear", "routerSpec.hf_token", "is written into the Deployment in clear text"
        )


def _router_tag(scene: Scene) -> Iterator[Finding]:
    if scene.router.get("enableRouter", True) and _floating(scene.router.get("tag", "latest")):
        tag = scene.router.get("tag", "latest")
        yield scene.find("values-router-tag-floating", "routerSpec.tag", f"{tag!r} is another router every few days")


def _router_memory(scene: Scene) -> Iterator[Finding]:
    limit = _map(_map(scene.router, "resources"), "limits").get("memory")
    path = "routerSpec.resources.limits.memory"
    if limit is None and not _map(scene.router, "resources"):
        default = "1000Mi" if scene.release.since("0.1.10") else "500Mi"
        yield scene.find("values-router-memory", path, f"is the chart's {default}; give it 1Gi or more")
    elif limit is not None and (size := quantity(limit)) is not None and size < ROUTER_MEMORY:
        yield scene.find("values-router-memory", path, f"{limit} is less than 1Gi")


def _router_scaling(scene: Scene) -> Iterator[Finding]:
    if _map(scene.router, "autoscaling").get("enabled") and not scene.release.since("0.1.11"):
        message = (
            f"{scene.release.version} also renders replicas: Argo CD and the autoscaler would overwrite each other"
        )
        yield scene.find("values-router-scaling", "routerSpec.autoscaling.enabled", message)


def _ports(scene: Scene) -> Iterator[Finding]:
    port = scene.engine.get("containerPort", 8000)
    if port != 8000:
        yield scene.find("values-port", "servingEngineSpec.containerPort", f"is {port}; probes and router stay at 8000")


def _probes(scene: Scene) -> Iterator[Finding]:
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        if scene.release.since("0.1.10") and _map(scene.engine, name).get("initialDelaySeconds") == 0:
            path = f"servingEngineSpec.{name}.initialDelaySeconds"
            yield scene.find("values-no-effect", path, f"0 becomes 15 in {scene.release.version}")


def _disruption_budget(scene: Scene) -> Iterator[Finding]:
    if scene.engine.get("maxUnavailablePodDisruptionBudget") and not scene.release.since("0.1.11"):
        path = "servingEngineSpec.maxUnavailablePodDisruptionBudget"
        yield scene.find(
            "values-no-effect", path, "the chart's PodDisruptionBudget has no selector: it protects no pod"
        )


def _enabled_blocks(scene: Scene) -> Iterator[Finding]:
    blocks = [(name, scene.values.get(name)) for name in ("cacheserverSpec", "sharedPvcStorage")]
    blocks += [(f"{path}.raySpec", model.get("raySpec")) for path, model in models(scene.values)]
    for path, block in blocks:
        if isinstance(block, dict) and block and "enabled" not in block and scene.release.since("0.1.11"):
            yield scene.find(
                "values-block-disabled", path, f"{scene.release.version} renders nothing of it without enabled: true"
            )


def _monitor_label(scene: Scene) -> Iterator[Finding]:
    if "release" in _map(_map(scene.router, "serviceMonitor"), "additionalLabels"):
        path = "routerSpec.serviceMonitor.additionalLabels.release"
        yield scene.find("values-monitor-duplicate-label", path, "the chart writes the label release itself")


def _services(scene: Scene) -> Iterator[Finding]:
    objects = scene.values.get("extraObjects")
    for index, manifest in enumerate(objects if isinstance(objects, list) else ()):
        if not isinstance(manifest, dict) or manifest.get("kind") != "Service":
            continue
        variable = injected_variable(str(_map(manifest, "metadata").get("name")))
        if variable:
            message = f"this Service sets {variable}=tcp://… in every pod of the namespace"
            yield scene.find("values-service-variable", f"extraObjects[{index}].metadata.name", message)


def _runtime_class(scene: Scene) -> Iterator[Finding]:
    if scene.engine.get("runtimeClassName") == "":
        message = "is empty: containerd's default runtime or CDI must give the pods their GPU"
        yield scene.find("values-runtime-class-empty", "servingEngineSpec.runtimeClassName", message)


SITE_CHECKS: tuple[Check, ...] = (
    _some_model,
    _names,
    _strategy,
    _api_key,
    _router_key,
    _router_token,
    _router_tag,
    _router_memory,
    _router_scaling,
    _ports,
    _probes,
    _disruption_budget,
    _enabled_blocks,
    _monitor_label,
    _services,
    _runtime_class,
)


# -------------------------------------------------------------------------------------------------- a model


def _gpu(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    if "resources" in model and scene.release.since("0.1.9"):
        return
    count = model.get("requestGPU")
    whole = _whole(count)
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
    config = _map(model, "vllmConfig")
    values = [(f"{path}.{dotted}", config.get(dotted.partition(".")[2])) for dotted in NUMBERS]
    values += [(f"{path}.vllmConfig.extraArgs[{i}]", v) for i, v in enumerate(_list(config, "extraArgs"))]
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
        yield from _reference(scene, f"{path}.hf_token", token, "")


def _variables(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, entry in enumerate(_list(model, "env")):
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
    terms = _list(model, "nodeSelectorTerms")
    for key in ("nodeName", "affinity"):
        if model.get(key) and terms:
            yield scene.find("values-selector-ignored", where, f"is dropped because {key} is set")
    if not terms and not model.get("nodeName") and not model.get("affinity"):
        yield scene.find("values-selector-missing", where, "is not set: any node with a free GPU may get this model")
    for index, term in enumerate(terms):
        yield from _term(scene, f"{where}[{index}]", term)


def _term(scene: Scene, where: str, term: Any) -> Iterator[Finding]:
    expressions = _list(term, "matchExpressions") if isinstance(term, dict) else []
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
    config = _map(model, "vllmConfig")
    parallel, gpus = _whole(config.get("tensorParallelSize")), _whole(model.get("requestGPU"))
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
    if _map(model, "keda").get("enabled"):
        return
    if count is not None and _whole(count) is None:
        yield scene.find("values-replicas", f"{path}.replicaCount", f"{count!r} is no whole number")
    elif count == 0:
        message = "0: the model is not served, and its claim may stay Pending"
        yield scene.find("values-replicas", f"{path}.replicaCount", message, Severity.WARNING)
    elif (_whole(count) or 1) > 1 and isinstance(model.get("pvcStorage"), str) and "pvcAccessMode" not in model:
        message = f"{count} pods share one ReadWriteOnce claim: all must run on one node"
        yield scene.find("values-replicas", f"{path}.replicaCount", message, Severity.WARNING)


def _engine_tag(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    tag = model.get("tag")
    if tag is not None and _floating(tag) and engine_version("vllm/vllm-openai", str(tag)).version is None:
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
    cache = _map(model, "lmcacheConfig")
    if cache.get("enabled") and not _map(model, "vllmConfig"):
        yield scene.find(
            "values-required-missing", f"{path}.vllmConfig", "lmcacheConfig.enabled needs it: rendering fails"
        )
    if cache.get("enablePD"):
        message = (
            "makes the pod share the node's IPC and process namespaces: the baseline Pod Security level refuses it"
        )
        yield scene.find("values-host-namespaces", f"{path}.lmcacheConfig.enablePD", message)


def _tools(scene: Scene, path: str, model: dict[str, Any]) -> Iterator[Finding]:
    if "vllmConfig" in model and not _map(model, "vllmConfig"):
        message = "is empty: the chart renders none of the engine's arguments"
        yield scene.find("values-no-effect", f"{path}.vllmConfig", message)


MODEL_CHECKS: tuple[ModelCheck, ...] = (
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


# -------------------------------------------------------------------------------------------------- helpers


def quantity(value: Any) -> float | None:
    """The number behind a Kubernetes quantity, None for anything else."""
    text = str(value)
    if isinstance(value, bool) or not QUANTITY.fullmatch(text):
        return None
    digits = re.match(r"[\d.]+", text)
    assert digits  # noqa: S101 - QUANTITY begins with a digit
    return float(digits[0]) * UNITS[text[digits.end() :]]


def _reference(scene: Scene, path: str, given: Mapping[str, Any], effect: str) -> Iterator[Finding]:
    missing = [key for key in ("secretName", "secretKey") if not given.get(key)]
    if missing:
        tail = f": {effect}" if effect else ": the reference would be invalid"
        yield scene.find("values-secret-reference", path, f"lacks {' and '.join(missing)}{tail}")


def _floating(tag: Any) -> bool:
    return str(tag).lower() in FLOATING or str(tag).lower().startswith("latest")


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    return (
        int(value)
        if isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdigit())
        else None
    )


def _map(node: Any, key: str) -> dict[str, Any]:
    below = node.get(key) if isinstance(node, Mapping) else None
    return below if isinstance(below, dict) else {}


def _list(node: Any, key: str) -> list[Any]:
    below = node.get(key) if isinstance(node, Mapping) else None
    return below if isinstance(below, list) else []
