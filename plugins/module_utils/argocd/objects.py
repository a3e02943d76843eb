# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Argo CD objects that this collection writes, as pure builders over plain options.

Shapes follow the AppProject and Application types of Argo CD 3.2 (pkg/apis/application/v1alpha1/types.go); a field that
came later than 3.0 is emitted only when the live custom resource definition has it, because an API server drops
unknown fields in silence or refuses the object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

JSON = dict[str, Any]

API_VERSION = "argoproj.io/v1alpha1"
IN_CLUSTER = "https://kubernetes.default.svc"
OWNER_LABEL = "app.kubernetes.io/managed-by"
OWNER = "inferops-vllm"
REFRESH_ANNOTATION = "argocd.argoproj.io/refresh"
TRACKING_ANNOTATION = "argocd.argoproj.io/tracking-id"
SYNC_OPTIONS_ANNOTATION = "argocd.argoproj.io/sync-options"
WAVE_ANNOTATION = "argocd.argoproj.io/sync-wave"
CASCADE_FINALIZER = "resources-finalizer.argocd.argoproj.io"
APPLICATION_CRD = "applications.argoproj.io"

RETRY: JSON = {"limit": 5, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"}}
"""How often Argo CD repeats a failed sync by itself: 5 times within about five minutes."""

FEATURES: dict[str, tuple[tuple[str, ...], str]] = {
    # feature: (path below spec in the Application's schema, the Argo CD minor version it came with)
    "automated.enabled": (("syncPolicy", "automated", "enabled"), "3.1"),
    "retry.refresh": (("syncPolicy", "retry", "refresh"), "3.2"),
}


def features_of(crd: Mapping[str, Any]) -> frozenset[str]:
    """Which of :data:`FEATURES` the live Application definition knows."""
    versions = crd.get("spec", {}).get("versions", ())
    stored: Mapping[str, Any] = next((version for version in versions if version.get("storage")), {})
    schema = stored.get("schema", {}).get("openAPIV3Schema", {}).get("properties", {}).get("spec", {})
    return frozenset(name for name, (path, _unused) in FEATURES.items() if _knows(schema, path))


def features_in(live: Mapping[str, Any]) -> frozenset[str]:
    """Which of :data:`FEATURES` a live Application uses: its definition knows at least these."""
    return frozenset(name for name, (path, _unused) in FEATURES.items() if _has(live.get("spec"), path))


def _has(value: Any, path: Iterable[str]) -> bool:
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True


def minimum_version(features: frozenset[str]) -> str:
    """The oldest Argo CD minor version that has these features, for messages: ``>= 3.2``."""
    since = [version for name, (_unused, version) in FEATURES.items() if name in features]
    return f">= {max(since)}" if since else "< 3.1"


def _knows(schema: Mapping[str, Any], path: Iterable[str]) -> bool:
    for step in path:
        properties = schema.get("properties", {})
        if step not in properties:
            return False
        schema = properties[step]
    return True


def app_project(options: Mapping[str, Any], namespace: str) -> JSON:
    """The AppProject for the ``project`` option of the module.

    Nothing is allowed that ``options`` does not name: no repository, destination or cluster-scoped kind by wildcard.
    Namespaced kinds are allowed in general, within the destinations.
    """
    spec: JSON = {
        "description": options.get("description") or "Managed by the Ansible collection inferops.vllm",
        "sourceRepos": list(options["source_repos"]),
        "destinations": [_without_empty(destination) for destination in options["destinations"]],
        "clusterResourceWhitelist": [
            {"group": item.get("group") or "", "kind": item["kind"]} for item in options.get("cluster_resources") or ()
        ],
        "namespaceResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "AppProject",
        "metadata": {"name": options["name"], "namespace": namespace, "labels": {OWNER_LABEL: OWNER}},
        "spec": spec,
    }


def application(options: Mapping[str, Any], namespace: str, features: frozenset[str]) -> JSON:
    """The Application for the ``application`` option of the module.

    A wrapper chart (``release_name``, ``value_files``) or a directory of manifests (``directory``) in one Git source.
    ``features`` is what :func:`features_of` found.
    """
    metadata: JSON = {"name": options["name"], "namespace": namespace, "labels": {OWNER_LABEL: OWNER}}
    if options.get("sync_wave") is not None:
        metadata["annotations"] = {WAVE_ANNOTATION: str(options["sync_wave"])}
    if options.get("cascade"):
        metadata["finalizers"] = [CASCADE_FINALIZER]
    return {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": metadata,
        "spec": {
            "project": options["project"],
            "source": _source(options),
            "destination": {"server": options.get("server") or IN_CLUSTER, "namespace": options["namespace"]},
            "syncPolicy": _sync_policy(options, features),
        },
    }


def _source(options: Mapping[str, Any]) -> JSON:
    source: JSON = {
        "repoURL": options["repo_url"],
        "path": options["path"],
        "targetRevision": options.get("target_revision") or "HEAD",
    }
    helm = _without_empty({"releaseName": options.get("release_name"), "valueFiles": options.get("value_files")})
    directory = _without_empty(options.get("directory") or {})
    if helm:
        source["helm"] = helm
    if directory:
        source["directory"] = directory
    return source


def _sync_policy(options: Mapping[str, Any], features: frozenset[str]) -> JSON:
    retry = {**RETRY, **({"refresh": True} if "retry.refresh" in features else {})}
    policy: JSON = {"retry": retry}
    if options.get("automated", True):
        # Argo CD writes the object back without what is false, so a false that we state would be a change in every run.
        wanted = {"prune": options.get("prune"), "selfHeal": options.get("self_heal", True)}
        policy["automated"] = {name: True for name, value in wanted.items() if value}
    if options.get("sync_options"):
        policy["syncOptions"] = list(options["sync_options"])
    return policy


def _without_empty(mapping: Mapping[str, Any]) -> JSON:
    return {key: value for key, value in mapping.items() if value not in (None, "", [], {}, False)}


def managed_part(live: Mapping[str, Any] | None) -> JSON:
    """What of an object a diff should show: no status, no server bookkeeping."""
    if not live:
        return {}
    metadata = live.get("metadata", {})
    shown = ("name", "namespace", "labels", "annotations", "finalizers")
    kept = {key: metadata[key] for key in shown if metadata.get(key)}
    annotations = {k: v for k, v in kept.pop("annotations", {}).items() if k != REFRESH_ANNOTATION}
    if annotations:
        kept["annotations"] = annotations
    return {"kind": live.get("kind"), "metadata": kept, "spec": live.get("spec", {})}


def short(revision: str) -> str:
    """A commit as people read it."""
    return revision[:9] if revision else "(none)"
