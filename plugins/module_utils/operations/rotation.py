# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has a new value really arrived? The Secret changed, its consumers restarted, the old key is refused.

Values are compared in this process only; results hold names and verdicts.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..cluster import path_of
from ..findings import Finding, finding, refuse
from ..serving.prober import Prober
from ..serving.requests import Model, main_probe
from . import rollout
from .handle import unwrap, wrap

REFUSED = (401, 403)
ARRIVAL_SECONDS = 60.0
POLL_SECONDS = 0.5
TIMESTAMP_SECONDS = 1.0
"""Kubernetes writes whole seconds: a pod made in the second of the Secret's last write would look as old as it."""


@dataclass(frozen=True)
class Item:
    """One key of one Secret."""

    name: str
    key: str

    @property
    def subject(self) -> str:
        """How findings and handles name it."""
        return f"Secret/{self.name}[{self.key}]"


@dataclass
class Outcome:
    """What was seen and done: names and verdicts, never a value."""

    rotated: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def value_of(secret: Mapping[str, Any] | None, key: str) -> str | None:
    """The value under ``key``; None when there is none, or when it is no text."""
    try:
        return base64.b64decode(((secret or {}).get("data") or {})[key], validate=True).decode()
    except (KeyError, ValueError):
        return None


def remember(find: Callable[[str], dict[str, Any] | None], namespace: str, items: Iterable[Item]) -> dict[str, str]:
    """A handle of the present value of each item, by its subject; empty where there is no value."""
    values = {item: value_of(find(path_of("Secret", namespace, item.name)), item.key) for item in items}
    return {item.subject: wrap(value) if value is not None else "" for item, value in values.items()}


@dataclass
class Rotation:
    """The live half, after Argo CD synced the commit. Call :meth:`arrive`, then :meth:`consumers`."""

    cluster: Any
    namespace: str
    items: Sequence[Item]
    remembered: Mapping[str, str]
    progress: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def arrive(self, expected: Iterable[str], budget: float = ARRIVAL_SECONDS) -> Outcome:
        """Which items differ from what was remembered. Those of ``expected`` (subjects) must, within ``budget`` s.

        Raises a Refusal (``operations-secret-unchanged``) for those that do not.
        """
        wanted, started = set(expected), self.clock()
        while True:
            rotated = [item.subject for item in self.items if self._differs(item)]
            late = sorted(wanted - set(rotated))
            if not late:
                return Outcome(rotated=rotated)
            if self.clock() - started > budget:
                raise refuse(
                    "operations-secret-unchanged", late[0], f"holds the value from before after {budget:.0f} s"
                )
            self.sleep(POLL_SECONDS)

    def consumers(self, outcome: Outcome, *, restart: bool, budget: float) -> None:
        """Restart the Deployments whose pods hold an old value, or (``restart`` false) say which do."""
        secrets = {item.name: self.cluster.find(path_of("Secret", self.namespace, item.name)) for item in self.items}
        changed = {name: rollout.written(secret) for name, secret in secrets.items() if secret}
        deployments = list(self.cluster.items(path_of("Deployment", self.namespace)))
        pods = list(self.cluster.items(path_of("Pod", self.namespace)))
        old = rollout.holding_old(deployments, pods, changed)
        if restart:
            self.sleep(TIMESTAMP_SECONDS if old else 0)
            rollout.restart(
                self.cluster, self.namespace, old, budget, progress=self.progress, clock=self.clock, sleep=self.sleep
            )
            outcome.restarted = old
            return
        outcome.stale = old
        message = f"its pods started before {', '.join(sorted(changed))} was written"
        outcome.findings += [finding("operations-consumer-stale", f"Deployment/{name}", message) for name in old]

    def _differs(self, item: Item) -> bool:
        """Whether the live value is there and another one than before."""
        live = value_of(self.cluster.find(path_of("Secret", self.namespace, item.name)), item.key)
        before = unwrap(self.remembered.get(item.subject, ""))
        return live is not None and not (before is not None and hmac.compare_digest(live.encode(), before.encode()))


def old_key_refused(prober: Prober, services: Mapping[str, Iterable[str]], models: Iterable[Model]) -> Outcome:
    """Ask every Service of ``services`` (by model name) with the key that ``prober`` holds, which must be refused."""
    outcome = Outcome()
    for model in models:
        for service in services[model.name]:
            attempt = prober.ask(service, main_probe(model).request(model))
            refused = attempt.status in REFUSED
            outcome.refusals.append({"model": model.name, "service": service, "status": attempt.status, "ok": refused})
            if attempt.status == 200:
                message = f"{service} still answers the old key"
                outcome.findings.append(finding("operations-old-key-accepted", model.subject, message))
            elif not refused:
                message = f"{service} neither took nor refused the old key: {attempt}"
                outcome.findings.append(finding("operations-old-key-unproven", model.subject, message))
    return outcome
