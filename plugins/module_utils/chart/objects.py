# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects a release of the chart makes from our values, known without rendering it.

Enough of each manifest to ask a cluster and a project whether it is welcome: kind, name, namespace. Objects that only
exist on demand, and whose names the chart makes up, carry the release's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..yaml_library import yaml
from ..yaml_text import load_all
from .keys import models
from .names import Names
from .scene import sublist, submap
from .settings import ChartSettings

LORA_CRD = "loraadapters.production-stack.vllm.ai"
PDB_UNTIL = "0.1.11"
"""The first release that makes no disruption budget of its own."""

Manifest = dict[str, Any]


def chart_objects(values: Mapping[str, Any], settings: ChartSettings) -> list[Manifest]:
    """The objects that the chart's templates make of ``values`` (without the alias), namespaces included."""
    named = [*_engines(values, settings), *_router(values, settings), *_on_demand(values, settings)]
    found = [_manifest(api, kind, name, settings.namespace) for api, kind, name in named]
    return [_manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", LORA_CRD, ""), *found]


def file_objects(files: Mapping[str, str], directory: str, namespace: str) -> list[Manifest]:
    """The objects of the wrapper chart's own templates, as far as they are plain YAML; Helm would render the others."""
    folder = f"{directory.strip('/')}/templates/"
    texts = [text for path, text in sorted(files.items()) if path.startswith(folder) and "{{" not in text]
    return [_reduced(document, namespace) for text in texts for document in _documents(text) if _is_object(document)]


def _documents(text: str) -> list[Any]:
    try:
        return load_all(text)
    except yaml.YAMLError:
        return []


def _is_object(document: Any) -> bool:
    return isinstance(document, dict) and bool(
        document.get("apiVersion") and document.get("kind") and submap(document, "metadata").get("name")
    )


def _reduced(document: Manifest, namespace: str) -> Manifest:
    metadata = document["metadata"]
    where = str(metadata.get("namespace") or namespace)
    return _manifest(str(document["apiVersion"]), str(document["kind"]), str(metadata["name"]), where)


def _manifest(api: str, kind: str, name: str, namespace: str) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


Named = tuple[str, str, str]


def _engines(values: Mapping[str, Any], settings: ChartSettings) -> Iterator[Named]:
    engine, names = submap(values, "servingEngineSpec"), Names(settings.release, settings.alias)
    if engine.get("enableEngine") is False:
        return
    yield "v1", "Secret", f"{settings.release}-secrets"
    if not settings.release_of_chart.since(PDB_UNTIL):
        yield "policy/v1", "PodDisruptionBudget", f"{settings.release}-pdb"
    if engine.get("configs"):
        yield "v1", "ConfigMap", f"{settings.release}-configs"
    for _path, model in models(values):
        name = str(model.get("name"))
        if isinstance(model.get("pvcStorage"), str) and model["pvcStorage"]:
            yield "v1", "PersistentVolumeClaim", names.claim(name)
        yield "v1", "Service", names.service(name)
        yield "apps/v1", "Deployment", names.deployment(name)


def _router(values: Mapping[str, Any], settings: ChartSettings) -> Iterator[Named]:
    router, names = submap(values, "routerSpec"), Names(settings.release, settings.alias)
    if router.get("enableRouter") is False:
        return
    yield "v1", "ServiceAccount", f"{settings.release}-router-service-account"
    yield "rbac.authorization.k8s.io/v1", "Role", f"{settings.release}-reader"
    yield "rbac.authorization.k8s.io/v1", "RoleBinding", f"{settings.release}-deployment-access-binding"
    yield "v1", "Service", names.router_service
    yield "apps/v1", "Deployment", names.router_deployment
    if submap(router, "autoscaling").get("enabled"):
        yield "autoscaling/v2", "HorizontalPodAutoscaler", f"{settings.release}-router-hpa"
    if submap(router, "ingress").get("enabled"):
        yield "networking.k8s.io/v1", "Ingress", f"{settings.release}-ingress-router"


def _on_demand(values: Mapping[str, Any], settings: ChartSettings) -> Iterator[Named]:
    """Kinds that a site asks for by values of its own; a cluster may lack them, a project may forbid them."""
    specs = [model for _path, model in models(values)]
    switches: Iterable[tuple[bool, str, str]] = (
        (any(submap(m, "keda").get("enabled") for m in specs), "keda.sh/v1alpha1", "ScaledObject"),
        (any(submap(m, "raySpec") for m in specs), "ray.io/v1", "RayCluster"),
        (any(submap(m, "pdb").get("enabled") for m in specs), "policy/v1", "PodDisruptionBudget"),
        (bool(sublist(values, "loraAdapters")), "production-stack.vllm.ai/v1alpha1", "LoraAdapter"),
        (_enabled(values, "servingEngineSpec", "serviceMonitor"), "monitoring.coreos.com/v1", "ServiceMonitor"),
        (_enabled(values, "routerSpec", "serviceMonitor"), "monitoring.coreos.com/v1", "ServiceMonitor"),
    )
    for wanted, api, kind in switches:
        if wanted:
            yield api, kind, settings.release


def _enabled(values: Mapping[str, Any], part: str, switch: str) -> bool:
    return bool(submap(submap(values, part), switch).get("enabled"))
