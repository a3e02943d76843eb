# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the API server, the kubelet, the container runtime and nvidia-smi, and the codes they mean.

The texts are quoted from the programs' own output; each is the shortest part that is unmistakable.
"""

from __future__ import annotations

import re

from ..api_error import ApiError
from ..findings import Finding, finding

ADMISSION: tuple[tuple[str, str], ...] = (
    (r'pod rejected: RuntimeClass "[^"]+" not found', "gpu-runtime-class-missing"),
    (r"conflict: runtimeClass\.scheduling\.nodeSelector", "gpu-runtime-class-scheduling"),
    (r"violates PodSecurity", "gpu-pod-security-refuses"),
    (r"exceeded quota|failed quota", "gpu-quota-exhausted"),
    (r"(?:maximum|minimum) \S+ usage per|max(?:imum)? limit to request ratio", "gpu-limit-range"),
    (r"must be less than or equal to \w+ limit", "gpu-limit-range"),
    (r"cannot \w+ resource", "gpu-right-missing"),
    (r"admission webhook|ValidatingAdmissionPolicy", "gpu-admission-refused"),
    (r"strict decoding error|is invalid:|Invalid value|Required value", "gpu-pod-invalid"),
)
"""What creating a pod can be refused with."""

START: tuple[tuple[str, str], ...] = (
    (r"no runtime for \"[^\"]+\" is configured", "gpu-runtime-handler-absent"),
    (r"unresolvable CDI devices", "gpu-cdi-device-missing"),
    (r"nvidia-ctk: no such file", "gpu-cdi-hook-missing"),
    (r"last insn is not an exit or jmp", "gpu-bpf-jit-hardened"),
    (r"unsatisfied condition: cuda", "gpu-driver-too-old"),
    (r"too large: maximum request size for shared resources is", "gpu-shared-request"),
    (r"nvidia-container-cli: error while loading shared libraries|init \d+ result=11", "gpu-toolkit-broken"),
    (r"OutOf[\w./-]+|UnexpectedAdmissionError", "gpu-admission-race"),
    (r"executable file not found|nvidia-smi: not found", "gpu-smi-not-found"),
)
"""Why a pod that was admitted does not start."""

SCHEDULING: tuple[tuple[str, str], ...] = (
    (r"untolerated taint", "gpu-taint-not-tolerated"),
    (r"didn't match Pod's node affinity/selector", "gpu-smoke-unschedulable"),
    (r"Insufficient \S+/", "gpu-busy"),
)
"""Why the scheduler leaves a pod waiting; a taint comes first, because the message names every node."""

OUTPUT: tuple[tuple[str, str], ...] = (
    (r"Driver/library version mismatch|API mismatch: the client has the version", "gpu-smi-version-mismatch"),
    (r"GPU has fallen off the bus|RmInitAdapter failed|GPU is lost", "gpu-device-lost"),
    (r"requires use of the NVIDIA open kernel modules", "gpu-flavour-wrong"),
    (r"supported through the NVIDIA [\w.]+ Legacy drivers", "gpu-driver-drops-gpu"),
    (r"driver on your system is too old", "gpu-driver-too-old"),
    (
        r"unsupported display driver / cuda driver combination|forward compatibility was attempted",
        "gpu-cuda-library-shadowed",
    ),
    (r"Failed to initialize NVML: Unknown Error", "gpu-smi-access-lost"),
    (r"GPU access blocked by the operating system", "gpu-smi-blocked"),
    (r"couldn't find libnvidia-ml", "gpu-smi-no-library"),
    (r"couldn't communicate with the NVIDIA driver", "gpu-smi-driver-not-loaded"),
    (r"No devices were found|No devices found", "gpu-smi-no-device"),
    (r"is not a valid field to query", "gpu-smi-unreadable"),
)
"""What nvidia-smi and CUDA print when they fail."""

EXIT: dict[int, str] = {
    2: "gpu-smi-unreadable",
    6: "gpu-smi-no-device",
    9: "gpu-smi-driver-not-loaded",
    12: "gpu-smi-no-library",
    17: "gpu-smi-blocked",
    126: "gpu-smi-not-found",
    127: "gpu-smi-not-found",
    128: "gpu-smi-not-found",
    139: "gpu-toolkit-broken",
}
"""Exit status of the test container, where no text says more."""

MESSAGE_LIMIT = 300


def match(text: str, *tables: tuple[tuple[str, str], ...]) -> str | None:
    """The first code whose text occurs."""
    return next((code for table in tables for pattern, code in table if re.search(pattern, text)), None)


def quoted(text: str) -> str:
    """The first lines of a foreign text, in one line and short enough for a message."""
    line = " ".join(text.split())
    return line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 1] + "…"


def refusal(error: ApiError, subject: str) -> Finding:
    """The finding for a pod that the API server did not take, with its own words."""
    if error.status in (0, 401):
        return error.finding()
    if error.status == 404 and "namespaces" in error.message:
        return finding("gpu-namespace-missing", subject, quoted(error.message))
    return finding(match(error.message, ADMISSION) or "gpu-admission-refused", subject, quoted(error.message))
