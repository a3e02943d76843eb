# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``vllm_models`` as people write it, read into :class:`ModelRequest`; everything that is wrong is a finding."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..findings import Finding, finding
from ..suggest import did_you_mean
from . import fields as f
from .limits import limits
from .memory import ACTIVATION, QUANTIZED_BYTES
from .models import EAGER_WAYS, EngineSettings, ModelFacts, ModelRequest, Pin, Role
from .models_catalogue import BY_NAME, MODELS, KnownModel, known_model

LABEL_KEY = r"([a-z0-9A-Z.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
REPOSITORY = r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*"
DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")

ENTRY: f.Fields = {
    "name": f.text(
        r"[a-z]([a-z0-9-]*[a-z0-9])?",
        "lower-case letters, digits and dashes, first a letter, at most 40 characters",
        longest=40,
    ),
    "model": f.text(r"[A-Za-z0-9][A-Za-z0-9_./-]*", "a catalogue name or a Hub repository such as org/name"),
    "role": f.choice(*(role.value for role in Role)),
    "image": f.text(r"[a-z0-9][A-Za-z0-9_./:-]*[A-Za-z0-9]", "an image repository without a tag"),
    "tag": f.text(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", "an image tag such as v0.12.0"),
    "cpu": f.amount("4 or 500m"),
    "memory": f.amount("56Gi"),
    "gpu": f.integer(1, 64),
    "gpu_resource": f.text(
        r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9][A-Za-z0-9_.-]*",
        "an extended resource such as nvidia.com/gpu or nvidia.com/mig-3g.40gb",
    ),
    "storage": f.amount("200Gi"),
    "storage_class": f.text(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", "the name of a StorageClass"),
    "replicas": f.integer(1, 100),
    "vllm": f.nested(),
    "placement": f.nested(),
    "env": f.mapping(r"[A-Za-z_][A-Za-z0-9_]*", "a mapping of environment variables to text", secret=True),
    "spec": f.nested(),
}
ENGINE: f.Fields = {
    "max_model_len": f.integer(16, 10_000_000),
    "dtype": f.choice(*DTYPES),
    "max_num_seqs": f.integer(1, 100_000),
    "max_num_batched_tokens": f.integer(1, 10_000_000),
    "gpu_memory_utilization": f.number(0, 0.99),
    "tensor_parallel_size": f.integer(1, 64),
    "enable_chunked_prefill": f.switch(),
    "enable_prefix_caching": f.switch(),
    "kv_cache_dtype": f.text(r"[a-z0-9_]+", "auto, bfloat16, fp8 or another cache dtype of vLLM", longest=40),
    "eager": f.choice(*EAGER_WAYS),
    "extra_args": f.strings("a list of command line elements, one a flag or a value"),
}
PLACEMENT: f.Fields = {
    # Upper case, which no node name has, so that a product written here gets the hint where it belongs.
    "node": f.text(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", "the name of a node"),
    "product": f.text(r"\S(.*\S)?", "the value of the label nvidia.com/gpu.product"),
    "labels": f.mapping(LABEL_KEY, "a mapping of node labels to values"),
    "expression": f.text(r"(?s).*\S.*", "a JMESPath expression over a node", longest=2000),
}
SPEC: f.Fields = {
    "repository": f.text(REPOSITORY, "a Hub repository such as org/name"),
    "parameters": f.integer(1_000_000, 10**13),
    "layers": f.integer(1, 1000),
    "kv_heads": f.integer(1, 1024),
    "head_dim": f.integer(1, 4096),
    "context": f.integer(16, 10_000_000),
    "architecture": f.choice(*ACTIVATION),
    "dtype": f.choice("bfloat16", "float16", "float32"),
    "quantization": f.choice(*QUANTIZED_BYTES),
    "kept_parameters": f.integer(0, 10**13),
    "disk_gib": f.number(0, 100_000),
    "weights_gib": f.number(0, 100_000),
    "embedding_dimension": f.integer(1, 100_000),
    "gated": f.switch(),
    "attention_heads": f.integer(1, 1024),
    "vocabulary": f.integer(1, 10_000_000),
    "latent_dim": f.integer(1, 100_000),
    "sliding_window": f.integer(1, 10_000_000),
    "global_layers": f.integer(1, 1000),
    "activation_gib": f.number(0, 10_000),
}
SPEC_REQUIRED = ("parameters", "layers", "kv_heads", "head_dim", "context")

SECRET_ENV = re.compile(r"(?i)(^|_)(token|api_key|password|secret)s?$")
SECRET_FLAGS = ("--api-key", "--hf-token")

INSTRUCT_ENGINE = {"enable_chunked_prefill": True, "enable_prefix_caching": True}
POOLING_ENGINE = {"enable_chunked_prefill": False, "enable_prefix_caching": False}
ROLE_DEFAULTS: dict[Role, dict[str, Any]] = {
    Role.INSTRUCT: {"memory": "56Gi", "storage": "200Gi"},
    Role.EMBEDDINGS: {"memory": "16Gi", "storage": "10Gi"},
    Role.RERANK: {"memory": "16Gi", "storage": "10Gi"},
}


def parse_models(
    raw: Any, *, default_tag: str | None, path: str = "vllm_models"
) -> tuple[list[ModelRequest], list[Finding]]:
    """Read ``vllm_models``: the entries that are right, and a finding for everything that is not.

    ``default_tag`` is the image tag of entries that name none. An empty list is a finding. Never raises.
    """
    if not isinstance(raw, list | tuple):
        return [], [finding("planning-models-invalid", path, f"is {f.show(raw)}, not a list of models")]
    if not raw:
        return [], [finding("planning-models-empty", path, "no model is asked for")]
    requests: list[ModelRequest] = []
    findings: list[Finding] = []
    for index, entry in enumerate(raw):
        request, found = _entry(entry, default_tag, f"{path}[{index}]")
        findings += found
        requests += [request] if request else []
    return requests, findings + _duplicates(raw, path)


def request_to_dict(request: ModelRequest) -> dict[str, Any]:
    """Plain data, as a module returns it."""
    data = asdict(request)
    data["role"] = request.role.value
    data["vllm"]["extra_args"] = list(request.vllm.extra_args)
    return data


def request_from_dict(data: dict[str, Any]) -> ModelRequest:
    """The inverse of :func:`request_to_dict`."""
    engine = {**data["vllm"], "extra_args": tuple(data["vllm"]["extra_args"])}
    parts = {
        "role": Role(data["role"]),
        "facts": ModelFacts(**data["facts"]),
        "vllm": EngineSettings(**engine),
        "placement": Pin(**data["placement"]),
    }
    return ModelRequest(**{**data, **parts})


def _corrected(facts: ModelFacts, spec: dict[str, Any]) -> ModelFacts:
    """Catalogue facts with single ones replaced. The sizes of the 16-bit files say nothing about a quantised model."""
    if "quantization" in spec:
        facts = replace(facts, weights_gib=None, disk_gib=None)
    return replace(facts, **spec)


@dataclass(frozen=True)
class Entry:
    """One entry whose fields are right one by one: its own values, those of its parts, and the catalogue's."""

    path: str
    values: dict[str, Any]
    parts: dict[str, dict[str, Any]]
    known: KnownModel | None


def _entry(raw: object, default_tag: str | None, path: str) -> tuple[ModelRequest | None, list[Finding]]:
    values, findings = f.read_fields(raw, ENTRY, path)
    parts = {}
    for key, fields in (("vllm", ENGINE), ("placement", PLACEMENT), ("spec", SPEC)):
        parts[key], found = f.read_fields(values.pop(key, {}), fields, f"{path}.{key}")
        findings += found
    values.setdefault("tag", default_tag)
    entry = Entry(path, values, parts, known_model(values.get("model", "")))
    findings = findings or [found for check in CHECKS for found in check(entry)]
    if findings:
        return None, findings
    request = _request(entry)
    findings = limits(request, path)
    return (None if findings else request), findings


def _request(entry: Entry) -> ModelRequest:
    values, known, spec = dict(entry.values), entry.known, entry.parts["spec"]
    model, role = values.pop("model"), Role(values.pop("role", known.role if known else None))
    facts = _corrected(known.facts, spec) if known else ModelFacts(**{"repository": model, **spec})
    gpus = values.get("gpu", 1)
    engine = {
        **(POOLING_ENGINE if role.pooling else INSTRUCT_ENGINE),
        # More than one GPU is only used, and /dev/shm only enlarged, by tensor parallelism.
        "tensor_parallel_size": gpus if gpus > 1 else None,
        "extra_args": known.extra_args if known else (),
        **entry.parts["vllm"],
    }
    return ModelRequest(
        **{**ROLE_DEFAULTS[role], **values},
        role=role,
        facts=facts,
        vllm=EngineSettings(**engine),
        placement=Pin(**entry.parts["placement"]),
    )


def _complete(entry: Entry) -> list[Finding]:
    needed = {
        "name": "a name for the engine",
        "model": f"one of {', '.join(MODELS)}, or a Hub repository with spec",
        "tag": "an image tag, or vllm_image_tag for all models",
    }
    if not entry.known and "/" in entry.values.get("model", ""):
        needed["role"] = "one of " + ", ".join(role.value for role in Role)
    return [
        finding("planning-key-missing", f"{entry.path}.{key}", f"is missing; give {what}")
        for key, what in needed.items()
        if not entry.values.get(key)
    ]


def _facts_known(entry: Entry) -> list[Finding]:
    model = entry.values.get("model")
    if entry.known or not model:
        return []
    missing = [key for key in SPEC_REQUIRED if key not in entry.parts["spec"]]
    if not re.fullmatch(REPOSITORY, entry.parts["spec"].get("repository", model)):
        hint = did_you_mean(model, BY_NAME)
        message = f"'{model}' is neither in the catalogue nor a Hub repository{hint}; known are {', '.join(MODELS)}"
        return [finding("planning-model-unknown", f"{entry.path}.model", message)]
    if missing:
        message = f"'{model}' is not in the catalogue{did_you_mean(model, BY_NAME)}; spec lacks {', '.join(missing)}"
        return [finding("planning-facts-missing", f"{entry.path}.spec", message)]
    return []


def _role_suits(entry: Entry) -> list[Finding]:
    architecture = entry.parts["spec"].get("architecture", entry.known.facts.architecture if entry.known else "dense")
    if architecture != "encoder" or entry.values.get("role") != Role.INSTRUCT.value:
        return []
    message = f"an encoder cannot generate text; allowed are {Role.EMBEDDINGS.value} and {Role.RERANK.value}"
    return [finding("planning-role-unsuitable", f"{entry.path}.role", message)]


def _no_secrets(entry: Entry) -> list[Finding]:
    flags = [element.partition("=")[0].replace("_", "-") for element in entry.parts["vllm"].get("extra_args", ())]
    places = [f"env.{key}" for key in entry.values.get("env", {}) if SECRET_ENV.search(key)]
    places += [f"vllm.extra_args[{index}]" for index, flag in enumerate(flags) if flag in SECRET_FLAGS]
    return [
        finding(
            "planning-secret-in-plain-text", f"{entry.path}.{place}", "would put a secret into Git; it is not shown"
        )
        for place in places
    ]


def _tensor_parallel(entry: Entry) -> list[Finding]:
    gpus, parallel = entry.values.get("gpu", 1), entry.parts["vllm"].get("tensor_parallel_size")
    if parallel in (None, gpus):
        return []
    message = f"is {parallel}, but the model gets {gpus} GPU(s); allowed is {gpus}, or nothing"
    return [finding("planning-tensor-parallel-mismatch", f"{entry.path}.vllm.tensor_parallel_size", message)]


def _spec_consistent(entry: Entry) -> list[Finding]:
    spec = {**(asdict(entry.known.facts) if entry.known else {}), **entry.parts["spec"]}
    wrong = [
        f"{small} is {spec[small]}, more than {large} ({spec[large]})"
        for small, large in (("kept_parameters", "parameters"), ("global_layers", "layers"))
        if (spec.get(small) or 0) > (spec.get(large) or float("inf"))
    ]
    if bool(spec.get("sliding_window")) != bool(spec.get("global_layers")):
        wrong.append("sliding_window and global_layers must be given together")
    return [finding("planning-value-invalid", f"{entry.path}.spec", message) for message in wrong]


CHECKS: tuple[Callable[[Entry], list[Finding]], ...] = (
    _complete,
    _facts_known,
    _spec_consistent,
    _role_suits,
    _no_secrets,
    _tensor_parallel,
)


def _duplicates(raw: list[Any] | tuple[Any, ...], path: str) -> list[Finding]:
    first: dict[str, int] = {}
    findings = []
    for index, entry in enumerate(raw):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and first.setdefault(name, index) != index:
            message = f"'{f.show(name)[1:-1]}' is already the name of {path}[{first[name]}]"
            findings.append(finding("planning-name-duplicate", f"{path}[{index}].name", message))
    return findings
