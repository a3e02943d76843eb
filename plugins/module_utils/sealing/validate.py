# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be sealed: values that look right, names that Kubernetes takes, paths that Git keeps.

A finding names the secret, the key and the rule. It never quotes a value, not even a part of one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ..findings import Finding, finding
from ..suggest import did_you_mean
from .crypto import SCOPES, STRICT
from .manifest import DEFAULT_TYPE

LARGEST_SECRET_BYTES = 1024 * 1024
NAMESPACE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SECRET_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
LABEL_PART = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
LABEL_VALUE = re.compile(rf"({LABEL_PART})?")
QUALIFIED_NAME = re.compile(rf"([a-z0-9]([-a-z0-9.]{{0,251}}[a-z0-9])?/)?{LABEL_PART}")
PLACEHOLDER = re.compile(
    r"change[-_ ]?me\b.*|replace[-_ ]?(me|this)?\b.*|<[^<>]*>|\$\{[^}]*\}|\{\{.*\}\}|x{3,}|\*{3,}|\.{3,}|todo|tbd"
    r"|(your|insert|enter)[-_ ].*|placeholder|dummy|example|secret|password|hf_(x+|\.+|\*+|token|<.*>|your.*)",
    re.IGNORECASE | re.DOTALL,
)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

FORMATS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "huggingface_token": (re.compile(r"(hf|api_org)_[A-Za-z0-9]{20,}"), "hf_ and at least 20 letters or digits"),
    "api_key": (re.compile(r"[!-~]{16,}"), "at least 16 printable ASCII characters, no space"),
}
TYPE_KEYS: Mapping[str, tuple[str, ...]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/basic-auth": ("username", "password"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


PADDABLE_KEYS = (".dockerconfigjson", ".dockercfg")
"""JSON documents, in which blanks at the end mean nothing: the only values whose length can be hidden."""


@dataclass(frozen=True)
class Wanted:
    """One Secret as the play asks for it.

    ``values`` maps data keys to bytes; None means "not given this time: keep what is sealed". Metadata that is
    None keeps what the file has.
    """

    name: str
    namespace: str
    scope: str
    path: str
    values: Mapping[str, bytes | None] = field(repr=False)
    type: str | None = None
    immutable: bool | None = None
    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    template_labels: Mapping[str, str] | None = None
    template_annotations: Mapping[str, str] | None = None
    revision: str | None = None

    @property
    def title(self) -> str:
        """How findings and results name it."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


def wanted_of(option: Mapping[str, Any], subject: str, from_file: Mapping[str, bytes]) -> tuple[Wanted, list[Finding]]:
    """One entry of the ``secrets`` option, checked.

    ``from_file`` holds values for keys not given otherwise. A key given as null is wanted, its value not known: it is
    looked up in ``from_file``, and what is sealed already stays.
    """
    texts, encoded = option.get("string_data") or {}, option.get("data") or {}
    formats = option.get("formats") or {}
    findings: list[Finding] = []
    values: dict[str, bytes | None] = {}
    sources = {"from_file": from_file, "data": encoded, "string_data": texts}
    origin = dict.fromkeys([*from_file, *encoded, *texts], "string_data")
    origin |= {key: name for name, source in sources.items() for key, value in source.items() if value is not None}
    for key, option_name in origin.items():
        value = sources[option_name].get(key)
        where = f"{subject}.{option_name}[{key}]"
        raw, problems = _value(value, where, encoded=option_name == "data")
        values[str(key)] = raw
        findings += problems or _format_findings(raw, where, formats.get(key))
    if option.get("pad_to"):
        values, problems = _padded(values, int(option["pad_to"]), subject)
        findings += problems
    wanted = Wanted(
        name=str(option["name"]),
        namespace=str(option.get("namespace") or ""),
        scope=str(option.get("scope") or STRICT),
        path=str(option["path"]),
        values=values,
        **{name: option.get(name) for name in ("type", "immutable", "revision", *_METADATA)},
    )
    return wanted, [*findings, *_secret_findings(wanted, subject)]


_METADATA = ("labels", "annotations", "template_labels", "template_annotations")


def text_findings(text: str, subject: str) -> list[Finding]:
    """What is wrong with a value that a person typed: empty, padded, a placeholder. One finding at most."""
    if not text:
        return [finding("sealing-value-empty", subject, "is empty")]
    if not text.strip():
        return [finding("sealing-value-empty", subject, "holds white space only")]
    lines = "\n" in text.rstrip("\r\n")
    if not lines and text != text.rstrip("\r\n"):
        return [finding("sealing-value-newline", subject, "ends with a line break")]
    if not lines and text != text.strip():
        return [finding("sealing-value-whitespace", subject, "begins or ends with white space")]
    if CONTROL.search(text):
        return [finding("sealing-value-whitespace", subject, "holds a control character")]
    if PLACEHOLDER.fullmatch(text.strip()):
        return [finding("sealing-value-placeholder", subject, "is a placeholder, not a value")]
    return []


def duplicate_findings(wanted: Iterable[Wanted]) -> list[Finding]:
    """Two entries that mean the same Secret or the same file."""
    seen: dict[str, str] = {}
    findings = []
    for one in wanted:
        for what in (f"Secret {one.title}", f"file {one.path}"):
            if what in seen:
                findings.append(finding("sealing-duplicate", one.title, f"{what} is already asked for by {seen[what]}"))
            seen[what] = one.title
    return findings


def consumer_findings(wanted: Iterable[Wanted], consumers: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Consumers (``namespace``, ``name``, ``key``, ``source``) that would not find their Secret or their key.

    ``source`` says where the reference stands (``values.yaml vllm.vllmApiKey``).
    """
    secrets = {(one.namespace, one.name): one for one in wanted}
    findings = []
    for consumer in consumers:
        place = (str(consumer.get("namespace") or ""), str(consumer["name"]))
        source, key = str(consumer.get("source") or "a consumer"), str(consumer.get("key") or "")
        found = secrets.get(place)
        if found is None:
            names = [f"{namespace}/{name}" for namespace, name in secrets]
            message = f"wants Secret {'/'.join(place)}; sealed here: {', '.join(names) or 'none'}"
            findings.append(
                finding("sealing-consumer-mismatch", source, message + did_you_mean("/".join(place), names))
            )
        elif key and key not in found.values:
            message = f"wants key {key} of Secret {found.title}, which has {', '.join(sorted(found.values)) or 'none'}"
            findings.append(finding("sealing-consumer-mismatch", source, message + did_you_mean(key, found.values)))
    return findings


def unused_findings(wanted: Iterable[Wanted], consumers: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """Values under keys that no consumer of their Secret reads. Secrets without a consumer are somebody else's."""
    read: dict[tuple[str, str], set[str]] = {}
    for consumer in consumers:
        place = (str(consumer.get("namespace") or ""), str(consumer["name"]))
        read.setdefault(place, set()).add(str(consumer.get("key") or ""))
    findings = []
    for one in wanted:
        keys = read.get((one.namespace, one.name), {""})
        # a consumer without a key reads them all
        for key in sorted(one.values.keys() - keys) if "" not in keys else ():
            message = f"nothing reads this key; what reads the Secret wants {', '.join(sorted(keys))}"
            findings.append(finding("sealing-key-unused", f"{one.title}[{key}]", message))
    return findings


def _value(value: object, subject: str, *, encoded: bool) -> tuple[bytes | None, list[Finding]]:
    if value is None:
        return None, []
    if isinstance(value, bytes):
        return value, _bytes_findings(value, subject)
    if not isinstance(value, str):
        kind = type(value).__name__
        return None, [finding("sealing-value-type", subject, f"is of type {kind}, not text (quote it)")]
    if encoded:
        return _decoded(value, subject)
    try:
        return value.encode(), text_findings(value, subject)
    except UnicodeEncodeError:
        return None, [finding("sealing-value-type", subject, "is not valid Unicode text")]


def _padded(
    values: Mapping[str, bytes | None], block: int, subject: str
) -> tuple[dict[str, bytes | None], list[Finding]]:
    """Values lengthened by blanks to a multiple of ``block``, for the keys whose readers skip blanks at the end."""
    findings = []
    if block < 0:
        findings = [finding("sealing-padding-refused", f"{subject}.pad_to", f"is {block}, not a number of bytes")]
    for key, raw in values.items():
        if key not in PADDABLE_KEYS and raw is not None and not findings:
            message = (
                f"key {key} is taken to the letter by whoever reads it; only {', '.join(PADDABLE_KEYS)} can be padded"
            )
            findings = [finding("sealing-padding-refused", f"{subject}.pad_to", message)]
    if findings:
        return dict(values), findings
    return {key: raw and raw.ljust(-(-len(raw) // block) * block) for key, raw in values.items()}, []


def _decoded(value: str, subject: str) -> tuple[bytes | None, list[Finding]]:
    try:
        raw = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None, [finding("sealing-value-type", subject, "is not base64")]
    return raw, [] if raw else [finding("sealing-value-empty", subject, "is empty")]


def _bytes_findings(raw: bytes, subject: str) -> list[Finding]:
    """The rules for text, applied to a value of a plaintext file: base64 there hides the same slips."""
    try:
        return text_findings(raw.decode(), subject)
    except UnicodeDecodeError:
        return []


def _format_findings(raw: bytes | None, subject: str, name: str | None) -> list[Finding]:
    if name is None or raw is None:
        return []
    if str(name) not in FORMATS:
        message = f"asks for the unknown format {name}{did_you_mean(name, FORMATS)}; allowed: {', '.join(FORMATS)}"
        return [finding("sealing-value-shape", subject, message)]
    pattern, described = FORMATS[name]
    if pattern.fullmatch(raw.decode("utf-8", "replace")):
        return []
    return [finding("sealing-value-shape", subject, f"does not look like a {name}: {described}")]


def _secret_findings(wanted: Wanted, subject: str) -> list[Finding]:
    return [
        *_name_findings(wanted, subject),
        *_metadata_findings(wanted, subject),
        *_content_findings(wanted, subject),
        *path_findings(wanted.path, subject),
    ]


def _name_findings(wanted: Wanted, subject: str) -> list[Finding]:
    wrong = []
    if not SECRET_NAME.fullmatch(wanted.name):
        wrong.append((f"{subject}.name", f"'{wanted.name}' is not a Secret name (a-z, 0-9, '-' and '.')"))
    if not NAMESPACE_NAME.fullmatch(wanted.namespace):
        wrong.append((f"{subject}.namespace", f"'{wanted.namespace}' is not a namespace (a-z, 0-9 and '-')"))
    if wanted.scope not in SCOPES:
        message = f"'{wanted.scope}' is not a scope{did_you_mean(wanted.scope, SCOPES)}; allowed: {', '.join(SCOPES)}"
        wrong.append((f"{subject}.scope", message))
    wrong += [
        (f"{subject}.string_data", f"'{key}' is not a data key (letters, digits, '-', '_' and '.')")
        for key in wanted.values
        if not DATA_KEY.fullmatch(key)
    ]
    return [finding("sealing-name-invalid", where, message) for where, message in wrong]


def _metadata_findings(wanted: Wanted, subject: str) -> list[Finding]:
    findings = []
    for name in _METADATA:
        for key, value in (getattr(wanted, name) or {}).items():
            where = f"{subject}.{name}[{key}]"
            if not QUALIFIED_NAME.fullmatch(str(key)):
                findings.append(finding("sealing-name-invalid", where, "is not a label or annotation name"))
            if not isinstance(value, str):
                message = f"is of type {type(value).__name__}, not text (quote it)"
                findings.append(finding("sealing-name-invalid", where, message))
            elif name.endswith("labels") and not LABEL_VALUE.fullmatch(value):
                findings.append(finding("sealing-name-invalid", where, f"'{value}' is not a label value"))
    return findings


def _content_findings(wanted: Wanted, subject: str) -> list[Finding]:
    if not wanted.values:
        return [finding("sealing-value-missing", subject, "has no value at all")]
    findings = []
    missing = [key for key in TYPE_KEYS.get(wanted.type or DEFAULT_TYPE, ()) if key not in wanted.values]
    if missing:
        message = f"type {wanted.type} needs the keys {', '.join(missing)}"
        findings.append(finding("sealing-type-keys-missing", subject, message))
    size = sum(len(key) + len(value or b"") for key, value in wanted.values.items())
    if size > LARGEST_SECRET_BYTES:
        message = f"holds {size} bytes; Kubernetes takes {LARGEST_SECRET_BYTES}"
        findings.append(finding("sealing-secret-too-large", subject, message))
    return findings


def path_findings(path: str, subject: str) -> list[Finding]:
    """Whether ``path`` is a place for a sealed file: relative, inside, and kept by the sites' ignore rules."""
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path or path != str(pure):
        return [finding("sealing-path-invalid", f"{subject}.path", f"'{path}' is not a plain relative path")]
    if "local-secrets" in (part.lower() for part in pure.parts):
        return [
            finding("sealing-path-invalid", f"{subject}.path", f"'{path}' lies under local-secrets, which is ignored")
        ]
    if "sealed" not in pure.name or "unsealed" in pure.name or pure.suffix != ".yaml":
        message = f"'{pure.name}' must contain 'sealed', not 'unsealed', and end in .yaml"
        return [finding("sealing-path-invalid", f"{subject}.path", message)]
    return []
