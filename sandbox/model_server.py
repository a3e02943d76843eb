# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for vLLM engines and for the production-stack router: HTTP servers on loopback, one a pod.

They speak the part of the OpenAI protocol that a verification uses and keep the quirks of the real programs: the
engine guards ``/v1`` only, the router has no key check of its own, knows models that it could list with its own key,
and answers an unknown model with 404 before anybody looks at a key. Texts come from a formula, not from a model;
every answer carries ``Server: simulated-vllm``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.embedding import embed

Answer = tuple[int, Any]
SERVER = "simulated-vllm"
SLOW_SECONDS = 3.0
NOT_FOUND: Answer = (404, {"detail": "Not Found"})
UNAUTHORIZED: Answer = (401, {"error": "Unauthorized"})
CONTEXT = (
    "This model's maximum context length is {limit} tokens. However, you requested {asked} tokens "
    "({prompt} in the messages, {completion} in the completion). "
    "Please reduce the length of the messages or completion."
)


class Dropped(Exception):
    """The connection is closed without an answer: nothing listens in a pod whose model still loads."""


@dataclass
class Engine:
    """A simulated ``vllm serve``: one model. ``key`` None: it asks nobody for a key."""

    model: str
    role: str  # instruct or embeddings
    dimension: int
    key: str | None
    max_model_len: int = 16384
    version: str = "0.12.0"
    name: str = "engine"  # its pod
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    address: str = "10.244.0.1"
    ready: bool = True
    faults: Callable[[], Mapping[str, Any]] = dict
    started: int = field(default_factory=lambda: int(time.time()))

    def fault(self, name: str) -> Any:
        """Return the setting of a fault that is on for this model, else None: true, a number, or a list of models."""
        value = self.faults().get(name)
        if isinstance(value, Mapping):
            return value.get(self.model)
        if isinstance(value, list):
            return self.model in value or None
        return value or None

    def authorised(self, header: str | None) -> bool:
        """Tell whether a request's Authorization header opens ``/v1``."""
        if self.fault("wrong-key"):
            return False
        return self.key is None or header == f"Bearer {self.key}"

    def answer(self, method: str, path: str, header: str | None, body: bytes) -> Answer:
        """Answer one request as an engine."""
        if self.fault("down"):
            raise Dropped
        slow = self.fault("slow")
        if slow:
            time.sleep(SLOW_SECONDS if slow is True else float(slow))
        if path.startswith("/v1") and not self.authorised(header):
            return UNAUTHORIZED
        return self.get(path) if method == "GET" else self.post(path, body)

    def post(self, path: str, body: bytes) -> Answer:
        """Answer the POST paths of the engine's role."""
        paths = {"/v1/chat/completions": self.chat, "/v1/completions": self.complete, "/invocations": self.invoke}
        if self.role == "embeddings":
            paths = dict.fromkeys(("/v1/embeddings", "/pooling", "/invocations"), self.embeddings)
        paths["/tokenize"] = self.tokenize
        if path not in paths:
            return NOT_FOUND
        request = parsed(body)
        if request is None:
            return 400, error("Invalid JSON body.", "BadRequestError", 400)
        if request.get("model", self.model) != self.model:
            return 404, error(f"The model `{request['model']}` does not exist.", "NotFoundError", 404)
        return paths[path](request)

    def get(self, path: str) -> Answer:
        """Answer the GET paths, all of them open except ``/v1/models``."""
        card = {
            "id": self.model,
            "object": "model",
            "created": self.started,
            "owned_by": "vllm",
            "root": self.model,
            "parent": None,
            "max_model_len": self.max_model_len,
        }
        return {
            "/health": (200, ""),
            "/ping": (200, ""),
            "/version": (200, {"version": self.version, "simulated": True}),
            "/load": (200, {"server_load": 0}),
            "/metrics": (200, f'vllm:num_requests_running{{engine="0",model_name="{self.model}"}} 0.0\n'),
            "/v1/models": (200, {"object": "list", "data": [card]}),
        }.get(path, NOT_FOUND)

    def invoke(self, request: dict[str, Any]) -> Answer:
        """``/invocations``: a completion of either kind, without a key."""
        return self.chat(request) if "messages" in request else self.complete(request)

    def tokenize(self, request: dict[str, Any]) -> Answer:
        """``/tokenize``."""
        words = str(request.get("prompt", "")).split()
        return 200, {"count": len(words), "max_model_len": self.max_model_len, "tokens": list(range(len(words)))}

    def chat(self, request: dict[str, Any]) -> Answer:
        """``/v1/chat/completions``."""
        messages = request.get("messages")
        if not isinstance(messages, list) or not messages:
            return 400, error("messages: Field required", "BadRequestError", 400)
        prompt = " ".join(content(message) for message in messages)
        text, finish, usage, refused = self.generate(prompt, request)
        if refused:
            return refused
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "tool_calls": []},
            "logprobs": None,
            "finish_reason": finish,
        }
        return 200, {
            "id": f"chatcmpl-{self.started:x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [choice],
            "usage": usage,
        }

    def complete(self, request: dict[str, Any]) -> Answer:
        """``/v1/completions``."""
        prompt = request.get("prompt")
        if prompt is None:
            return 400, error("prompt: Field required", "BadRequestError", 400)
        text, finish, usage, refused = self.generate(str(prompt), request)
        if refused:
            return refused
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
        return 200, {
            "id": f"cmpl-{self.started:x}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [choice],
            "usage": usage,
        }

    def generate(self, prompt: str, request: dict[str, Any]) -> tuple[str, str, dict[str, int], Answer | None]:
        """Return (text, finish reason, usage, refusal) for a prompt; a token is a word here."""
        asked = request.get("max_completion_tokens") or request.get("max_tokens") or 16
        prompt_tokens = len(prompt.split())
        total = prompt_tokens + int(asked)
        if total > self.max_model_len:
            text = CONTEXT.format(limit=self.max_model_len, asked=total, prompt=prompt_tokens, completion=asked)
            return "", "", {}, (400, error(text, "BadRequestError", 400))
        words = f"Simulated answer of {self.model} to {prompt_tokens} words; no model was asked.".split()
        used = words[: int(asked)]
        if self.fault("empty"):
            used = []
        usage = {
            "prompt_tokens": prompt_tokens,
            "total_tokens": prompt_tokens + len(used),
            "completion_tokens": len(used),
        }
        return " ".join(used), "stop" if len(used) == len(words) else "length", usage, None

    def embeddings(self, request: dict[str, Any]) -> Answer:
        """``/v1/embeddings``: strings, lists of strings or of token numbers."""
        given = request.get("input")
        if not given:
            return 400, error("input: Field required", "BadRequestError", 400)
        texts = [given] if isinstance(given, str) else given
        if texts and isinstance(texts[0], int):
            texts = [" ".join(map(str, texts))]
        dimension = self.dimension // 2 if self.fault("wrong-dimension") else self.dimension
        data, tokens = [], 0
        for index, text in enumerate(map(str, texts)):
            tokens += len(text.split()) + 2
            vector: list[float | None] = [*embed(text, dimension)]
            if self.fault("nan"):
                vector[0] = float("nan")
            data.append({"index": index, "object": "embedding", "embedding": vector})
        usage = {"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0, "prompt_tokens_details": None}
        return 200, {
            "id": f"embd-{self.started:x}",
            "object": "list",
            "created": int(time.time()),
            "model": self.model,
            "data": data,
            "usage": usage,
        }


def parsed(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object of a body, None where it is none."""
    try:
        request = json.loads(body)
    except ValueError:
        return None
    return request if isinstance(request, dict) else None


def content(message: Any) -> str:
    """Return the text of a chat message."""
    value = message.get("content", "") if isinstance(message, Mapping) else ""
    return (
        value
        if isinstance(value, str)
        else " ".join(str(part.get("text", "")) for part in value if isinstance(part, Mapping))
    )


def error(message: str, kind: str, code: int) -> dict[str, Any]:
    """Return an engine's error body."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


@dataclass
class Router:
    """A simulated production-stack router in front of the engines that ``discover`` returns."""

    discover: Callable[[], Iterable[Engine]]
    key: str | None
    version: str = "0.1.8"
    seen: set[str] = field(default_factory=set)

    def engines(self) -> list[Engine]:
        """Return the ready engines whose ``/v1/models`` answered the router's own key."""
        header = f"Bearer {self.key}" if self.key else None
        return [
            engine
            for engine in self.discover()
            if engine.ready and not engine.fault("down") and engine.authorised(header)
        ]

    def answer(self, method: str, path: str, header: str | None, body: bytes) -> Answer:
        """Answer one request as the router."""
        engines = self.engines()
        self.seen.update(engine.model for engine in engines)
        if method == "GET":
            return self.get(path, engines)
        if path not in (
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/embeddings",
            "/tokenize",
            "/detokenize",
            "/score",
            "/v1/score",
            "/rerank",
            "/v1/rerank",
        ):
            return NOT_FOUND
        try:
            request = json.loads(body)
        except ValueError:
            return 500, "Internal Server Error"
        model = request.get("model") if isinstance(request, dict) else None
        if not model:
            return 400, {"error": "Invalid request: missing 'model' in request body."}
        for engine in engines:
            if engine.model == model:
                return engine.answer(method, path, header, body)
        if model in self.seen:
            return 503, {"error": f"Model '{model}' is temporarily unavailable. Please try again later."}
        return 404, {"error": f"Model '{model}' not found. Available models can be listed at /v1/models."}

    def get(self, path: str, engines: list[Engine]) -> Answer:
        """Answer the GET paths, none of which asks for a key."""
        cards = {
            engine.model: {
                "id": engine.model,
                "object": "model",
                "created": engine.started,
                "owned_by": "vllm",
                "root": None,
                "parent": None,
            }
            for engine in engines
        }
        listed = [
            {"engine_id": engine.name, "serving_models": engine.model, "created": engine.started} for engine in engines
        ]
        metrics = "".join(
            f'vllm:healthy_pods_total{{server="http://{engine.address}:8000"}} 1.0\n' for engine in engines
        )
        return {
            "/health": (200, {"status": "healthy"}),
            "/version": (200, {"version": self.version, "simulated": True}),
            "/v1/models": (200, {"object": "list", "data": list(cards.values())}),
            "/engines": (200, listed),
            "/metrics": (200, metrics),
        }.get(path, NOT_FOUND)


class Handler(BaseHTTPRequestHandler):
    """Carries requests to an Engine or a Router (``target``) and answers back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # as in uvicorn: without it every answer waits 40 ms for an acknowledgement
    timeout = 60
    target: Callable[[], Engine | Router]

    def version_string(self) -> str:
        return SERVER

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name of the base class
        """Keep the log free of requests."""

    def respond(self) -> None:
        """Answer the current request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?", 1)[0]
        try:
            status, payload = self.target().answer(self.command, path, self.headers.get("Authorization"), body)
        except Dropped:
            self.close_connection = True
            return
        if status == 200 and path.endswith("completions") and wants_stream(body):
            self.send("text/event-stream", 200, stream(payload))
        elif isinstance(payload, str):
            self.send("text/plain; charset=utf-8", status, payload.encode())
        else:
            self.send("application/json", status, json.dumps(payload, separators=(",", ":")).encode())

    def send(self, kind: str, status: int, body: bytes) -> None:
        """Write one whole answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = respond  # noqa: N815 - names of the base class


def wants_stream(body: bytes) -> bool:
    """Tell whether the request asks for server-sent events."""
    return json.loads(body).get("stream") is True


def stream(payload: dict[str, Any]) -> bytes:
    """Return a completion as server-sent events: one a word, then ``[DONE]``."""
    choice = payload["choices"][0]
    chat = "message" in choice
    words = (choice["message"]["content"] if chat else choice["text"]).split()
    base = {key: payload[key] for key in ("id", "created", "model")}
    events = []
    for position, word in enumerate(words, 1):
        part = {"delta": {"role": "assistant", "content": f"{word} "}} if chat else {"text": f"{word} "}
        finish = choice["finish_reason"] if position == len(words) else None
        kind = "chat.completion.chunk" if chat else "text_completion"
        events.append({**base, "object": kind, "choices": [{"index": 0, **part, "finish_reason": finish}]})
    return b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events) + b"data: [DONE]\n\n"


class Listener:
    """One HTTP server on 127.0.0.1; ``port`` 0 takes a free one."""

    def __init__(self, target: Callable[[], Engine | Router], port: int = 0) -> None:
        handler = type("Bound", (Handler,), {"target": staticmethod(target)})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.2,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
