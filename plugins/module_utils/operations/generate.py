# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new random value for one key of a plaintext Secret manifest that only this machine has."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from .. import yaml_text
from ..findings import refuse
from ..sealing.files import is_secret
from ..whole_file import replace
from ..yaml_library import yaml

FILE_MODE, FOLDER_MODE = 0o600, 0o700
SMALLEST_BYTES, LARGEST_BYTES = 16, 4096
"""Of random; the text is a third longer, and has to fit a request's header."""


def generate(path: str, name: str, namespace: str, key: str, size: int, *, write: bool = True) -> None:
    """Put ``size`` random bytes (as URL-safe text) under ``key``; other keys of the file stay.

    The file is replaced at once and has mode 0600 from the start. Raises a Refusal (``operations-generate-failed``).
    """
    if size < SMALLEST_BYTES:
        raise refuse(
            "operations-generate-failed", "bytes", f"{size} is fewer than {SMALLEST_BYTES}: it could be guessed"
        )
    if size > LARGEST_BYTES:
        raise refuse("operations-generate-failed", "bytes", f"{size} is more than {LARGEST_BYTES}: no server takes it")
    file = Path(path).expanduser()
    manifest = _manifest(file, name, namespace)
    (manifest.get("data") or {}).pop(key, None)
    manifest["stringData"] = {**(manifest.get("stringData") or {}), key: secrets.token_urlsafe(size)}
    if write:
        _write(file, yaml.safe_dump(manifest, sort_keys=False))


def _manifest(file: Path, name: str, namespace: str) -> dict[str, Any]:
    """The manifest that is there, or an empty one. What is there and is something else is not overwritten."""
    try:
        found = yaml_text.load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        new = {"name": name, "namespace": namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": new, "type": "Opaque"}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = getattr(error, "strerror", None) or "is not YAML"
        raise refuse("operations-generate-failed", str(file), said) from None
    if not is_secret(found) or (found.get("metadata") or {}).get("name") != name:
        raise refuse("operations-generate-failed", str(file), f"does not hold the Secret {name}")
    return dict(found)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        replace(file, text, FILE_MODE)
    except OSError as error:
        raise refuse("operations-generate-failed", str(file), error.strerror or type(error).__name__) from None
