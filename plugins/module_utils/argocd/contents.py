# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a commit would render to, against the project, the cluster's kinds, and what is live already.

Only objects that the Application does not manage yet are asked about: what it manages was accepted before, so a
converged run asks nothing.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ..api_error import ApiError
from ..findings import Finding, Severity, finding
from . import ownership, permissions
from .objects import JSON

FAIL_ON_SHARED = "FailOnSharedResource=true"
CREATE_NAMESPACE = "CreateNamespace=true"
Manifests = Sequence[Mapping[str, Any]]


class Reader(Protocol):
    """The part of a cluster connection that is needed."""

    def find(self, path: str, **query: Any) -> JSON | None:
        """One object, or None."""


def check(
    cluster: Reader, project: Mapping[str, Any], app: Mapping[str, Any], live: Mapping[str, Any] | None, all_: Manifests
) -> list[Finding]:
    """Whether a sync of ``app`` (as wanted) could apply ``all_``: permitted, known, and nobody else's.

    ``live`` is the Application as it is, or None. An object that may not be read is taken for free.
    """
    known = _managed(live)
    news = [manifest for manifest in all_ if _identity(manifest) not in known]
    orphans = check_orphans(live, all_)
    if all_ and not news:
        return orphans
    kinds = permissions.read_kinds(cluster, news)
    objects = permissions.contents_of(news, permissions.scopes_of(kinds)) + ([] if live else list(_namespace(app)))
    found = permissions.check_contents(project, app["spec"].get("destination") or {}, objects)
    return [*found, *_shared(cluster, kinds, app, news), *orphans]


def effective_project(live: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> JSON | None:
    """The live project with the rules that the same commit adds to it; None where there is no project yet."""
    if live is None:
        return None
    spec, wanted = dict(live.get("spec") or {}), wanted or {}
    rules = {
        "sourceRepos": "source_repos",
        "destinations": "destinations",
        "clusterResourceWhitelist": "cluster_resources",
    }
    for field, option in rules.items():
        spec[field] = [*(spec.get(field) or ()), *(wanted.get(option) or ())]
    return {**live, "spec": spec}


def check_orphans(live: Mapping[str, Any] | None, all_: Manifests) -> list[Finding]:
    """Objects of ours that leave Git with this commit and stay in the cluster, because pruning is off.

    Ours are those of the kinds that the commit has, whose names begin with the Application's: other files of the folder
    are not known here.
    """
    if live is None or (((live["spec"].get("syncPolicy") or {}).get("automated") or {}).get("prune")):
        return []
    kinds, kept, name = {_identity(m)[:2] for m in all_}, {_identity(m) for m in all_}, live["metadata"]["name"]
    gone = [
        f"{kind}/{object_name}"
        for group, kind, object_name in sorted(_managed(live))
        if (group, kind) in kinds and object_name.startswith(f"{name}-") and (group, kind, object_name) not in kept
    ]
    return [finding("argocd-orphans", f"Application/{name}", f"leave Git and stay: {', '.join(gone)}")] if gone else []


def _shared(
    cluster: Reader, kinds: Mapping[tuple[str, str], JSON], app: Mapping[str, Any], news: Manifests
) -> list[Finding]:
    """Objects that another Application has already."""
    name, spec = app["metadata"]["name"], app["spec"]
    options = (spec.get("syncPolicy") or {}).get("syncOptions") or ()
    severity = Severity.FATAL if FAIL_ON_SHARED in options else None
    found = []
    for manifest in news:
        kind = kinds.get((manifest["apiVersion"], manifest["kind"]))
        owner = ownership.tracked_by(_find(cluster, kind, manifest, spec.get("destination") or {})) if kind else ""
        if owner and owner != name:
            subject = f"{manifest['kind']}/{manifest['metadata']['name']}"
            message = f"is part of Application {owner} already, and would be of {name}"
            found.append(finding("argocd-shared-resource", subject, message, severity=severity))
    return found


def _find(cluster: Reader, kind: JSON, manifest: Mapping[str, Any], destination: Mapping[str, Any]) -> JSON | None:
    api, metadata = manifest["apiVersion"], manifest["metadata"]
    prefix = f"/apis/{api}" if "/" in api else f"/api/{api}"
    namespace = metadata.get("namespace") or destination.get("namespace") or ""
    where = f"/namespaces/{namespace}" if kind.get("namespaced") else ""
    try:
        live = cluster.find(f"{prefix}{where}/{kind['name']}/{metadata['name']}")
    except ApiError as error:
        if error.status == http.client.FORBIDDEN:
            return None
        raise
    return {**live, "kind": manifest["kind"]} if live else None


def _namespace(app: Mapping[str, Any]) -> Iterable[permissions.Content]:
    """The Namespace that Argo CD makes is checked against the project like any other object."""
    options = (app["spec"].get("syncPolicy") or {}).get("syncOptions") or ()
    name = (app["spec"].get("destination") or {}).get("namespace")
    if CREATE_NAMESPACE in options and name:
        yield permissions.Content("", "v1", "Namespace", "", name, namespaced=False)


def _managed(live: Mapping[str, Any] | None) -> set[tuple[str, str, str]]:
    resources = ((live or {}).get("status") or {}).get("resources") or ()
    return {(str(r.get("group") or ""), str(r.get("kind")), str(r.get("name"))) for r in resources}


def _identity(manifest: Mapping[str, Any]) -> tuple[str, str, str]:
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    return group, str(manifest["kind"]), str((manifest.get("metadata") or {}).get("name") or "")
