# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Deployments take a Secret, whether their pods hold its present value, and how to restart them.

A container gets its environment once, when it starts, so a pod that is older than the Secret holds what the Secret
held before. A restart is the annotation that ``kubectl rollout restart`` and Argo CD's own restart action set on the
pod template. It is in no manifest, so Argo CD neither counts it as a difference nor heals it away; the Deployment's own
strategy decides what goes first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from ..cluster import path_of
from ..findings import refuse

JSON = dict[str, Any]
RESTARTED = "kubectl.kubernetes.io/restartedAt"
POLL_SECONDS = 0.5
REFERENCES = {"secretKeyRef": "name", "secretRef": "name", "secret": "secretName"}
"""Where a pod template names a Secret: one variable, all variables, a volume."""


class Api(Protocol):
    """The part of a cluster connection that restarts need."""

    def items(self, path: str, **query: Any) -> Iterator[JSON]: ...

    def get(self, path: str, **query: Any) -> JSON: ...

    def patch(self, path: str, body: Mapping[str, Any]) -> JSON: ...


def secrets_of(template: Any) -> set[str]:
    """The names of the Secrets that a pod template takes values from."""
    if isinstance(template, list):
        return set().union(*map(secrets_of, template)) if template else set()
    if not isinstance(template, Mapping):
        return set()
    found = {
        str(template[key][name])
        for key, name in REFERENCES.items()
        if isinstance(template.get(key), Mapping) and template[key].get(name)
    }
    return found | secrets_of(list(template.values()))


def written(secret: Mapping[str, Any]) -> str:
    """When the Secret was last written, ISO 8601 in UTC, whole seconds."""
    metadata = secret["metadata"]
    times = [str(entry.get("time") or "") for entry in metadata.get("managedFields") or ()]
    return max([str(metadata.get("creationTimestamp") or ""), *times])


def holding_old(
    deployments: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]], changed: Mapping[str, str]
) -> list[str]:
    """The Deployments with a pod that is not newer than a Secret it takes. ``changed``: name of the Secret → when."""
    found = []
    for deployment in deployments:
        times = [changed[name] for name in secrets_of(deployment["spec"]["template"]) if name in changed]
        if times and any(
            str(pod["metadata"].get("creationTimestamp")) <= max(times) for pod in _pods(deployment, pods)
        ):
            found.append(deployment["metadata"]["name"])
    return sorted(found)


def _pods(deployment: Mapping[str, Any], pods: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    labels = deployment["spec"]["selector"].get("matchLabels") or {}
    return [pod for pod in pods if labels.items() <= (pod["metadata"].get("labels") or {}).items()]


def remaining(deployment: Mapping[str, Any]) -> str:
    """What a rollout still waits for; empty when it is done."""
    spec, status = deployment["spec"], deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    if (status.get("observedGeneration") or 0) < deployment["metadata"].get("generation", 0):
        return "not yet seen by the controller"
    counts = [status.get(key) or 0 for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return "" if counts == [wanted] * 3 else f"{counts[1]} of {wanted} new, {counts[2]} available, {counts[0]} in all"


def restart(
    cluster: Api,
    namespace: str,
    names: Collection[str],
    budget: float,
    *,
    progress: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Restart Deployments and wait until only new pods are left. Raises a Refusal (``operations-restart-stuck``)."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name in names:
        template = {"metadata": {"annotations": {RESTARTED: now}}}
        cluster.patch(path_of("Deployment", namespace, name), {"spec": {"template": template}})
    started, said, waiting = clock(), "", dict.fromkeys(names, "")
    while waiting:
        states = {name: remaining(cluster.get(path_of("Deployment", namespace, name))) for name in waiting}
        waiting = {name: state for name, state in states.items() if state}
        line = "; ".join(f"{name}: {state}" for name, state in waiting.items())
        if waiting and clock() - started > budget:
            raise refuse(
                "operations-restart-stuck", f"Deployment/{next(iter(waiting))}", f"{line} after {budget:.0f} s"
            )
        if line not in ("", said):
            progress(line)
        said = line
        if waiting:
            sleep(POLL_SECONDS)
