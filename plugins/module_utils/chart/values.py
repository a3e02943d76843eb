# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the values of the wrapper chart from models, plan and settings.

Only what differs from the chart's defaults, or what a reader must see, is written; nothing is read back. The order is
fixed, so the same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..engine.embeddings import GRAPH_OPTIONS, RUNNER_OPTIONS, RUNNER_SINCE, eager_arguments, pooling_runner
from ..engine.table import table
from ..engine.versions import engine_version, order
from ..findings import Finding, Refusal, finding
from ..planning.models import ModelRequest, Role
from ..planning.plan import Placement, Plan
from .settings import ChartSettings

EXPONENT = 1_000_000
"""From here on Helm writes an unquoted number with an exponent, which vLLM refuses."""

DEFAULT_GPU = "nvidia.com/gpu"

Row = tuple[str, Any, str]
"""Key below modelSpec[] (dotted), value (None = not written), option of vllm_models[] that it comes from."""


@dataclass(frozen=True)
class Built:
    """The chart's values (below the alias), and for the paths that come from an option, that option."""

    values: dict[str, Any]
    origins: dict[str, str]

    def wrapped(self, alias: str) -> dict[str, Any]:
        """As the wrapper chart's values.yaml holds them."""
        return {alias: self.values}


def build_values(models: tuple[ModelRequest, ...], plan: Plan, settings: ChartSettings) -> Built:
    """The values of a site. Raises a Refusal where models and plan do not belong together, or there is no model."""
    problems = list(_disagreements(models, plan)) + list(_extra(settings))
    if problems:
        raise Refusal(problems)
    origins: dict[str, str] = {}
    specs = []
    for index, model in enumerate(models):
        spec: dict[str, Any] = {}
        for key, value, option in _rows(model, plan.of(model.name), settings):
            if value is not None:
                _set(spec, key, value)
                origins[f"servingEngineSpec.modelSpec[{index}].{key}"] = f"vllm_models[{index}].{option}"
        specs.append(spec)
        origins.update(_extra_origins(index, model, spec))
    values = {"servingEngineSpec": _engine(plan, settings, specs), "routerSpec": _router(settings)}
    return Built(_overlay(values, settings.extra_values), origins)


# ---------------------------------------------------------------------------------------------------- a model


def _rows(model: ModelRequest, placement: Placement, settings: ChartSettings) -> Iterator[Row]:
    yield from (
        ("name", model.name, "name"),
        ("repository", model.image, "image"),
        ("tag", model.tag, "tag"),
        ("modelURL", model.repository, "model"),
        ("replicaCount", model.replicas, "replicas"),
        ("requestCPU", plain_number(model.cpu), "cpu"),
        ("requestMemory", model.memory, "memory"),
        ("requestGPU", placement.gpus, "gpu"),
        ("requestGPUType", _other(placement.gpu_resource, DEFAULT_GPU), "gpu_resource"),
        ("pvcStorage", model.storage, "storage"),
        ("storageClass", model.storage_class, "storage_class"),
    )
    yield from _engine_rows(model, placement, settings)
    if settings.hf_secret:
        yield "hf_token", settings.hf_secret.to_values(), "model"
    yield "env", [{"name": name, "value": str(value)} for name, value in model.env.items()] or None, "env"
    yield "nodeSelectorTerms", _terms(placement), "placement"


def _engine_rows(model: ModelRequest, placement: Placement, settings: ChartSettings) -> Iterator[Row]:
    vllm = model.vllm
    parallel = vllm.tensor_parallel_size or (placement.gpus if placement.gpus > 1 else None)
    chunked, caching = _prefill(model)
    yield from (
        ("vllmConfig.enableChunkedPrefill", chunked, "vllm.enable_chunked_prefill"),
        ("vllmConfig.enablePrefixCaching", caching, "vllm.enable_prefix_caching"),
        ("vllmConfig.maxModelLen", plain_number(vllm.max_model_len), "vllm.max_model_len"),
        ("vllmConfig.dtype", vllm.dtype, "vllm.dtype"),
        ("vllmConfig.tensorParallelSize", parallel, "vllm.tensor_parallel_size"),
        ("vllmConfig.maxNumSeqs", plain_number(vllm.max_num_seqs), "vllm.max_num_seqs"),
        ("vllmConfig.gpuMemoryUtilization", vllm.gpu_memory_utilization, "vllm.gpu_memory_utilization"),
    )
    if _chart_has_runner(model, settings):
        yield "vllmConfig.runner", "pooling", "role"
    yield "vllmConfig.extraArgs", list(_arguments(model, settings)) or None, "vllm.extra_args"


def _prefill(model: ModelRequest) -> tuple[bool | None, bool]:
    """Chunked prefill and prefix caching: on for instruct models, off for pooling models, unless said otherwise.

    Off is left unsaid (None) where the engine has no word for it: before 0.8.5 it knows no --no-enable-chunked-prefill.
    """
    vllm, on = model.vllm, not model.role.pooling
    version = _version(model)
    sayable = on or version is None or "--no-enable-chunked-prefill" in table(version).options
    chunked = vllm.enable_chunked_prefill if vllm.enable_chunked_prefill is not None else (on if sayable else None)
    return chunked, on if vllm.enable_prefix_caching is None else vllm.enable_prefix_caching


def _arguments(model: ModelRequest, settings: ChartSettings) -> Iterator[str]:
    """The arguments that the chart has no key for: those that the role needs, then settings, then the operator's."""
    yield from _own_arguments(model, settings)
    yield from (str(argument) for argument in model.vllm.extra_args)


def _own_arguments(model: ModelRequest, settings: ChartSettings) -> Iterator[str]:
    vllm = model.vllm
    if model.role.pooling:
        version = _version(model)
        if not _chart_has_runner(model, settings) and not _decides(model, RUNNER_OPTIONS):
            yield from pooling_runner(version, "score" if model.role is Role.RERANK else "embed")
    if not _decides(model, GRAPH_OPTIONS):
        yield from eager_arguments(vllm.eager or ("enforce-eager" if model.role.pooling else "none"), _version(model))
    if vllm.max_num_batched_tokens is not None:
        yield from ("--max-num-batched-tokens", str(vllm.max_num_batched_tokens))
    if vllm.kv_cache_dtype is not None:
        yield from ("--kv-cache-dtype", vllm.kv_cache_dtype)


def _chart_has_runner(model: ModelRequest, settings: ChartSettings) -> bool:
    """Whether the runner goes into vllmConfig.runner: chart 0.1.9 on, an engine with --runner, nothing said by hand."""
    version = _version(model)
    new = version is None or order(version) >= order(RUNNER_SINCE)
    return (
        model.role.pooling and new and settings.release_of_chart.since("0.1.9") and not _decides(model, RUNNER_OPTIONS)
    )


def _version(model: ModelRequest) -> str | None:
    return engine_version(model.image, model.tag).table


def _decides(model: ModelRequest, names: frozenset[str]) -> bool:
    """Whether the operator's own arguments already decide about one of these options."""
    version = _version(model)
    options = table(version).options if version else {}
    for argument in model.vllm.extra_args:
        text = str(argument).partition("=")[0].partition(".")[0]
        name = (
            "--" + text[2:].replace("_", "-") if text.startswith("--") else text[:2] if text.startswith("-O") else text
        )
        if name in names or (name in options and options[name].canonical in names):
            return True
    return False


def _extra_origins(index: int, model: ModelRequest, spec: dict[str, Any]) -> dict[str, str]:
    """Which elements of extraArgs the operator wrote: they come last."""
    total = len(spec["vllmConfig"].get("extraArgs", ()))
    own = total - len(model.vllm.extra_args)
    base = f"servingEngineSpec.modelSpec[{index}].vllmConfig.extraArgs"
    return {f"{base}[{own + i}]": f"vllm_models[{index}].vllm.extra_args[{i}]" for i in range(total - own)}


def _terms(placement: Placement) -> list[dict[str, Any]] | None:
    """One term with all requirements: terms are ORed, what stands in one is ANDed."""
    expressions = [{"key": r.key, "operator": r.operator, **_values(r.values)} for r in placement.selector]
    return [{"matchExpressions": expressions}] if expressions else None


def _values(values: tuple[str, ...]) -> dict[str, list[str]]:
    return {"values": list(values)} if values else {}


# ------------------------------------------------------------------------------------------- around the models


def _engine(plan: Plan, settings: ChartSettings, specs: list[dict[str, Any]]) -> dict[str, Any]:
    engine: dict[str, Any] = {
        "strategy": {"type": "Recreate"},
        "runtimeClassName": settings.runtime_class,
        "tolerations": [dict(toleration) for toleration in settings.tolerations],
        "vllmApiKey": settings.api_secret.to_values(),
    }
    if plan.startup_failure_threshold is not None:
        engine["startupProbe"] = {"failureThreshold": plan.startup_failure_threshold}
    engine["modelSpec"] = specs
    return engine


def _router(settings: ChartSettings) -> dict[str, Any]:
    router = settings.router
    return {
        "repository": router.repository,
        "tag": router.tag or settings.release_of_chart.router_commit,
        "imagePullPolicy": "IfNotPresent",
        "replicaCount": router.replicas,
        "resources": {
            "requests": {"cpu": router.cpu, "memory": router.memory},
            "limits": {"memory": router.memory_limit},
        },
    }


def _disagreements(models: tuple[ModelRequest, ...], plan: Plan) -> Iterator[Finding]:
    if not models:
        yield finding("values-no-models", "vllm_models", "is empty: the chart would run a router without engines")
    placed = {placement.model: placement for placement in plan.placements}
    for index, model in enumerate(models):
        subject = f"vllm_models[{index}]"
        if model.name not in placed:
            known = ", ".join(placed) or "none"
            yield finding(
                "values-plan-mismatch", subject, f"the plan has no placement for {model.name!r} (it has {known})"
            )
        elif placed[model.name].gpus < 1:
            yield finding("values-plan-mismatch", f"{subject}.gpu", "the plan gives this model no GPU")


def _extra(settings: ChartSettings) -> Iterator[Finding]:
    engine = settings.extra_values.get("servingEngineSpec")
    if isinstance(engine, dict) and "modelSpec" in engine:
        yield finding(
            "values-extra-model-spec",
            "extra_values.servingEngineSpec.modelSpec",
            "a list replaces the whole list: the models of vllm_models would be gone",
        )


def _overlay(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` merged into ``base`` as Helm merges values: maps key by key, everything else replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _overlay(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return merged


def _set(spec: dict[str, Any], key: str, value: Any) -> None:
    head, _unused, rest = key.partition(".")
    if rest:
        _set(spec.setdefault(head, {}), rest, value)
    else:
        spec[head] = value


def _other(value: str, default: str) -> str | None:
    return None if value == default else value


def plain_number(value: Any) -> Any:
    """A number as people write it where Helm leaves it alone, quoted (a string) where Helm would write an exponent."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXPONENT else value
