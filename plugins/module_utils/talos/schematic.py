# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image Factory schematics, and their ID computed without asking the factory.

The ID is the SHA-256 of the factory's own rendering of the schematic: fields in a fixed order, block style, four
spaces, sequences indented, empty fields left out, ``customization`` always there. So two bodies that mean the same have
the same ID, and check mode can compare a node's running schematic with the wanted one offline.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..findings import Finding, finding
from ..suggest import did_you_mean

Fields = Mapping[str, Any]

FIELDS: Fields = {
    "owner": None,
    "overlay": {"image": None, "name": None, "options": {}},
    "customization": {
        "embeddedMachineConfiguration": None,
        "extraKernelArgs": [],
        "meta": [{"key": None, "value": None}],
        "systemExtensions": {"officialExtensions": []},
        "bootloader": None,
        "secureboot": {"enrollKeys": None, "includeWellKnownCertificates": None},
        "diskImage": {"sectorSize": None},
    },
}
"""Every field that the factory knows, in the order in which it writes them; {} takes any keys."""

PLAIN = re.compile(r"[A-Za-z0-9/_.][A-Za-z0-9/_.=@+:,-]*(?<!:)")
"""Strings that YAML emitters agree to leave unquoted."""

AMBIGUOUS = re.compile(
    r"[-+]?(\d[\d_]*\.?\d*(e[-+]?\d+)?|\.\d+|0x[\da-f_]+|0o?[0-7_]+|0b[01_]+|\.inf|\.nan|\d+(:\d+)+)"
    r"|\d{4}-\d\d?-\d\d?.*|y|n|yes|no|on|off|true|false|null|~",
    re.IGNORECASE,
)
"""Strings that a YAML 1.1 or 1.2 reader would take for another type."""


def check(schematic: Any, fields: Fields | None = None, path: str = "schematic") -> list[Finding]:
    """What the factory would refuse: unknown fields and wrong shapes."""
    known = FIELDS if fields is None else fields
    if not isinstance(schematic, Mapping):
        return [finding("talos-schematic-invalid", path, f"must be a mapping, not {type(schematic).__name__}")]
    return [found for key, value in schematic.items() for found in _field(f"{path}.{key}", key, value, known)]


def _field(path: str, key: Any, value: Any, fields: Fields) -> list[Finding]:
    if key not in fields:
        hint = did_you_mean(str(key), fields)
        return [finding("talos-schematic-invalid", path, f"is not a field of the Image Factory{hint}")]
    known = fields[key]
    if isinstance(known, Mapping) and known:
        return check(value or {}, known, path)
    if isinstance(known, list) and not isinstance(value, list | None):
        return [finding("talos-schematic-invalid", path, f"must be a list, not {type(value).__name__}")]
    if isinstance(known, list) and known:
        return [found for i, item in enumerate(value or ()) for found in check(item, known[0], f"{path}[{i}]")]
    return []


def canonical(schematic: Fields) -> str:
    """The factory's rendering of a schematic that :func:`check` accepts."""
    ordered = _ordered(schematic, FIELDS)
    ordered.setdefault("customization", {})
    return "\n".join(_block(ordered, "")) + "\n"


def schematic_id(schematic: Fields) -> str:
    """The ID that the factory will give (lower-case hexadecimal SHA-256)."""
    return hashlib.sha256(canonical(schematic).encode()).hexdigest()


def _ordered(value: Fields, fields: Fields) -> dict[str, Any]:
    """``value`` in the factory's field order, without what is empty."""
    result: dict[str, Any] = {}
    for key, known in fields.items():
        item = value.get(key)
        if isinstance(known, Mapping) and known:
            item = _ordered(item or {}, known)
        elif isinstance(known, list) and known:
            item = [_ordered(entry, known[0]) for entry in item or ()]
        if item not in (None, "", [], {}, False):
            result[key] = item
    return result


def _block(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield f"{indent}{key}:"
            yield from _block(item, indent + "    ")
        elif isinstance(item, Sequence) and not isinstance(item, str):
            yield f"{indent}{key}:"
            for entry in item:
                yield from _entry(entry, indent + "    ")
        else:
            yield f"{indent}{key}: {_scalar(item)}"


def _entry(entry: Any, indent: str) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield f"{indent}- {_scalar(entry)}"
        return
    for number, line in enumerate(_block(entry, "")):
        yield f"{indent}{'  ' if number else '- '}{line}"


def _scalar(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    if PLAIN.fullmatch(value) and not AMBIGUOUS.fullmatch(value):
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def nvidia(
    flavour: str, channel: str, extra: Sequence[str] = (), kernel_arguments: Sequence[str] = ()
) -> dict[str, Any]:
    """The schematic of a GPU node: modules, toolkit, others. The order is part of the ID, so it never varies."""
    modules = "nvidia-open-gpu-kernel-modules" if flavour == "open" else "nonfree-kmod-nvidia"
    extensions = [f"siderolabs/{modules}-{channel}", f"siderolabs/nvidia-container-toolkit-{channel}", *extra]
    customization: dict[str, Any] = {"systemExtensions": {"officialExtensions": extensions}}
    if kernel_arguments:
        customization["extraKernelArgs"] = list(kernel_arguments)
    return {"customization": customization}


def installer_image(
    identifier: str, talos: str, *, factory: str, platform: str = "metal", secure_boot: bool = False
) -> str:
    """The installer that ``talosctl upgrade --image`` takes."""
    return f"{factory}/{platform}-installer{'-secureboot' if secure_boot else ''}/{identifier}:{talos}"
