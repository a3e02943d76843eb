# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a pod: the state, the telling line, and no secret in either."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.serving.diagnosis import (
    CAUSES,
    PodState,
    advice,
    clean,
    look_at,
    telling_line,
)


def pod(container: dict | None = None, conditions: list | None = None, init: dict | None = None) -> dict:
    status: dict = {"phase": "Pending", "conditions": conditions or []}
    if container:
        status["containerStatuses"] = [container]
    if init:
        status["initContainerStatuses"] = [init]
    return {"metadata": {"name": "vllm-mistral-1"}, "status": status}


def waiting(reason: str, restarts: int = 0, **extra: object) -> dict:
    return {"restartCount": restarts, "state": {"waiting": {"reason": reason, "message": "m"}}, **extra}


EXIT_2 = {"lastState": {"terminated": {"exitCode": 2, "reason": "Error"}}}


@pytest.mark.parametrize(
    ("thing", "state", "text"),
    [
        (None, PodState.MISSING, "no pod"),
        (pod(conditions=[{"type": "Ready", "status": "True"}]), PodState.READY, "ready"),
        (
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient gpu"}]),
            PodState.UNSCHEDULABLE,
            "Insufficient gpu",
        ),
        (pod(waiting("CreateContainerConfigError")), PodState.BLOCKED, "CreateContainerConfigError: m"),
        (pod(waiting("ImagePullBackOff")), PodState.BLOCKED, "ImagePullBackOff"),
        (pod(init=waiting("ErrImagePull")), PodState.BLOCKED, "ErrImagePull"),
        (pod(waiting("CrashLoopBackOff", 2, **EXIT_2)), PodState.CRASHING, "exit code 2 (Error), 2 restarts"),
        (pod(waiting("CrashLoopBackOff", 3)), PodState.CRASHING, "exit code ? (Error)"),
        (pod(waiting("CrashLoopBackOff", 1, **EXIT_2)), PodState.STARTING, "container CrashLoopBackOff"),
        (pod({"restartCount": 4, "state": {"running": {}}}), PodState.STARTING, "phase Pending"),
        (pod(waiting("ContainerCreating")), PodState.STARTING, "ContainerCreating"),
        (pod(), PodState.STARTING, "phase Pending, not ready"),
        ({"metadata": {"name": "p"}}, PodState.STARTING, "phase unknown"),
    ],
)
def test_state_of_a_pod(thing: dict | None, state: PodState, text: str) -> None:
    look = look_at(thing)
    assert look.state is state
    assert text in look.summary


def test_a_startup_probe_that_kills_is_no_crash() -> None:
    events = [{"reason": "Killing", "message": "Container vllm failed startup probe, will be restarted"}]
    look = look_at(pod(waiting("CrashLoopBackOff", 3)), events, "", "INFO loading\nKeyboardInterrupt: terminated")
    assert look.state is PodState.KILLED
    assert look.lines == ("KeyboardInterrupt: terminated",)


def test_a_crash_is_told_by_the_previous_log() -> None:
    log, previous = "INFO starting", "ValueError: out of range\nINFO bye"
    assert look_at(pod(waiting("CrashLoopBackOff", 2)), log=log, previous=previous).lines == (
        "ValueError: out of range",
    )


def test_events_are_evidence_only_where_they_explain_the_state() -> None:
    events = [
        {"reason": "FailedScheduling", "message": "old"},
        {"reason": "FailedScheduling", "message": "0/2 nodes"},
        {"reason": "Scheduled", "message": "ok"},
    ]
    unscheduled = pod(conditions=[{"type": "PodScheduled", "status": "False"}])
    assert look_at(unscheduled, events).lines == ("FailedScheduling: 0/2 nodes",)
    assert look_at(pod(), events).lines == ()


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("\n \n", ""),
        ("INFO 11-28 10:00:00 [loader.py:1] Loading weights 40%", "Loading weights 40%"),
        ("(APIServer pid=7) WARNING 11-28 10:00:00 [a.py:1] may be `OSError: [Errno 24]`\nINFO 11-28 10:00:01 loading",
         "loading"),
        ("(EngineCore pid=7) ERROR 11-28 10:00:00 [core.py:9] ValueError: x", "ValueError: x"),
        ("torch.OutOfMemoryError: CUDA out of memory\nRuntimeError: failed. See root cause above.\nbye",
         "torch.OutOfMemoryError: CUDA out of memory"),
    ],
)  # fmt: skip
def test_telling_line(log: str, line: str) -> None:
    assert telling_line(log) == line


def test_no_secret_is_shown() -> None:
    text = "args {'api_key': ['sesame'], } token hf_abcdefghijklmnopqr Bearer abc --api-key=xyz site-key"
    shown = clean(text, ("site-key", ""))
    for hidden in ("sesame", "hf_abc", "abc", "xyz", "site-key"):
        assert hidden not in shown


def test_a_line_is_bounded() -> None:
    assert len(clean("x" * 5000)) == 240


EXAMPLES = (
    "vllm: error: unrecognized arguments: --disable-log-requests",
    "GatedRepoError: 401 Client Error",
    "OSError: We couldn't connect to 'https://huggingface.co' to load the files",
    "OSError: [Errno 28] No space left on device",
    "torch.OutOfMemoryError: CUDA out of memory",
    "(20.00 GiB KV cache is needed, which is larger than the available KV cache memory (13.40 GiB)",
    "ImportError: libcuda.so.1: cannot open shared object file",
    "ValueError: VLLM_PORT 'tcp://10.0.0.1:8000' appears to be a URI",
    "KeyboardInterrupt: terminated",
)


@pytest.mark.parametrize(("line", "cause"), list(zip(EXAMPLES, CAUSES, strict=True)))
def test_known_causes_have_their_fix(line: str, cause: tuple[str, str]) -> None:
    assert advice([line]) == cause[1]


def test_an_unknown_cause_has_none() -> None:
    assert advice(["Segmentation fault"]) is None
