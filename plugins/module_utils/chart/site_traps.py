# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traps around the models: the engine block, the router, the rest of the chart's values."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..findings import Finding
from .keys import models
from .names import check_names, injected_variable
from .scene import Scene, floating, quantity, reference, submap

ROUTER_MEMORY = 2**30
"""Bytes below which the router is known to be killed."""


def _some_model(scene: Scene) -> Iterator[Finding]:
    if not any(True for _unused in models(scene.values)):
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
    kind = submap(scene.engine, "strategy").get("type")
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
        yield from reference(scene, path, key, "no engine would ask for a key" if scene.release.since("0.1.11") else "")
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
    if scene.router.get("enableRouter", True) and floating(scene.router.get("tag", "latest")):
        tag = scene.router.get("tag", "latest")
        yield scene.find("values-router-tag-floating", "routerSpec.tag", f"{tag!r} is another router every few days")


def _router_memory(scene: Scene) -> Iterator[Finding]:
    limit = submap(submap(scene.router, "resources"), "limits").get("memory")
    path = "routerSpec.resources.limits.memory"
    if limit is None and not submap(scene.router, "resources"):
        default = "1000Mi" if scene.release.since("0.1.10") else "500Mi"
        yield scene.find("values-router-memory", path, f"is the chart's {default}; give it 1Gi or more")
    elif limit is not None and (size := quantity(limit)) is not None and size < ROUTER_MEMORY:
        yield scene.find("values-router-memory", path, f"{limit} is less than 1Gi")


def _router_scaling(scene: Scene) -> Iterator[Finding]:
    if submap(scene.router, "autoscaling").get("enabled") and not scene.release.since("0.1.11"):
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
        if scene.release.since("0.1.10") and submap(scene.engine, name).get("initialDelaySeconds") == 0:
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
    if "release" in submap(submap(scene.router, "serviceMonitor"), "additionalLabels"):
        path = "routerSpec.serviceMonitor.additionalLabels.release"
        yield scene.find("values-monitor-duplicate-label", path, "the chart writes the label release itself")


def _services(scene: Scene) -> Iterator[Finding]:
    objects = scene.values.get("extraObjects")
    for index, manifest in enumerate(objects if isinstance(objects, list) else ()):
        if not isinstance(manifest, dict) or manifest.get("kind") != "Service":
            continue
        variable = injected_variable(str(submap(manifest, "metadata").get("name")))
        if variable:
            message = f"this Service sets {variable}=tcp://… in every pod of the namespace"
            yield scene.find("values-service-variable", f"extraObjects[{index}].metadata.name", message)


def _runtime_class(scene: Scene) -> Iterator[Finding]:
    if scene.engine.get("runtimeClassName") == "":
        message = "is empty: containerd's default runtime or CDI must give the pods their GPU"
        yield scene.find("values-runtime-class-empty", "servingEngineSpec.runtimeClassName", message)


SITE_CHECKS: tuple[Callable[[Scene], Iterator[Finding]], ...] = (
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
