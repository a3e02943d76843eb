# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a model does not answer yet: pure decisions over what the router said, what the engine said, and its pod.

The order of :data:`RULES` is the order of certainty: the first rule that applies names the reason. Each reason has
a patience, in seconds: how long it may persist before waiting longer is pointless. None means the whole budget.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .requests import Answer, Model

Object = Mapping[str, Any]
MASK = "********"
LINE_LENGTH = 240
TOKENS = re.compile(r"hf_[A-Za-z0-9]{8,}|(?<=Bearer )\S+|(?<='api_key': )\[[^\]]*\]|(?<=--api-key[ =])\S+")


class PodState(str, Enum):
    """What an engine's pod is doing."""

    MISSING = "missing"
    UNSCHEDULABLE = "unschedulable"
    BLOCKED = "blocked"
    CRASHING = "crashing"
    KILLED = "killed"
    STARTING = "starting"
    READY = "ready"


@dataclass(frozen=True)
class Look:
    """One look at an engine's pod: its state, why, and the lines that show it (no secret among them)."""

    state: PodState
    summary: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """One request that was tried: the answer, or why there is none."""

    answer: Answer | None = None
    failure: str = ""

    @property
    def status(self) -> int:
        """The HTTP status; 0 when no answer came."""
        return self.answer.status if self.answer else 0

    def __str__(self) -> str:
        return self.answer.brief if self.answer else self.failure


@dataclass(frozen=True)
class Reading:
    """What one poll of one model says: a finding code (None: it answers), the text, and the patience."""

    code: str | None
    text: str
    patience: float | None = None
    fix: str | None = None


@dataclass(frozen=True)
class Scene:
    """All that is known at one poll."""

    model: Model
    router: Attempt
    engine: Attempt
    look: Look


REFUSED = (401, 403)
HOPELESS_RESTARTS = 2
"""A single crash may be the network's fault; the second one in a row is the engine's."""
BLOCKING = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "InvalidImageName", "ImagePullBackOff", "ErrImagePull"}
)
NOISE = re.compile(r"See root cause above|leaked semaphore|resource_tracker|^\s*warnings\.warn")
TELLING = re.compile(r"Error\b|error:|Exception|Killed|terminated|No available memory|out of memory", re.IGNORECASE)
CALM = re.compile(r"^(\([^)]*\)\s*)?(DEBUG|INFO|WARNING)\b")
"""A warning may quote an error that has not happened."""
LOG_PREFIX = re.compile(r"^(\([^)]*\)\s*)?(ERROR|CRITICAL|INFO|WARNING)\s+[\d:. -]+(\[[^\]]*\]\s*)?")

CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"unrecognized arguments|invalid choice|validation errors? for|invalid \S+ value",
        "Correct the engine arguments in vllm_models[].vllm for this image tag; the plan task lists what it accepts.",
    ),
    (
        r"GatedRepo|401 Client Error|Access to model .* is restricted",
        "Accept the model's licence with the account of the Hugging Face token, then seal that token again.",
    ),
    (
        r"couldn't connect to|LocalEntryNotFound|Name or service not known|Temporary failure in name resolution",
        "Give the engine's node a way to the Hugging Face Hub, or fill the volume with the model beforehand.",
    ),
    (r"No space left on device|Disk quota exceeded", "Raise vllm_models[].storage; the volume is full."),
    (
        r"out of memory|OutOfMemoryError|No available memory for the cache|Free memory on device",
        "Free the GPU of other processes, or lower gpu_memory_utilization, max_model_len or the model's size.",
    ),
    (r"KV cache is needed|larger than the available KV cache", "Lower max_model_len or choose a larger GPU."),
    (
        r"libcuda\.so|Failed to infer device type|No CUDA|no NVIDIA driver|No platform detected",
        "The container got no GPU: check the RuntimeClass and the preflight's findings for its node.",
    ),
    (r"VLLM_PORT", "Rename the Service called vllm in this namespace: its environment variables stop the engine."),
    (
        r"KeyboardInterrupt: terminated",
        "Raise the startup probe's budget (the plan computes it): the download takes longer than it allows.",
    ),
)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of evidence: without secrets and log prefixes, of bounded length."""
    for secret in secrets:
        text = text.replace(secret, MASK) if secret else text
    return " ".join(LOG_PREFIX.sub("", TOKENS.sub(MASK, text)).split())[:LINE_LENGTH]


def telling_line(log: str, secrets: Iterable[str] = ()) -> str:
    """The line of a log that says most: the last one that names an error, else the last one; empty for no log."""
    lines = [line for line in log.splitlines() if line.strip() and not NOISE.search(line)]
    telling = [line for line in lines if TELLING.search(line) and not CALM.match(line)] or lines
    return clean(telling[-1], secrets) if telling else ""


def advice(lines: Iterable[str]) -> str | None:
    """The fix for the first known cause that the evidence shows."""
    evidence = "\n".join(lines)
    return next((fix for pattern, fix in CAUSES if re.search(pattern, evidence, re.IGNORECASE)), None)


def look_at(
    pod: Object | None, events: Iterable[Object] = (), log: str = "", previous: str = "", secrets: Iterable[str] = ()
) -> Look:
    """Judge one engine pod from its object, its events (oldest first) and the ends of its logs."""
    if pod is None:
        return Look(PodState.MISSING, "there is no pod for this model")
    hidden = tuple(secrets)
    happened = [clean(f"{e.get('reason', '')}: {e.get('message', '')}", hidden) for e in events]
    state, reason = _state(pod, happened)
    crashed = state in (PodState.CRASHING, PodState.KILLED)
    said = telling_line((previous or log) if crashed else (log or previous), hidden)
    lines = [line for line in (*_relevant(state, happened), said) if line]
    return Look(state, f"pod {pod['metadata']['name']}: {clean(reason, hidden)}", tuple(lines))


def _relevant(state: PodState, happened: list[str]) -> list[str]:
    """The last event that explains the state; a starting pod's events explain nothing."""
    wanted = {
        PodState.UNSCHEDULABLE: "FailedScheduling",
        PodState.BLOCKED: "Failed",
        PodState.KILLED: "Unhealthy",
        PodState.STARTING: "Pulling",
    }.get(state)
    return [line for line in happened if wanted and line.startswith(wanted)][-1:]


def _state(pod: Object, happened: list[str]) -> tuple[PodState, str]:
    status = pod.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or ()}
    if conditions.get("Ready", {}).get("status") == "True":
        return PodState.READY, "ready"
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        return PodState.UNSCHEDULABLE, f"not scheduled: {scheduled.get('message', 'no reason given')}"
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        if found := _container_state(container, happened):
            return found
    return PodState.STARTING, f"phase {status.get('phase', 'unknown')}, not ready"


def _container_state(container: Object, happened: list[str]) -> tuple[PodState, str] | None:
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason, restarts = waiting.get("reason", ""), int(container.get("restartCount") or 0)
    if reason in BLOCKING:
        return PodState.BLOCKED, f"{reason}: {waiting.get('message', '')}"
    if any("failed startup probe" in line for line in happened):
        return PodState.KILLED, f"killed by the startup probe, {restarts} restarts"
    if reason == "CrashLoopBackOff" and restarts >= HOPELESS_RESTARTS:
        ended = (container.get("lastState") or {}).get("terminated") or {}
        why = ended.get("reason") or "Error"
        return PodState.CRASHING, f"exit code {ended.get('exitCode', '?')} ({why}), {restarts} restarts"
    if reason:
        return PodState.STARTING, f"container {reason}"
    return None


def _with_pod(scene: Scene, text: str) -> str:
    evidence = "".join(f"; {line}" for line in scene.look.lines)
    return f"{text}; {scene.look.summary}{evidence}"


def _pod_rule(code: str, patience: float | None) -> Callable[[Scene], Reading]:
    def reading(scene: Scene) -> Reading:
        evidence = "".join(f"; {line}" for line in scene.look.lines)
        fix = advice((scene.look.summary, *scene.look.lines))
        return Reading(code, f"{scene.look.summary}{evidence}", patience, fix)

    return reading


def _is(state: PodState) -> Callable[[Scene], bool]:
    return lambda scene: scene.look.state is state


def _router_fault(scene: Scene) -> Reading:
    text = f"the engine answers, the router does not: {scene.router}"
    return Reading("serving-router-fault", text, 60)


def _key_rejected(scene: Scene) -> Reading:
    said = scene.engine if scene.engine.status in REFUSED else scene.router
    text = f"the key of the Secret is refused: {said}; {scene.look.summary}"
    return Reading("serving-key-rejected", text, 20)


def _wrong_endpoint(scene: Scene) -> Reading:
    text = f"the engine has no endpoint for the role {scene.model.role}: {scene.engine}"
    return Reading("serving-role-mismatch", text, 20)


def _other_model(scene: Scene) -> Reading:
    return Reading("serving-model-unknown", f"the engine does not serve {scene.model.repository}: {scene.engine}", 20)


def _bad_request(scene: Scene) -> Reading:
    return Reading("serving-answer-error", _with_pod(scene, f"the engine refuses the request: {scene.engine}"), 20)


def _failing(scene: Scene) -> Reading:
    return Reading("serving-answer-error", _with_pod(scene, f"the engine fails: {scene.engine}"))


def _silent(scene: Scene) -> Reading:
    return Reading("serving-engine-silent", _with_pod(scene, f"the engine gives no answer: {scene.engine}"), 180)


def _loading(scene: Scene) -> Reading:
    text = f"the engine is not up yet: {scene.engine}" if scene.engine.failure else f"not up yet: {scene.router}"
    return Reading("serving-model-loading", _with_pod(scene, text))


def _no_such_path(answer: Answer | None) -> bool:
    return answer is not None and answer.status == 404 and answer.json == {"detail": "Not Found"}


Rule = tuple[Callable[[Scene], bool], Callable[[Scene], Reading]]
RULES: tuple[Rule, ...] = (
    (lambda s: s.router.status == 200, lambda _unused: Reading(None, "answers")),
    (lambda s: s.engine.status == 200, _router_fault),
    (_is(PodState.CRASHING), _pod_rule("serving-model-crashed", 0)),
    (_is(PodState.KILLED), _pod_rule("serving-startup-budget", None)),
    (_is(PodState.BLOCKED), _pod_rule("serving-pod-blocked", 60)),
    (_is(PodState.UNSCHEDULABLE), _pod_rule("serving-pod-unschedulable", None)),
    (lambda s: s.engine.status in REFUSED or (not s.engine.status and s.router.status in REFUSED), _key_rejected),
    (lambda s: _no_such_path(s.engine.answer), _wrong_endpoint),
    (lambda s: s.engine.status == 404, _other_model),
    (lambda s: 400 <= s.engine.status < 500, _bad_request),
    (lambda s: s.engine.status >= 300, _failing),
    (_is(PodState.MISSING), _pod_rule("serving-pod-missing", None)),
    (_is(PodState.READY), _silent),
    (lambda _unused: True, _loading),
)


def diagnose(scene: Scene) -> Reading:
    """The reason why the model does not answer through the router, or that it does."""
    return next(reading(scene) for applies, reading in RULES if applies(scene))
