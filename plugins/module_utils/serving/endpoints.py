# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which endpoints answer although no key was sent, and what that means.

vLLM checks its API key by path prefix (``/v1``; more prefixes in newer versions), so everything else answers
anybody who reaches the engine's Service. The router has no key check at all. Only requests that change nothing
are made: no sleep, no pause, no LoRA loading.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..findings import Finding, finding
from .requests import JSON, Model, Request, main_probe

ROUTER, ENGINE = "router", "engine"


@dataclass(frozen=True)
class Endpoint:
    """One path that may be open; ``gives`` says what a stranger gets from it."""

    method: str
    path: str
    gives: str
    on: tuple[str, ...] = (ROUTER, ENGINE)
    roles: tuple[str, ...] = ("instruct", "embeddings", "rerank")

    def request(self, model: Model) -> Request:
        """The harmless request that shows whether it is open."""
        return Request(self.method, self.path, _body(self.path, model) if self.method == "POST" else None)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/v1/models", "the names of the models"),
    Endpoint("GET", "/engines", "the engines' pod addresses", (ROUTER,)),
    Endpoint("GET", "/metrics", "load and usage figures"),
    Endpoint("GET", "/version", "the exact version"),
    Endpoint("GET", "/docs", "the list of all endpoints"),
    Endpoint("POST", "/tokenize", "work on the server: tokenisation of any text"),
    Endpoint("POST", "/invocations", "a full answer of the model", (ENGINE,)),
    Endpoint("POST", "/pooling", "an embedding", (ENGINE,), ("embeddings",)),
    Endpoint("POST", "/rerank", "an answer of the model", (ROUTER, ENGINE), ("rerank",)),
)

ANSWERING = frozenset({"/invocations", "/pooling", "/rerank"})
"""Paths that give the model's work itself away."""


def _body(path: str, model: Model) -> JSON:
    if path == "/tokenize":
        return {"model": model.repository, "prompt": "open?"}
    if path == "/pooling":
        return {"model": model.repository, "input": "open?"}
    body = main_probe(model).request(model).body or {}
    return {**body, "max_tokens": 1} if model.role == "instruct" else body


def endpoints_of(kind: str, role: str) -> list[Endpoint]:
    """What to try on a router or on an engine of that role."""
    return [endpoint for endpoint in ENDPOINTS if kind in endpoint.on and role in endpoint.roles]


@dataclass(frozen=True)
class Open:
    """One endpoint that answered 200 without a key."""

    service: str
    kind: str
    endpoint: Endpoint

    def to_dict(self) -> dict[str, str]:
        """Plain data, as the module returns it."""
        endpoint = self.endpoint
        return {"service": self.service, "method": endpoint.method, "path": endpoint.path, "gives": endpoint.gives}


CODES = {
    ("router", False): "serving-router-endpoints-open",
    ("router", True): "serving-router-answers-without-key",
    ("engine", False): "serving-engine-endpoints-open",
    ("engine", True): "serving-engine-answers-without-key",
}
"""By the kind of Service, and whether an answer of the model itself is given away."""


def judge_open(opened: Iterable[Open]) -> list[Finding]:
    """One finding a Service: what is open, and whether the model's own work is among it."""
    services: dict[tuple[str, str], list[Endpoint]] = {}
    for entry in opened:
        services.setdefault((entry.service, entry.kind), []).append(entry.endpoint)
    return [_finding(service, kind, endpoints) for (service, kind), endpoints in services.items()]


def _finding(service: str, kind: str, endpoints: list[Endpoint]) -> Finding:
    listed = "; ".join(f"{e.path} gives {e.gives}" for e in endpoints)
    given_away = any(e.path in ANSWERING for e in endpoints)
    return finding(CODES[kind, given_away], f"service/{service}", f"no key is asked for: {listed}")
