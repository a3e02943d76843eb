# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must never be committed: plaintext secrets, and files that are plainly broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..findings import Finding, finding
from ..yaml_library import yaml
from .lines import YAML_ERRORS

PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
HUGGING_FACE_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")
CONFLICT = re.compile(r"^(?:<{7} .*|={7}|>{7} .*)$", re.MULTILINE)
KIND_SECRET = re.compile(r"^(\s*(?:- )?)(['\"]?)kind\2\s*:\s*(['\"]?)Secret\3\s*(?:#.*)?$", re.MULTILINE)
DATA_KEY = re.compile(r"^\s*['\"]?(?:data|stringData)['\"]?\s*:", re.MULTILINE)
PLAINTEXT_PATH = re.compile(r"(?:^|/)(?:local-secrets/|unsealed[^/]*$)", re.IGNORECASE)


def plaintext_reason(path: str, text: str) -> str:
    """Why ``text`` at ``path`` would put a secret into Git in the clear; empty if it would not."""
    if PLAINTEXT_PATH.search(path):
        return "is a place for plaintext secrets by its name"
    if PRIVATE_KEY.search(text):
        return "holds a private key"
    if HUGGING_FACE_TOKEN.search(text):
        return "holds a Hugging Face token"
    if path.lower().endswith((".yaml", ".yml", ".json")) and _holds_secret_object(text):
        return "holds a Secret with data, which is not encrypted"
    return ""


def has_conflict_markers(text: str) -> bool:
    """Whether ``text`` is a merge that was never resolved: at least the first and the last marker."""
    markers = {line[0] for line in CONFLICT.findall(text)}
    return {"<", ">"} <= markers


def check_content(path: str, content: bytes) -> list[Finding]:
    """What is wrong with the bytes that are about to be committed at ``path``."""
    text = content.decode("utf-8", errors="replace")
    found = []
    if not content.strip():
        found.append(finding("gitops-file-empty", path, "would be committed without any content"))
    if has_conflict_markers(text):
        found.append(finding("gitops-conflict-markers", path, "still holds <<<<<<< and >>>>>>> of a merge"))
    if why := plaintext_reason(path, text):
        found.append(finding("gitops-plaintext-secret", path, why))
    return found


def _holds_secret_object(text: str) -> bool:
    try:
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except YAML_ERRORS:
        # A Helm template is not YAML yet: judge by its lines.
        parts = re.split(r"^---.*$", text, flags=re.MULTILINE)
        return any(KIND_SECRET.search(part) and DATA_KEY.search(part) for part in parts)
    return any(_is_secret(item) for document in documents for item in _mappings(document))


def _is_secret(item: dict[Any, Any]) -> bool:
    return item.get("kind") == "Secret" and bool(item.get("data") or item.get("stringData"))


def _mappings(value: Any, depth: int = 0) -> Iterator[dict[Any, Any]]:
    """The mappings of a List (and whatever else wraps objects)."""
    if depth > 50:
        return
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _mappings(item, depth + 1)
