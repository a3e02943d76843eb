# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of the chart's values look at, and small readers that take no shape for granted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..findings import Finding, Severity, finding
from .releases import Release

QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
UNITS = {"": 1, "m": 0.001, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
         "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}  # fmt: skip
FLOATING = frozenset(("", "latest", "main", "master", "stable", "nightly", "dev", "edge"))


@dataclass(frozen=True)
class Scene:
    """What the checks look at. ``prefix`` is put before the paths named, ``name`` is the Helm release name."""

    values: Mapping[str, Any]
    release: Release
    name: str = "vllm"
    alias: str = "vllm"
    prefix: str = ""

    @property
    def engine(self) -> dict[str, Any]:
        """The block of the engines."""
        return submap(self.values, "servingEngineSpec")

    @property
    def router(self) -> dict[str, Any]:
        """The block of the router."""
        return submap(self.values, "routerSpec")

    def find(self, code: str, path: str, message: str, severity: Severity | None = None) -> Finding:
        """A finding about a path."""
        return finding(code, f"{self.prefix}{path}", message, severity=severity)


def quantity(value: Any) -> float | None:
    """The number behind a Kubernetes quantity, None for anything else."""
    text = str(value)
    if isinstance(value, bool) or not QUANTITY.fullmatch(text):
        return None
    digits = re.match(r"[\d.]+", text)
    if not digits:
        raise AssertionError("QUANTITY begins with a digit")
    return float(digits[0]) * UNITS[text[digits.end() :]]


def reference(scene: Scene, path: str, given: Mapping[str, Any], effect: str) -> Iterator[Finding]:
    """Whether a reference to a Secret is complete; ``effect`` says what happens where it is not."""
    missing = [key for key in ("secretName", "secretKey") if not given.get(key)]
    if missing:
        tail = f": {effect}" if effect else ": the reference would be invalid"
        yield scene.find("values-secret-reference", path, f"lacks {' and '.join(missing)}{tail}")


def floating(tag: Any) -> bool:
    """Whether an image tag moves."""
    return str(tag).lower() in FLOATING or str(tag).lower().startswith("latest")


def whole_number(value: Any) -> int | None:
    """A whole number, also one in quotes; None for anything else."""
    if isinstance(value, bool):
        return None
    return (
        int(value)
        if isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdigit())
        else None
    )


def submap(node: Any, key: str) -> dict[str, Any]:
    """The map at a key, empty where there is none."""
    below = node.get(key) if isinstance(node, Mapping) else None
    return below if isinstance(below, dict) else {}


def sublist(node: Any, key: str) -> list[Any]:
    """The list at a key, empty where there is none."""
    below = node.get(key) if isinstance(node, Mapping) else None
    return below if isinstance(below, list) else []
