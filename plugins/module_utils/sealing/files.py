# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: plaintext manifests and keys that only this machine has, and the sealed files of a working copy."""

from __future__ import annotations

import base64
import binascii
import secrets
import stat
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from .. import yaml_text
from ..findings import Finding, finding, refuse
from ..whole_file import replace
from ..yaml_library import yaml
from .tags import SMALLEST_KEY_BYTES

# pylint: disable=ansible-bad-function  # we run on the controller, where no module offers run_command

OTHERS = stat.S_IRWXG | stat.S_IRWXO
SEALED_MODE = 0o644
PRIVATE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700
GIT_SECONDS = 20


def plaintext_values(path: str, name: str, namespace: str, subject: str) -> tuple[dict[str, bytes], list[Finding]]:
    """The values of a plaintext Secret manifest, and a warning when others can read the file.

    Raises :class:`Refusal` with ``sealing-source-unreadable``; its text never quotes the file.
    """
    file = Path(path).expanduser()
    try:
        text, mode = file.read_text(encoding="utf-8"), file.stat().st_mode
        documents = yaml_text.load_all(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = getattr(error, "strerror", None) or "is not YAML"
        raise refuse("sealing-source-unreadable", subject, f"{path}: {said}") from None
    secret = _the_secret(documents, path, name, namespace, subject)
    exposed = [finding("sealing-source-exposed", subject, f"{path} has mode {stat.S_IMODE(mode):04o}")]
    return _manifest_values(secret, path, subject), exposed if mode & OTHERS else []


def fingerprint_key(text: str | None, path: str | None) -> bytes | None:
    """The key for fingerprints: given as text, or kept in a file that is made on first use.

    Text that is hex of at least 32 bytes is decoded, any other text is used as it is. Raises :class:`Refusal` with
    ``sealing-fingerprint-key-weak``.
    """
    if text:
        return _strong(_bytes_of(text), "fingerprint_key")
    if not path:
        return None
    file = Path(path).expanduser()
    try:
        if not file.exists():
            return _new_key(file)
        if file.stat().st_mode & OTHERS:
            raise refuse("sealing-fingerprint-key-weak", str(file), "can be read by others; chmod 600 it")
        return _strong(_bytes_of(file.read_text(encoding="utf-8")), str(file))
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "is not text"
        raise refuse("sealing-fingerprint-key-weak", str(file), f"cannot be used: {said}") from None


def present(directory: str, paths: Iterable[str]) -> dict[str, str]:
    """The present content of those of ``paths`` that exist under ``directory``.

    Raises :class:`Refusal`: ``sealing-file-unwritable`` for links and unreadable files.
    """
    return {path: text for path in paths if (text := _content(_inside(directory, path), path)) is not None}


def ignored(directory: str, paths: Iterable[str]) -> list[Finding]:
    """A finding for each of ``paths`` that Git would not commit; none where ``directory`` is no working copy."""
    command = ["git", "-C", directory, "check-ignore", "--no-index", "--stdin", "-z"]
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments; the paths come in on stdin
            command, input="\0".join(paths), capture_output=True, text=True, timeout=GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    found = [path for path in answer.stdout.split("\0") if path] if answer.returncode == 0 else []
    return [finding("sealing-path-ignored", path, "is ignored by Git") for path in found]


def write(directory: str, files: Mapping[str, str]) -> None:
    """Write sealed files, each atomically (temporary file beside it, then renamed)."""
    for path, content in files.items():
        target = _inside(directory, path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace(target, content, SEALED_MODE)
        except OSError as error:
            raise refuse("sealing-file-unwritable", path, error.strerror or type(error).__name__) from None


def is_secret(document: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it has the form of a Secret's manifest: the kind, and mappings where mappings are due."""
    if not isinstance(document, dict) or document.get("kind") != "Secret":
        return False
    return all(isinstance(document.get(part) or {}, dict) for part in ("metadata", "data", "stringData"))


def _the_secret(documents: list[Any], path: str, name: str, namespace: str, subject: str) -> Mapping[str, Any]:
    secret = documents[0] if len(documents) == 1 else None
    if not is_secret(secret):
        raise refuse("sealing-source-unreadable", subject, f"{path} does not hold exactly one Secret")
    metadata = secret.get("metadata") or {}
    for field, wanted in (("name", name), ("namespace", namespace)):
        found = metadata.get(field)
        if found and wanted and found != wanted:
            message = f"{path} is for {field} '{found}', not '{wanted}'"
            raise refuse("sealing-source-unreadable", subject, message)
    return secret


def _manifest_values(secret: Mapping[str, Any], path: str, subject: str) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    for field, decode in (("data", _decoded), ("stringData", str.encode)):
        for key, value in (secret.get(field) or {}).items():
            try:
                values[str(key)] = decode(value)
            except (TypeError, ValueError, binascii.Error):
                kind = "base64" if field == "data" else "text (quote it)"
                raise refuse("sealing-source-unreadable", subject, f"{path}: {field}[{key}] is not {kind}") from None
    return values


def _decoded(text: str) -> bytes:
    return base64.b64decode("".join(text.split()) if isinstance(text, str) else text, validate=True)


def _bytes_of(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text.strip())
    except ValueError:
        return text.strip().encode()
    return raw if len(raw) >= SMALLEST_KEY_BYTES else text.strip().encode()


def _strong(key: bytes, subject: str) -> bytes:
    if len(key) < SMALLEST_KEY_BYTES:
        message = f"has {len(key)} bytes; at least {SMALLEST_KEY_BYTES} are needed"
        raise refuse("sealing-fingerprint-key-weak", subject, message)
    return key


def _new_key(file: Path) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER_MODE)
    key = secrets.token_bytes(SMALLEST_KEY_BYTES)
    replace(file, key.hex() + "\n", PRIVATE_MODE)
    return key


def _inside(directory: str, path: str) -> Path:
    root = Path(directory).expanduser().resolve()
    target = root / path
    if target.is_symlink() or not target.parent.resolve().is_relative_to(root):
        raise refuse("sealing-file-unwritable", path, "is a symbolic link, or leads out of the folder")
    return target


def _content(file: Path, path: str) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "is not text"
        raise refuse("sealing-file-unwritable", path, said) from None
