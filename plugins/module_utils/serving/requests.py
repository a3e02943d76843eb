# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes of the proof of service, as data: what is asked of a model, with which key, and what must come back.

Nothing here does I/O. A probe is judged over an :class:`Answer`; the judge returns findings and measures.
Sources: the OpenAI-compatible endpoints of vLLM 0.8 to 0.33 and the answers of the production-stack router
(docs/verification.md lists them).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from ..findings import Finding, finding
from ..suggest import did_you_mean
from . import embedding

JSON = dict[str, Any]
Judgement = tuple[list[Finding], JSON]

UNKNOWN_MODEL = "inferops/no-such-model"
WRONG_KEY = "inferops-verification-wrong-key"
MAX_TOKENS = 32
"""Tokens asked of a completion: enough for a rate, seconds even on a slow card."""
WORDS_SHOWN = 12


@dataclass(frozen=True)
class Model:
    """One model to prove: its name in the inventory, the id that clients send, and its role.

    ``role`` is instruct, embeddings or rerank; ``embedding_dimension`` None means that any dimension will do.
    """

    name: str
    repository: str
    role: str = "instruct"
    embedding_dimension: int | None = None

    @property
    def subject(self) -> str:
        """How findings name the model."""
        return f"model/{self.name}"


@dataclass(frozen=True)
class Answer:
    """What came back over HTTP: the status, the body as text, how long it took in seconds, who answered."""

    status: int
    text: str = ""
    seconds: float = 0.0
    server: str = ""

    @cached_property
    def json(self) -> Any:
        """The parsed body; None when it is not JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @property
    def brief(self) -> str:
        """Status and the start of the body, on one line."""
        body = " ".join(self.text.split())
        return f"{self.status} {body[:160]}".strip()


class Credential(Enum):
    """What a probe sends as bearer token."""

    KEY = "key"
    NONE = "no key"
    WRONG = "wrong key"


@dataclass(frozen=True)
class Request:
    """One HTTP request; ``body`` is sent as JSON."""

    method: str
    path: str
    body: JSON | None = None


@dataclass(frozen=True)
class Probe:
    """One question and how its answer is judged."""

    name: str
    request: Callable[[Model], Request]
    judge: Callable[[Model, Answer], Judgement]
    credential: Credential = Credential.KEY


def _completion(model: Model) -> Request:
    messages = [{"role": "user", "content": "Say in one short sentence what a library is."}]
    body = {"model": model.repository, "messages": messages, "max_tokens": MAX_TOKENS, "temperature": 0}
    return Request("POST", "/v1/chat/completions", body)


def _embedding(model: Model) -> Request:
    body = {"model": model.repository, "input": list(embedding.TEXTS), "encoding_format": "float"}
    return Request("POST", "/v1/embeddings", body)


def _rerank(model: Model) -> Request:
    text, same, unrelated = embedding.TEXTS
    return Request("POST", "/v1/rerank", {"model": model.repository, "query": text, "documents": [unrelated, same]})


def _unusable(model: Model, answer: Answer, what: str) -> Judgement:
    return [finding("serving-answer-invalid", model.subject, f"{what}: {answer.brief}")], {}


def judge_completion(model: Model, answer: Answer) -> Judgement:
    """A completion must hold at least one generated token; tokens, rate and first words are measured."""
    reply = answer.json
    try:
        message = reply["choices"][0]["message"]
        words = str(message.get("content") or message.get("reasoning_content") or message.get("reasoning") or "")
        tokens = int((reply.get("usage") or {}).get("completion_tokens") or 0)
    except (TypeError, KeyError, IndexError, ValueError, AttributeError):
        return _unusable(model, answer, "the completion has no message")
    if not tokens and not words.strip():
        return _unusable(model, answer, "the completion has no token")
    rate = round(tokens / answer.seconds, 1) if answer.seconds > 0 and tokens else None
    shown = " ".join(words.split()[:WORDS_SHOWN])[:120]
    return [], {"tokens": tokens, "tokens_per_s": rate, "first_words": shown}


def judge_embedding(model: Model, answer: Answer) -> Judgement:
    """Three finite vectors of the model's dimension, the like pair closer than the unlike one."""
    try:
        rows = sorted(answer.json["data"], key=lambda row: int(row["index"]))
        vectors = [row["embedding"] for row in rows]
    except (TypeError, KeyError, ValueError):
        return _unusable(model, answer, "the answer has no embeddings")
    return embedding.judge(model.subject, vectors, model.embedding_dimension)


def judge_rerank(model: Model, answer: Answer) -> Judgement:
    """The document that means the same as the query must score higher than the unrelated one."""
    try:
        scores = {int(row["index"]): float(row["relevance_score"]) for row in answer.json["results"]}
        unrelated, same = scores[0], scores[1]
    except (TypeError, KeyError, ValueError):
        return _unusable(model, answer, "the answer has no relevance scores")
    if not (embedding.finite(same) and embedding.finite(unrelated)):
        return _unusable(model, answer, "a relevance score is no finite number")
    return embedding.judge_scores(model.subject, same, unrelated)


def _refused(model: Model, answer: Answer, what: str) -> Judgement:
    if answer.status in (401, 403):
        return [], {}
    if answer.status == 200:
        return [finding("serving-key-not-enforced", model.subject, f"a request with {what} was answered")], {}
    message = f"a request with {what} got {answer.brief}, expected 401"
    return [finding("serving-negative-unexpected", model.subject, message)], {}


def judge_no_key(model: Model, answer: Answer) -> Judgement:
    """Without a key a model must not answer."""
    return _refused(model, answer, "no key")


def judge_wrong_key(model: Model, answer: Answer) -> Judgement:
    """With a wrong key a model must not answer."""
    return _refused(model, answer, "a wrong key")


def judge_unknown_model(model: Model, answer: Answer) -> Judgement:
    """A model that does not exist must be a 404, not another model's answer."""
    if answer.status == 404:
        return [], {}
    message = f"a request for the model {UNKNOWN_MODEL} got {answer.brief}, expected 404"
    return [finding("serving-negative-unexpected", model.subject, message)], {}


MAIN: dict[str, Probe] = {
    "instruct": Probe("completion", _completion, judge_completion),
    "embeddings": Probe("embedding", _embedding, judge_embedding),
    "rerank": Probe("rerank", _rerank, judge_rerank),
}
"""The real request of each role: what a client would send."""


def main_probe(model: Model) -> Probe:
    """The real request of the model's role."""
    return MAIN[model.role]


def _real(model: Model) -> Request:
    return main_probe(model).request(model)


def _of_unknown_model(model: Model) -> Request:
    real = _real(model)
    return Request(real.method, real.path, {**(real.body or {}), "model": UNKNOWN_MODEL})


NEGATIVES: tuple[Probe, ...] = (
    Probe("no key", _real, judge_no_key, Credential.NONE),
    Probe("wrong key", _real, judge_wrong_key, Credential.WRONG),
    Probe("unknown model", _of_unknown_model, judge_unknown_model),
)
"""What must be refused, asked of every model."""

LISTING = Request("GET", "/v1/models")


def judge_listing(models: Iterable[Model], answer: Answer) -> list[Finding]:
    """``/v1/models`` through the router must list every model of the site."""
    try:
        listed = [str(entry["id"]) for entry in answer.json["data"]]
    except (TypeError, KeyError):
        message = f"GET {LISTING.path} is no list of models: {answer.brief}"
        return [finding("serving-answer-invalid", "router", message)]
    return [
        finding(
            "serving-model-not-listed",
            model.subject,
            f"{model.repository} is not among {', '.join(listed) or 'no models at all'}"
            f"{did_you_mean(model.repository, listed)}",
        )
        for model in models
        if model.repository not in listed
    ]
