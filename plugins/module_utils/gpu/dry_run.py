# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-side dry run of pods: what admission would say, before anything is committed or runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ..api_error import ApiError
from ..findings import Finding, Severity, finding
from . import symptoms
from .settings import Settings


class Creator(Protocol):
    """The part of a cluster connection that a dry run needs."""

    def create(self, manifest: Mapping[str, Any], *, dry_run: bool = False) -> dict[str, Any]:
        """Create an object, or only ask whether it could be."""


def dry_run(cluster: Creator, pods: Sequence[object], settings: Settings) -> list[Finding]:
    """Ask the API server for each pod; the answer's own text is the message.

    A pod needs ``kind: Pod`` and a name; ``metadata.namespace`` defaults to the site's. Where no pod can be asked for
    (no namespace yet, no right), the others are not tried.
    """
    findings: list[Finding] = []
    for index, pod in enumerate(pods):
        subject = f"dry_run_pods[{index}]"
        if not isinstance(pod, Mapping) or pod.get("kind") != "Pod" or not isinstance(pod.get("metadata"), Mapping):
            findings.append(finding("gpu-pod-invalid", subject, "is no manifest of kind Pod with metadata"))
            continue
        metadata = {"namespace": settings.namespace, **pod["metadata"]}
        subject = f"pod/{metadata['namespace']}/{metadata.get('name') or metadata.get('generateName', index)} (dry run)"
        refused = _ask(cluster, {**pod, "metadata": metadata}, settings, subject)
        findings += [refused] if refused else []
        if refused and refused.code in NOT_ASKED:
            break
    return findings


def _ask(cluster: Creator, pod: Mapping[str, Any], settings: Settings, subject: str) -> Finding | None:
    """Ask once; where the RuntimeClass is yet to come, once more without it, to hear what else there is."""
    try:
        cluster.create(pod, dry_run=True)
    except ApiError as error:
        refused = _refusal(error, subject)
        spec = pod.get("spec")
        early = refused.code == "gpu-runtime-class-missing" and not settings.expect_runtime_class
        if not early or not isinstance(spec, Mapping) or "runtimeClassName" not in spec:
            return None if early else refused
        bare = {key: value for key, value in spec.items() if key != "runtimeClassName"}
        return _ask(cluster, {**pod, "spec": bare}, settings, subject)
    return None


NOT_ASKED = ("gpu-namespace-missing", "gpu-right-missing", "cluster-unreachable", "cluster-unauthorized")


def _refusal(error: ApiError, subject: str) -> Finding:
    """What the refusal means; that admission could not be asked is no fault of the site."""
    found = symptoms.refusal(error, subject)
    if found.code != "gpu-right-missing":
        return found
    message = f"create pods: {found.message}; admission is asked at the first sync only"
    return replace(found, severity=Severity.INFO, message=message)


def without_own_quota(findings: Iterable[Finding], own: Mapping[str, Any]) -> list[Finding]:
    """While our own engines run, a dry run counts them and their successors; the check of the quotas does not."""
    return [f for f in findings if not (own and f.code == "gpu-quota-exhausted")]


def news(findings: Iterable[Finding], known: Iterable[Finding]) -> list[Finding]:
    """The findings whose code the checks have not reported already: one root cause, one finding."""
    codes = {f.code for f in known}
    return [f for f in findings if f.code not in codes]
