# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument list that the chart renders for each model, release by release: what vLLM's parser gets.

Read from templates/deployment-vllm-multi.yaml of the tags vllm-stack-0.1.8 to vllm-stack-0.1.12. The first element is
the model; the list is what follows ``vllm serve``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from ..engine.arguments import Argument
from .keys import models
from .releases import Release

SWITCHES = (("enableLoRA", "--enable-lora"), ("enableTool", "--enable-auto-tool-choice"))

CONFIG = (
    ("maxModelLen", "--max-model-len", "0.1.8"),
    ("dtype", "--dtype", "0.1.8"),
    ("tensorParallelSize", "--tensor-parallel-size", "0.1.8"),
    ("maxNumSeqs", "--max-num-seqs", "0.1.8"),
    ("gpuMemoryUtilization", "--gpu_memory_utilization", "0.1.8"),
    ("maxLoras", "--max_loras", "0.1.8"),
    ("runner", "--runner", "0.1.9"),
    ("convert", "--convert", "0.1.9"),
)
"""Key of vllmConfig, its option, the first release that renders it; in the order of the template."""


def rendered_arguments(values: Mapping[str, Any], release: Release, prefix: str = "") -> dict[str, list[Argument]]:
    """Path of each model -> its arguments, each with the path of the value it comes from."""
    port = _map(values, "servingEngineSpec").get("containerPort", 8000)
    return {
        f"{prefix}{path}": list(_model(model, release, f"{prefix}{path}", helm_text(port)))
        for path, model in models(values)
    }


def helm_text(value: Any) -> str:
    """A scalar as Helm's ``quote`` writes it: numbers of a million and more from YAML come out with an exponent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float) and (isinstance(value, float) or abs(value) >= 1_000_000):
        return _go_float(float(value))
    return "" if value is None else str(value)


def _go_float(number: float) -> str:
    """Go's %v of a float64, which is what Helm makes of every number: an exponent below 1e-4 and from a million on."""
    if not math.isfinite(number):
        return str(number)
    if number == 0 or 1e-4 <= abs(number) < 1_000_000:
        return str(int(number)) if number == int(number) else repr(number)
    shortest = next(t for p in range(18) if float(t := f"{number:.{p}e}") == number)
    digits, _unused, power = shortest.partition("e")
    return f"{digits}e{power[0]}{abs(int(power)):02d}"


def _model(model: Mapping[str, Any], release: Release, path: str, port: str) -> Iterator[Argument]:
    yield Argument(helm_text(model.get("modelURL")), f"{path}.modelURL")
    yield from _fixed(path, "--host", "0.0.0.0", "--port", port)  # noqa: S104 - what the chart says
    for key, option in SWITCHES:
        if model.get(key):
            yield Argument(option, f"{path}.{key}")
    if model.get("toolCallParser"):
        yield from _pair("--tool-call-parser", model["toolCallParser"], f"{path}.toolCallParser")
    config = model.get("vllmConfig")
    if isinstance(config, dict) and config:
        yield from _config(config, release, f"{path}.vllmConfig")
    yield from _tail(model, release, path)


def _config(config: Mapping[str, Any], release: Release, path: str) -> Iterator[Argument]:
    if "enableChunkedPrefill" in config:
        word = "enable" if config["enableChunkedPrefill"] else "no-enable"
        yield Argument(f"--{word}-chunked-prefill", f"{path}.enableChunkedPrefill")
    word = "enable" if config.get("enablePrefixCaching") else "no-enable"
    yield Argument(f"--{word}-prefix-caching", f"{path}.enablePrefixCaching")
    for key, option, since in CONFIG:
        if key in config and release.since(since):
            yield from _pair(option, config[key], f"{path}.{key}")
    extra = config.get("extraArgs")
    for index, element in enumerate(extra if isinstance(extra, list) else ()):
        text = element if isinstance(element, str) else _element(element)
        yield Argument(text, f"{path}.extraArgs[{index}]", extra=True)


def _element(element: Any) -> Any:
    """An element that is no text: numbers as Helm renders them; what cannot be an argument stays as it is."""
    large = isinstance(element, int) and not isinstance(element, bool) and abs(element) >= 1_000_000
    return (
        helm_text(element)
        if isinstance(element, int | float) and not isinstance(element, bool) and not large
        else element
    )


def _tail(model: Mapping[str, Any], release: Release, path: str) -> Iterator[Argument]:
    if model.get("modelRevision") and release.since("0.1.12"):
        yield from _pair("--revision", model["modelRevision"], f"{path}.modelRevision")
    cache = model.get("lmcacheConfig")
    if isinstance(cache, dict) and cache.get("enabled"):
        transfer = {"kv_connector": "LMCacheConnectorV1", "kv_role": cache.get("kvRole", "kv_both")}
        yield from _pair("--kv-transfer-config", json.dumps(transfer), f"{path}.lmcacheConfig.enabled")
    if model.get("chatTemplate"):
        yield from _pair("--chat-template", f"/templates/{model['chatTemplate']}", f"{path}.chatTemplate")


def _pair(option: str, value: Any, subject: str) -> Iterator[Argument]:
    yield Argument(option, subject)
    yield Argument(helm_text(value), subject)


def _fixed(path: str, *texts: str) -> Iterator[Argument]:
    for text in texts:
        yield Argument(text, path)


def _map(node: Mapping[str, Any], key: str) -> dict[str, Any]:
    below = node.get(key)
    return below if isinstance(below, dict) else {}
