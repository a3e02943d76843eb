# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in engines and router answer as the real programs do, quirks included."""

import http.client
import json
import math

import pytest

from sandbox.embedding import dimension_of, embed
from sandbox.model_server import Engine, Listener, Router

CHAT, EMBED = "mistralai/Mistral-Small-3.2-24B-Instruct-2506", "intfloat/multilingual-e5-large"
FAULTS: dict = {}


@pytest.fixture
def faults():
    FAULTS.clear()
    yield FAULTS
    FAULTS.clear()


@pytest.fixture(scope="module")
def engines():
    return [
        Engine(CHAT, "instruct", 0, "k1", max_model_len=50, faults=lambda: FAULTS),
        Engine(EMBED, "embeddings", 1024, "k1", faults=lambda: FAULTS),
    ]


@pytest.fixture(scope="module")
def ports(engines):
    router = Router(lambda: engines, "k1")
    listeners = [Listener(lambda: router), *(Listener(lambda e=engine: e) for engine in engines)]
    yield dict(zip(("router", "chat", "embed"), (listener.port for listener in listeners), strict=True))
    for listener in listeners:
        listener.close()


def ask(port, path, body=None, key=None, raw=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    data = raw if raw is not None else json.dumps(body) if body is not None else None
    connection.request("GET" if data is None else "POST", path, data, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.headers["Server"] == "simulated-vllm"
    kind = answer.headers["Content-Type"]
    connection.close()
    return answer.status, json.loads(text) if kind == "application/json" else text


def hello(model=CHAT, **more):
    return {"model": model, "messages": [{"role": "user", "content": "hello there"}], **more}


def test_a_completion_has_text_and_usage(ports):
    status, answer = ask(ports["router"], "/v1/chat/completions", hello(), "k1")
    assert status == 200
    assert answer["choices"][0]["message"]["content"]
    usage = answer["usage"]
    assert usage["prompt_tokens"] == 2
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_max_tokens_cuts_the_answer(ports):
    _, answer = ask(ports["router"], "/v1/chat/completions", hello(max_tokens=3), "k1")
    assert answer["usage"]["completion_tokens"] == 3
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_prompt_that_is_too_long_is_refused(ports):
    status, answer = ask(ports["router"], "/v1/completions", {"model": CHAT, "prompt": "x " * 60}, "k1")
    assert status == 400
    assert "maximum context length is 50 tokens" in answer["error"]["message"]


def test_a_stream_ends_with_done(ports):
    status, text = ask(ports["chat"], "/v1/chat/completions", hello(stream=True), "k1")
    assert status == 200
    events = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("key", [None, "wrong"])
def test_no_or_a_wrong_key_is_the_engines_401(ports, key):
    for port in ("router", "chat"):
        assert ask(ports[port], "/v1/chat/completions", hello(), key) == (401, {"error": "Unauthorized"})


@pytest.mark.parametrize("key", [None, "k1"])
def test_the_router_does_not_find_an_unknown_model_whatever_the_key(ports, key):
    text = "Model 'nope' not found. Available models can be listed at /v1/models."
    assert ask(ports["router"], "/v1/chat/completions", hello("nope"), key) == (404, {"error": text})


def test_the_engine_has_other_words_for_an_unknown_model(ports):
    status, answer = ask(ports["chat"], "/v1/chat/completions", hello("nope"), "k1")
    assert (status, answer["error"]["message"]) == (404, "The model `nope` does not exist.")
    assert answer["error"]["type"] == "NotFoundError"


def test_the_router_lists_models_without_a_key_and_the_engine_does_not(ports):
    status, answer = ask(ports["router"], "/v1/models")
    assert status == 200
    assert {card["id"] for card in answer["data"]} == {CHAT, EMBED}
    assert ask(ports["chat"], "/v1/models")[0] == 401
    assert [card["id"] for card in ask(ports["chat"], "/v1/models", key="k1")[1]["data"]] == [CHAT]


def test_requests_that_the_router_cannot_place(ports):
    assert ask(ports["router"], "/v1/completions", {}) == (
        400,
        {"error": "Invalid request: missing 'model' in request body."},
    )
    assert ask(ports["router"], "/v1/completions", raw="{") == (500, "Internal Server Error")


def test_the_wrong_kind_of_model_is_not_found(ports):
    wrong = ask(ports["router"], "/v1/embeddings", {"model": CHAT, "input": "x"}, "k1")
    assert wrong == ask(ports["router"], "/v1/chat/completions", hello(EMBED), "k1") == (404, {"detail": "Not Found"})


def test_invocations_is_open_on_the_engine_and_unknown_to_the_router(ports):
    assert ask(ports["chat"], "/invocations", {"prompt": "x"})[0] == 200
    assert ask(ports["embed"], "/invocations", {"input": "x"})[0] == 200
    assert ask(ports["router"], "/invocations", {"prompt": "x"}) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("path", ["/health", "/version", "/metrics"])
def test_open_paths(ports, path):
    assert {ask(ports[port], path)[0] for port in ports} == {200}


def test_version_says_that_it_is_simulated(ports):
    assert ask(ports["router"], "/version")[1]["simulated"] is True
    assert ask(ports["chat"], "/version")[1]["simulated"] is True


def vectors(port, *texts):
    status, answer = ask(port, "/v1/embeddings", {"model": EMBED, "input": list(texts)}, "k1")
    assert status == 200
    assert [row["index"] for row in answer["data"]] == list(range(len(texts)))
    return [row["embedding"] for row in answer["data"]]


def test_embeddings_are_unit_vectors_of_the_models_dimension_and_repeatable(ports):
    first, second = vectors(ports["router"], "The town hall opens at nine.", "The town hall opens at nine.")
    assert len(first) == 1024
    assert first == second
    assert math.isclose(sum(x * x for x in first), 1.0)


def test_texts_that_mean_the_same_are_nearer():
    a, b, c = (
        embed(t, 1024)
        for t in ("The town hall opens at nine.", "At nine the town hall is opened.", "Bananas are yellow.")
    )
    near, far = (sum(x * y for x, y in zip(a, other, strict=True)) for other in (b, c))
    assert near > 0.5 > far + 0.2


def test_an_empty_text_has_a_vector_too():
    assert embed("", 8) == [1.0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("model", "size"), [(EMBED, 1024), ("x/all-MiniLM-L6-v2", 384), ("who/knows", 1024)])
def test_dimensions(model, size):
    assert dimension_of(model) == size


def test_fault_wrong_dimension_hits_the_named_model_only(ports, faults):
    faults["wrong-dimension"] = [EMBED]
    assert len(vectors(ports["router"], "x")[0]) == 512
    faults["wrong-dimension"] = ["other"]
    assert len(vectors(ports["router"], "x")[0]) == 1024


def test_fault_nan(ports, faults):
    faults["nan"] = True
    assert math.isnan(vectors(ports["router"], "x")[0][0])


def test_fault_wrong_key_makes_the_router_lose_the_model(ports, faults):
    ask(ports["router"], "/v1/models")
    faults["wrong-key"] = [CHAT]
    assert ask(ports["chat"], "/v1/models", key="k1")[0] == 401
    assert ask(ports["router"], "/v1/chat/completions", hello(), "k1")[0] == 503
    assert [card["id"] for card in ask(ports["router"], "/v1/models")[1]["data"]] == [EMBED]


def test_fault_down_drops_the_connection(ports, faults):
    faults["down"] = True
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        ask(ports["chat"], "/health")


def test_fault_slow_takes_its_seconds(ports, faults):
    faults["slow"] = 0.05
    assert ask(ports["chat"], "/health")[0] == 200


def test_an_engine_that_is_not_ready_is_unknown_to_a_fresh_router(engines):
    waiting = Engine("m", "instruct", 0, None, ready=False)
    assert Router(lambda: [waiting], None).answer("POST", "/v1/completions", None, b'{"model": "m"}')[0] == 404


def test_a_router_with_another_key_knows_no_model(engines):
    assert Router(lambda: engines, "other").engines() == []
    assert len(Router(lambda: engines, "k1").engines()) == 2
