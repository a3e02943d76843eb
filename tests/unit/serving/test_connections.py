# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection a Service: used again while it lasts, opened anew when it does not."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.serving.connections import IDLE_SECONDS, Connections
from ansible_collections.inferops.vllm.plugins.module_utils.serving.prober import Prober, Services

from tests.unit.serving.fakes import CHAT, KEY, MODELS, connection, engine, router, serving

SERVICES = Services("router", {model.name: model.name for model in MODELS})


class Dialled:
    """Opens connections to servers on this machine and counts them by Service."""

    def __init__(self, **ports: int) -> None:
        self.ports, self.opened = ports, []
        self.live: list[http.client.HTTPConnection] = []

    @contextmanager
    def __call__(self, service: str) -> Iterator[http.client.HTTPConnection]:
        self.opened.append(service)
        with connection(self.ports[service]) as found:
            found.connect()
            self.live.append(found)
            yield found


def models_of(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/v1/models")
    with connection.getresponse() as response:
        response.read()
        return response.status


def test_a_whole_proof_opens_one_connection_a_service() -> None:
    with (
        serving(router(MODELS), keep=True) as front,
        serving(engine(MODELS[0]), keep=True) as chat,
        serving(engine(MODELS[1]), keep=True) as embed,
    ):
        dialled = Dialled(router=front, mistral=chat, embeddings=embed)
        proof = Prober(dialled, SERVICES, KEY).prove(MODELS, 0)
    assert len(proof.answers) == 2
    assert all(n["ok"] for n in proof.negatives)
    assert sorted(dialled.opened) == ["embeddings", "mistral", "router"]
    assert all(found.sock is None for found in dialled.live), "nothing stays open after the proof"


def test_a_server_that_closes_is_dialled_again_each_time() -> None:
    with serving(router(MODELS)) as port, Connections(dialled := Dialled(router=port)) as kept:
        assert [kept.use("router", models_of) for _ in range(3)] == [200] * 3
    assert dialled.opened == ["router"] * 3


def test_a_connection_that_was_cut_meanwhile_is_replaced_once() -> None:
    with serving(router(MODELS), keep=True) as port, Connections(dialled := Dialled(router=port)) as kept:
        kept.use("router", models_of)
        dialled.live[0].sock.close()
        assert kept.use("router", models_of) == 200
    assert dialled.opened == ["router"] * 2


def test_a_connection_that_was_idle_is_not_used_again() -> None:
    """The server may have closed it, and a port-forward would not tell."""
    now = [0.0]
    with (
        serving(router(MODELS), keep=True) as port,
        Connections(dialled := Dialled(router=port), clock=lambda: now[0]) as kept,
    ):
        for now[0] in (0.0, IDLE_SECONDS, 2 * IDLE_SECONDS, 3.1 * IDLE_SECONDS):
            assert kept.use("router", models_of) == 200
        assert dialled.opened == ["router"] * 2
        assert dialled.live[0].sock is None


def test_a_timeout_is_not_tried_again() -> None:
    def late(_connection: http.client.HTTPConnection) -> int:
        raise TimeoutError

    with serving(router(MODELS), keep=True) as port, Connections(dialled := Dialled(router=port)) as kept:
        kept.use("router", models_of)
        with pytest.raises(TimeoutError):
            kept.use("router", late)
        assert kept.use("router", models_of) == 200
    assert dialled.opened == ["router"] * 2


def test_a_wait_starts_over_with_new_connections() -> None:
    answers = iter([False, True, True, True, True, True, True])

    def loading(method: str, path: str, auth: str | None, body: dict) -> tuple[int, dict]:
        return router((CHAT,))(method, path, auth, body) if next(answers) else (503, {})

    with serving(loading, keep=True) as front, serving(engine(CHAT), keep=True) as chat:
        dialled = Dialled(router=front, mistral=chat)
        proof = Prober(dialled, SERVICES, KEY, sleep=lambda _: None).prove((CHAT,), 60, open_endpoints=False)
    assert proof.waited
    assert dialled.opened.count("router") == 2
