# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The opt-in check of models at Hugging Face: may the token read them, which revision, how large.

Pure over a ``fetch`` callable, which owns the network and the token; neither is seen here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, Severity, finding
from .memory import GIB
from .models import ModelRequest
from .settings import arguments
from .startup import disk_gib

Fetch = Callable[[str], tuple[int, Any]]
"""Path on the Hub → HTTP status and the decoded JSON body (None if it is none). Raises OSError if unreachable."""

TOLERANCE = 0.1
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")
DENIED = (401, 403)


@dataclass(frozen=True)
class HubModel:
    """What the Hub says about one model; ``size_gib`` counts the files that vLLM downloads."""

    model: str
    repository: str
    revision: str
    size_gib: float


def check_hub(
    requests: Sequence[ModelRequest], fetch: Fetch, *, with_token: bool, path: str = "vllm_models"
) -> tuple[list[HubModel], list[Finding]]:
    """Ask for every model; ``with_token`` says whether ``fetch`` sends a token. Never raises for the Hub's sake."""
    try:
        if with_token and fetch("/api/whoami-v2")[0] in DENIED:
            return [], [finding("planning-hub-token-invalid", "hf-secret", "Hugging Face does not know the token")]
        answers = [_ask(request, fetch, f"{path}[{index}]", with_token) for index, request in enumerate(requests)]
    except OSError as error:
        return [], [_unreachable(type(error).__name__)]
    return [model for model, _unused in answers if model], [
        found for _unused, findings in answers for found in findings
    ]


def _ask(request: ModelRequest, fetch: Fetch, path: str, with_token: bool) -> tuple[HubModel | None, list[Finding]]:
    given = arguments(request.vllm.extra_args).get("revision") or "main"
    revision = given if REVISION.fullmatch(given) else "main"
    status, body = fetch(f"/api/models/{request.repository}/revision/{revision}?blobs=true")
    if status == 200 and isinstance(body, Mapping) and body.get("gated"):
        status = _gate(request, fetch, revision)
    refused = _refused(request, status, revision, f"{path}.model", with_token)
    if refused:
        return None, [refused]
    model = _model(request, body if isinstance(body, Mapping) else {})
    return model, _size(request, model, path)


def _gate(request: ModelRequest, fetch: Fetch, revision: str) -> int:
    """The description of a gated model is public; only a file tells whether the token may read it."""
    status, _unused = fetch(f"/{request.repository}/resolve/{revision}/config.json")
    return 403 if status in DENIED else 200


def _refused(request: ModelRequest, status: int, revision: str, subject: str, with_token: bool) -> Finding | None:
    if status == 200:
        return None
    if status == 403 and not with_token:
        message = f"{request.repository} asks for a token and none is at hand here: access could not be checked"
        return finding("planning-hub-no-access", subject, message, severity=Severity.WARNING)
    if status == 403:
        return finding("planning-hub-no-access", subject, f"the token may not read {request.repository}")
    if status in (401, 404):
        message = f"there is no {request.repository} at revision {revision}, or the token cannot see it"
        return finding("planning-hub-not-found", subject, message)
    return _unreachable(f"HTTP {status} for {request.repository}")


def _unreachable(reason: str) -> Finding:
    return finding("planning-hub-unreachable", "huggingface.co", reason)


def _model(request: ModelRequest, body: Mapping[str, Any]) -> HubModel:
    listed = body.get("siblings")
    files = [file for file in listed if isinstance(file, Mapping)] if isinstance(listed, list) else []
    sizes = {str(file.get("rfilename")): _bytes(file) for file in files}
    size = sum(sizes[name] for name in _downloaded(request, sizes))
    return HubModel(request.name, request.repository, str(body.get("sha", "")), round(size / GIB, 2))


def _bytes(file: Mapping[str, Any]) -> int:
    size = file.get("size")
    return size if isinstance(size, int) else 0


def _downloaded(request: ModelRequest, names: Mapping[str, int]) -> list[str]:
    """The weight files that vLLM takes: one format of the several that a repository may hold."""
    tensors = [name for name in names if name.endswith(".safetensors") and "/" not in name]
    whole = [name for name in tensors if name.startswith("consolidated")]
    if arguments(request.vllm.extra_args).get("load-format") == "mistral":
        return whole
    return [name for name in tensors if name not in whole] or [name for name in names if name.endswith(".bin")]


def _size(request: ModelRequest, model: HubModel, path: str) -> list[Finding]:
    recorded = disk_gib(request)
    if not model.size_gib or abs(model.size_gib - recorded) <= TOLERANCE * recorded:
        return []
    message = f"{model.repository} is {model.size_gib:.1f} GiB on the Hub, {recorded:.1f} GiB in the plan"
    return [finding("planning-hub-size-differs", path, message)]
