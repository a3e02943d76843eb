# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of service against real HTTP servers on loopback that behave as vLLM and its router do."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.serving.diagnosis import Look, PodState
from ansible_collections.inferops.vllm.plugins.module_utils.serving.prober import (
    Prober,
    Proof,
    Services,
    Unreachable,
)
from ansible_collections.inferops.vllm.plugins.module_utils.serving.requests import Model

from tests.unit.serving.fakes import (
    CHAT,
    EMBED,
    KEY,
    MODELS,
    RERANK,
    Handler,
    completion,
    connection,
    embeddings,
    engine,
    router,
    serving,
)

SERVICES = Services("router", {model.name: model.name for model in (*MODELS, RERANK)})


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.001)


def prove(
    servers: dict[str, Handler | None],
    models: tuple[Model, ...] = MODELS,
    *,
    key: str = KEY,
    budget: float = 300,
    look: Callable[[Model], Look] | None = None,
    services: Services = SERVICES,
    said: list[str] | None = None,
    open_endpoints: bool = False,
) -> Proof:
    """Run the prober; a server that is None does not exist."""
    clock = Clock()
    with ExitStack() as stack:
        ports = {name: stack.enter_context(serving(h)) for name, h in servers.items() if h}

        @contextmanager
        def connect(service: str):
            if service not in ports:
                raise Unreachable(f"no pod runs behind service/{service}")
            with connection(ports[service]) as found:
                yield found

        prober = Prober(
            connect,
            services,
            key,
            look=look or (lambda _: Look(PodState.STARTING, "pod p: phase Running, not ready")),
            progress=(said if said is not None else []).append,
            clock=clock,
            sleep=clock.sleep,
            request_seconds=2,
        )
        return prober.prove(models, budget, open_endpoints=open_endpoints)


def healthy(models: tuple[Model, ...] = MODELS) -> dict[str, Handler | None]:
    return {"router": router(models), **{model.name: engine(model) for model in models}}


def codes(proof: Proof) -> list[str]:
    return [f.code for f in proof.findings]


def test_healthy_site_is_proved_without_a_finding() -> None:
    proof = prove(healthy())
    assert codes(proof) == []
    chat, embed = proof.answers
    assert (chat["tokens"], chat["first_words"]) == (9, "A library is a collection of books.")
    assert embed["dimension"] == 3
    assert embed["similarity"]["same_meaning"] > embed["similarity"]["unrelated"]
    assert [n["status"] for n in proof.negatives] == [401, 401, 404] * 2
    assert all(n["ok"] for n in proof.negatives)


def test_reranker_is_proved() -> None:
    proof = prove(healthy((RERANK,)), (RERANK,))
    assert codes(proof) == []
    assert proof.answers[0]["similarity"] == {"same_meaning": 0.9, "unrelated": 0.1}


def test_no_model_is_no_pass() -> None:
    assert codes(prove(healthy(), ())) == ["serving-no-models"]


def test_an_engine_alone_is_proved_without_a_router() -> None:
    proof = prove(
        {"mistral": engine(CHAT)}, (CHAT,), services=Services(None, {"mistral": "mistral"}), open_endpoints=True
    )
    assert codes(proof) == ["serving-engine-answers-without-key"]
    assert "/invocations" in {e["path"] for e in proof.open_endpoints}


def test_open_endpoints_are_reported_per_service() -> None:
    proof = prove(healthy(), open_endpoints=True)
    assert sorted(codes(proof)) == [
        "serving-engine-answers-without-key",
        "serving-engine-answers-without-key",
        "serving-router-endpoints-open",
    ]
    opened = {(e["service"], e["path"]) for e in proof.open_endpoints}
    assert ("embeddings", "/pooling") in opened
    assert ("router", "/v1/models") in opened
    assert ("mistral", "/v1/models") not in opened


def test_waits_until_the_model_has_loaded_and_says_so_on_change_only() -> None:
    asked = {"n": 0}

    def late(method: str, path: str, auth: str | None, body: dict):
        asked["n"] += 1
        if asked["n"] < 4:
            return 404, {"error": "Model not found."}
        return router((CHAT,))(method, path, auth, body)

    said: list[str] = []
    proof = prove({"router": late, "mistral": None}, (CHAT,), said=said)
    assert codes(proof) == []
    assert len(said) == 2
    assert said[-1] == "mistral: answers"


def test_a_log_that_moves_is_told_twice_a_minute() -> None:
    lines = iter(range(1000))
    said: list[str] = []
    prove(
        NOBODY, (CHAT,), look=lambda _: Look(PodState.STARTING, "pod p", (f"{next(lines)} %",)), said=said, budget=120
    )
    assert len(said) == 5


def looked(state: PodState, *lines: str) -> Callable[[Model], Look]:
    return lambda _: Look(state, "pod vllm-mistral-1: as it is", lines)


UNAVAILABLE = (503, {"error": "Model 'x' is temporarily unavailable. Please try again later."})


NOBODY: dict[str, Handler | None] = {"router": None, "mistral": None}
READY = looked(PodState.READY)
OTHER_KEY = router((CHAT,), "other")


def beside(mistral: Handler | None, front: Handler | None = None) -> dict[str, Handler | None]:
    return {"router": front, "mistral": mistral}


REASONS = [
    (NOBODY, looked(PodState.STARTING, "Loading weights"), "serving-model-loading", "Loading weights"),
    (NOBODY, looked(PodState.CRASHING, "ValueError: bad"), "serving-model-crashed", "ValueError: bad"),
    (NOBODY, looked(PodState.KILLED), "serving-startup-budget", ""),
    (NOBODY, looked(PodState.BLOCKED), "serving-pod-blocked", ""),
    (NOBODY, looked(PodState.UNSCHEDULABLE), "serving-pod-unschedulable", "(waited 300 s)"),
    (NOBODY, looked(PodState.MISSING), "serving-pod-missing", ""),
    (NOBODY, READY, "serving-engine-silent", "no pod runs"),
    (beside(engine(CHAT)), READY, "serving-router-fault", "no pod runs"),
    (beside(engine(CHAT), lambda *_: UNAVAILABLE), READY, "serving-router-fault", "503"),
    (beside(engine(CHAT, "other"), OTHER_KEY), READY, "serving-key-rejected", "401"),
    (beside(None, OTHER_KEY), READY, "serving-key-rejected", "401"),
    (beside(engine(EMBED), router((EMBED,))), READY, "serving-role-mismatch", "instruct"),
    (beside(engine(Model("mistral", "other/model"))), READY, "serving-model-unknown", "does not exist"),
    (beside(lambda *_: (400, {"error": "no template"})), READY, "serving-answer-error", "no template"),
    (beside(lambda *_: (500, b"EngineDeadError")), READY, "serving-answer-error", "EngineDeadError"),
]


@pytest.mark.parametrize(("servers", "look", "code", "text"), REASONS)
def test_every_reason_has_its_code(servers: dict, look: Callable, code: str, text: str) -> None:
    proof = prove(servers, (CHAT,), look=look)
    assert codes(proof) == [code]
    assert proof.findings[0].subject == "model/mistral"
    assert text in proof.findings[0].message
    assert proof.answers == []


def test_a_crash_loop_ends_the_wait_at_once_and_a_known_cause_has_its_fix() -> None:
    said: list[str] = []
    look = looked(PodState.CRASHING, "vllm: error: unrecognized arguments: --disable-log-requests")
    proof = prove({"router": None, "mistral": None}, (CHAT,), look=look, said=said)
    assert len(said) == 1
    assert "waited" not in proof.findings[0].message
    assert "vllm_models[].vllm" in proof.findings[0].fix


def test_one_dead_model_does_not_hide_the_other() -> None:
    proof = prove({"router": router((EMBED,)), "embeddings": engine(EMBED), "mistral": None}, budget=30)
    assert codes(proof) == ["serving-model-loading"]
    assert [a["model"] for a in proof.answers] == ["embeddings"]


def altered(reply: tuple, model: Model = CHAT) -> dict[str, Handler | None]:
    """A router that answers the real request otherwise."""
    sound = router((model,))

    def handle(method: str, path: str, auth: str | None, body: dict):
        status, answer = sound(method, path, auth, body)
        return reply if status == 200 and method == "POST" else (status, answer)

    return {"router": handle, model.name: engine(model)}


NAN_SCORES = b'{"results": [{"index": 0, "relevance_score": NaN}, {"index": 1, "relevance_score": 1}]}'
NAN = b'{"data":[{"index":0,"embedding":[NaN,1,1]},{"index":1,"embedding":[1,1,1]},{"index":2,"embedding":[1,0,1]}]}'


@pytest.mark.parametrize(
    ("model", "reply", "code"),
    [
        (CHAT, (200, b"<html>"), "serving-answer-invalid"),
        (CHAT, (200, []), "serving-answer-invalid"),
        (CHAT, (200, {"choices": []}), "serving-answer-invalid"),
        (CHAT, (200, {"choices": [{"message": None}]}), "serving-answer-invalid"),
        (CHAT, (200, completion("m", "  ", 0)), "serving-answer-invalid"),
        (EMBED, (200, {}), "serving-answer-invalid"),
        (EMBED, (200, NAN), "serving-embedding-invalid"),
        (EMBED, (200, embeddings([[1, 2, 3]] * 2)), "serving-embedding-invalid"),
        (EMBED, (200, embeddings([[0, 0, 0]] * 3)), "serving-embedding-invalid"),
        (EMBED, (200, embeddings([[10**400, 0, 0]] * 3)), "serving-embedding-invalid"),
        (EMBED, (200, embeddings(["AAAA"] * 3)), "serving-embedding-invalid"),
        (EMBED, (200, embeddings([[True, 1, 1]] * 3)), "serving-embedding-invalid"),
        (EMBED, (200, embeddings([[1, 2]] * 3)), "serving-embedding-dimension"),
        (EMBED, (200, embeddings([[1, 0, 0], [0, 1, 0], [1, 0, 0]])), "serving-embedding-meaningless"),
        (RERANK, (200, {"results": [{"index": 0}]}), "serving-answer-invalid"),
        (RERANK, (200, {"results": []}), "serving-answer-invalid"),
        (RERANK, (200, NAN_SCORES), "serving-answer-invalid"),
    ],
)
def test_a_bad_answer_is_no_proof(model: Model, reply: tuple, code: str) -> None:
    proof = prove(altered(reply, model), (model,))
    assert codes(proof) == [code]
    assert not proof.answers[0]["ok"]


def test_a_server_without_key_check_is_found() -> None:
    def trusting(method: str, path: str, auth: str | None, body: dict):
        return router((CHAT,))(method, path, f"Bearer {KEY}", body)

    proof = prove({"router": trusting, "mistral": None}, (CHAT,))
    assert codes(proof) == ["serving-key-not-enforced"] * 2


def test_a_router_that_maps_every_name_to_a_model_is_found() -> None:
    def mapping(method: str, path: str, auth: str | None, body: dict):
        return router((CHAT,))(method, path, auth, {**body, "model": CHAT.repository})

    proof = prove({"router": mapping, "mistral": None}, (CHAT,))
    assert codes(proof) == ["serving-negative-unexpected"]


def test_another_refusal_than_401_is_a_warning() -> None:
    def odd(method: str, path: str, auth: str | None, body: dict):
        status, answer = router((CHAT,))(method, path, auth, body)
        return (418, "teapot") if status == 401 else (status, answer)

    proof = prove({"router": odd, "mistral": None}, (CHAT,))
    assert codes(proof) == ["serving-negative-unexpected"] * 2


def test_a_model_that_is_not_listed_is_found_with_a_near_miss() -> None:
    def forgetful(method: str, path: str, auth: str | None, body: dict):
        if path == "/v1/models":
            return 200, {"data": [{"id": "mistralai/Mistral-Smal"}]}
        return router((CHAT,))(method, path, auth, body)

    proof = prove({"router": forgetful, "mistral": None}, (CHAT,))
    assert codes(proof) == ["serving-model-not-listed"]
    assert "did you mean 'mistralai/Mistral-Smal'" in proof.findings[0].message


def test_a_listing_that_is_none_is_found() -> None:
    def broken(method: str, path: str, auth: str | None, body: dict):
        return (200, b"[") if path == "/v1/models" else router((CHAT,))(method, path, auth, body)

    assert codes(prove({"router": broken, "mistral": None}, (CHAT,))) == ["serving-answer-invalid"]


def test_an_answer_that_echoes_the_key_does_not_carry_it_on() -> None:
    def echo(method: str, path: str, auth: str | None, body: dict):
        return 500, {"error": f"bad header {auth}"}

    said: list[str] = []
    proof = prove({"router": echo, "mistral": echo}, (CHAT,), said=said)
    assert KEY not in str(proof) + str(said)
    assert "********" in proof.findings[0].message


def _drip(peer: socket.socket, size: int, pause: float, stop: threading.Event) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
    while not stop.wait(pause):
        peer.sendall(b"x" * size)


PEERS: dict[str, Callable[[socket.socket, threading.Event], object]] = {
    "silent": lambda peer, stop: stop.wait(5),
    "dripping": lambda peer, stop: _drip(peer, 1, 0.02, stop),
    "huge": lambda peer, stop: _drip(peer, 65536, 0, stop),
    "slamming": lambda peer, stop: None,
    "garbage": lambda peer, stop: peer.sendall(b"SSH-2.0-OpenSSH\r\n"),
}


@contextmanager
def misbehaving(peer_does: Callable[[socket.socket, threading.Event], object]) -> Iterator[int]:
    """A peer that accepts a connection, reads the request and then misbehaves."""
    stop = threading.Event()

    class Peer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with suppress(OSError):
                peer_does(self.request, stop)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Peer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_address[1]
    stop.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("behaviour", PEERS)
def test_a_half_open_connection_is_bounded_and_named(behaviour: str) -> None:
    started = time.monotonic()
    with misbehaving(PEERS[behaviour]) as port:
        services = Services(None, {"mistral": "m"})
        proof = Prober(lambda _: connection(port), services, KEY, request_seconds=0.2).prove((CHAT,), 0.1)
    assert time.monotonic() - started < 4
    assert codes(proof) == ["serving-model-loading"]


def test_a_model_that_answers_only_once_is_found() -> None:
    asked = {"n": 0}

    def once(method: str, path: str, auth: str | None, body: dict):
        asked["n"] += 1
        return router((CHAT,))(method, path, auth, body) if asked["n"] == 1 else (500, b"dead")

    proof = prove({"router": once, "mistral": None}, (CHAT,))
    assert codes(proof)[0] == "serving-answer-error"
    assert "it answered once" in proof.findings[0].message
