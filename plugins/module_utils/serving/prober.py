# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of the proof of service: real requests, router first, each engine when the router fails.

It owns no network: ``connect(service)`` gives an :class:`http.client.HTTPConnection` to a Service by name, so the
same driver proves a cluster (port-forward through the API server) and a server on this machine (plain sockets).
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..findings import Finding, finding
from .connections import Connect, Connections
from .diagnosis import Attempt, Look, PodState, Reading, Scene, clean, diagnose
from .endpoints import ENGINE, ROUTER, Open, endpoints_of, judge_open
from .requests import (
    LISTING,
    NEGATIVES,
    WRONG_KEY,
    Answer,
    Credential,
    Model,
    Probe,
    Request,
    judge_listing,
    main_probe,
)

POLL_SECONDS = 5.0
QUIET_SECONDS = 30.0
"""Between two lines of progress about the same reason: a loading model logs a new line every second."""
REQUEST_SECONDS = 60.0
"""For one answer: a completion of 32 tokens takes seconds, a half-open connection takes for ever."""
MAX_BYTES = 4 * 1024 * 1024
CHUNK = 65536


class Unreachable(Exception):
    """A Service cannot be connected to; the text says why."""


def no_look(_unused: Model) -> Look:
    """For servers that are no pods."""
    return Look(PodState.STARTING, "no pod to look at")


@dataclass(frozen=True)
class Services:
    """The Services to ask: the router's (None: there is none, the engines are asked) and each engine's by model."""

    router: str | None
    engines: dict[str, str]

    def front(self, model: Model) -> str:
        """Where clients send their requests for the model."""
        return self.router or self.engines[model.name]


@dataclass
class Proof:
    """What the proof of service found. ``findings`` is empty only if every model answered as it must."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    negatives: list[dict[str, Any]] = field(default_factory=list)
    open_endpoints: list[dict[str, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    waited: bool = False
    """Whether a model did not answer at once: what was read before is old by now."""


@dataclass
class _Wait:
    """One model that has not answered yet."""

    model: Model
    reading: Reading | None = None
    since: float = 0.0
    said: float = 0.0

    def note(self, reading: Reading, now: float) -> bool:
        """Remember the reading; true when it is worth saying: another reason, or after a while another text."""
        changed = self.reading is None or self.reading.code != reading.code
        moved = self.reading is not None and self.reading.text != reading.text
        self.reading = reading
        if changed:
            self.since = now
        news = changed or (moved and now - self.said >= QUIET_SECONDS)
        self.said = now if news else self.said
        return news

    def hopeless(self, now: float) -> bool:
        """Whether the same reason has persisted for longer than its patience."""
        patience = self.reading.patience if self.reading else None
        return patience is not None and now - self.since >= patience


class Prober:
    """Asks the models of one site. ``key`` is sent as bearer token and never leaves this object."""

    def __init__(
        self,
        connect: Connect,
        services: Services,
        key: str,
        *,
        look: Callable[[Model], Look] = no_look,
        progress: Callable[[str], None] = lambda _unused: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._connect, self._services, self._key = connect, services, key
        self._look, self._progress, self._clock, self._sleep = look, progress, clock, sleep
        self._request_seconds = request_seconds
        self._kept: Connections | None = None

    def prove(self, models: Sequence[Model], budget: float, *, open_endpoints: bool = True) -> Proof:
        """Wait up to ``budget`` seconds until every model answers its real request, then measure and try the negatives.

        Reasons that no waiting cures (a crash loop, a refused key) end the wait early.
        """
        proof = Proof()
        if not models:
            proof.findings.append(finding("serving-no-models", "vllm_models", "there is no model to verify"))
            return proof
        with Connections(self._connect, self._clock) as self._kept:
            self._prove(models, budget, open_endpoints, proof)
        self._kept = None
        return proof

    def _prove(self, models: Sequence[Model], budget: float, open_endpoints: bool, proof: Proof) -> None:
        answering = self._wait(models, budget, proof)
        for model in answering:
            self._measure(model, proof)
            self._negatives(model, proof)
        if answering and self._services.router:
            self._listing(answering, proof)
        if open_endpoints and answering:
            self._open(answering, proof)

    def ask(self, service: str, request: Request, credential: Credential = Credential.KEY) -> Attempt:
        """One request, in a proof on the connection of the one before. Never raises for what the other side does."""
        started = self._clock()

        def exchange(connection: http.client.HTTPConnection) -> Answer:
            return self._exchange(connection, request, credential, started)

        try:
            if self._kept:
                return Attempt(self._kept.use(service, exchange))
            with self._connect(service) as connection:
                return Attempt(exchange(connection))
        except TimeoutError:
            return Attempt(failure=f"{service} gave no answer within {self._clock() - started:.0f} s")
        except (Unreachable, OSError, http.client.HTTPException) as error:
            return Attempt(failure=clean(f"{service}: {error or type(error).__name__}", (self._key,)))

    def _exchange(
        self, connection: http.client.HTTPConnection, request: Request, credential: Credential, started: float
    ) -> Answer:
        connection.timeout = self._request_seconds
        if connection.sock:
            connection.sock.settimeout(self._request_seconds)
        sent = self._clock()
        body = None if request.body is None else json.dumps(request.body)
        connection.request(request.method, request.path, body, self._headers(credential))
        with connection.getresponse() as response:  # one that is not closed blocks the connection for the next request
            text = self._body(response, started)
        server = clean(response.getheader("Server") or "", (self._key,))
        return Answer(response.status, clean_body(text, self._key), round(self._clock() - sent, 3), server)

    def _headers(self, credential: Credential) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        token = {Credential.KEY: self._key, Credential.WRONG: WRONG_KEY}.get(credential)
        return {**headers, "Authorization": f"Bearer {token}"} if token else headers

    def _body(self, response: http.client.HTTPResponse, started: float) -> str:
        """The body, bounded in size and in time: a peer that drips bytes must not hold the play."""
        parts: list[bytes] = []
        size = 0
        while chunk := response.read1(CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if self._clock() - started > self._request_seconds:
                raise TimeoutError
            if size > MAX_BYTES:
                raise http.client.HTTPException(f"the answer is larger than {MAX_BYTES} bytes")
        return b"".join(parts).decode("utf-8", "replace")

    def _wait(self, models: Sequence[Model], budget: float, proof: Proof) -> list[Model]:
        deadline = self._clock() + budget
        waiting = [_Wait(model) for model in models]
        answering: list[Model] = []
        while waiting:
            for wait in list(waiting):
                reading = self._poll(wait.model)
                if wait.note(reading, self._clock()):
                    self._progress(f"{wait.model.name}: {reading.text}")
                if reading.code is None:
                    answering.append(wait.model)
                    waiting.remove(wait)
                elif wait.hopeless(self._clock()) or self._clock() >= deadline:
                    proof.findings.append(_given_up(wait.model, reading, budget, wait.hopeless(self._clock())))
                    waiting.remove(wait)
            if waiting:
                proof.waited = True
                if self._kept:
                    self._kept.close()  # the pod behind the Service may be another one next time
                self._sleep(max(0.0, min(POLL_SECONDS, deadline - self._clock())))
        return [model for model in models if model in answering]

    def _poll(self, model: Model) -> Reading:
        request = main_probe(model).request(model)
        front = self.ask(self._services.front(model), request)
        if front.status == 200:
            return diagnose(Scene(model, front, Attempt(), no_look(model)))
        engine = self.ask(self._services.engines[model.name], request) if self._services.router else front
        return diagnose(Scene(model, front, engine, self._look(model)))

    def _measure(self, model: Model, proof: Proof) -> None:
        """Ask once more: the first answer includes warming up."""
        probe = main_probe(model)
        attempt = self.ask(self._services.front(model), probe.request(model))
        answer = attempt.answer
        if answer is None or answer.status != 200:
            message = f"it answered once, then: {attempt}"
            proof.findings.append(finding("serving-answer-error", model.subject, message))
            return
        findings, measures = probe.judge(model, answer)
        proof.findings += findings
        entry = {"model": model.name, "repository": model.repository, "role": model.role, "probe": probe.name}
        proof.answers.append(
            {**entry, "ok": not findings, "server": answer.server, "latency_s": answer.seconds, **measures}
        )

    def _negatives(self, model: Model, proof: Proof) -> None:
        for probe in NEGATIVES:
            attempt = self.ask(self._services.front(model), probe.request(model), probe.credential)
            findings = self._judge_negative(model, probe, attempt)
            proof.findings += findings
            entry = {"model": model.name, "probe": probe.name, "status": attempt.status, "ok": not findings}
            proof.negatives.append(entry)

    def _judge_negative(self, model: Model, probe: Probe, attempt: Attempt) -> list[Finding]:
        if attempt.answer is None:
            message = f"a request with {probe.name} got no answer: {attempt}"
            return [finding("serving-negative-unexpected", model.subject, message)]
        return probe.judge(model, attempt.answer)[0]

    def _listing(self, models: Sequence[Model], proof: Proof) -> None:
        attempt = self.ask(str(self._services.router), LISTING)
        if attempt.answer is None:
            proof.findings.append(finding("serving-answer-error", "router", f"GET {LISTING.path}: {attempt}"))
        else:
            proof.findings += judge_listing(models, attempt.answer)

    def _open(self, models: Sequence[Model], proof: Proof) -> None:
        opened = self._opened(str(self._services.router), ROUTER, models[0]) if self._services.router else []
        for model in models:
            opened += self._opened(self._services.engines[model.name], ENGINE, model)
        proof.open_endpoints = [entry.to_dict() for entry in opened]
        proof.findings += judge_open(opened)

    def _opened(self, service: str, kind: str, model: Model) -> list[Open]:
        return [
            Open(service, kind, endpoint)
            for endpoint in endpoints_of(kind, model.role)
            if self.ask(service, endpoint.request(model), Credential.NONE).status == 200
        ]


def clean_body(text: str, key: str) -> str:
    """A body without the key, should a server echo it."""
    return text.replace(key, "********") if key else text


def _given_up(model: Model, reading: Reading, budget: float, early: bool) -> Finding:
    waited = "" if early else f" (waited {budget:.0f} s)"
    return finding(str(reading.code), model.subject, f"{reading.text}{waited}", fix=reading.fix)
