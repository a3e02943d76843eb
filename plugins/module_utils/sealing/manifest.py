# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SealedSecret files: reading any that people or kubeseal wrote, writing ours the way kubeseal would.

Whatever this collection does not know in a file is refused rather than lost: a file is one SealedSecret,
and rewriting it must not drop a field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import yaml_text
from ..findings import refuse
from ..yaml_library import yaml
from .crypto import CLUSTER_WIDE, NAMESPACE_WIDE, STRICT, label_of
from .scalars import scalar
from .tags import Tag, parse_tags, render_tags

API_VERSION = "bitnami.com/v1alpha1"
SCOPE_PREFIX = "sealedsecrets.bitnami.com/"
TAGS_ANNOTATION = "inferops.vllm/sealing-tags"
REVISION_ANNOTATION = "inferops.vllm/sealing-revision"
OURS = frozenset({TAGS_ANNOTATION, REVISION_ANNOTATION})
SCOPE_ANNOTATIONS = {CLUSTER_WIDE: SCOPE_PREFIX + CLUSTER_WIDE, NAMESPACE_WIDE: SCOPE_PREFIX + NAMESPACE_WIDE}

DEFAULT_TYPE = "Opaque"
# What an API server or an older kubeseal adds and nobody reads back from a file.
SERVER_FIELDS = frozenset(
    {
        *("creationTimestamp", "deletionTimestamp", "finalizers", "generateName", "generation"),
        *("managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid"),
    }
)
# Both hold the plaintext of a Secret that kubectl or kubecfg once applied.
LEAKING_ANNOTATIONS = frozenset(
    {"kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration"}
)
HELM_OPENS = "{{"
HELM_ESCAPED = "{{`{{`}}"


@dataclass(frozen=True)
class SealedFile:
    """One SealedSecret as a file holds it.

    ``labels`` and ``annotations`` are the SealedSecret's own, without the scope and without this collection's;
    ``template_…`` are what the Secret gets. ``items`` maps data keys to sealed items, ``tags`` to what is known
    about them.
    """

    name: str
    namespace: str
    scope: str
    items: Mapping[str, str]
    type: str = DEFAULT_TYPE
    immutable: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    template_labels: Mapping[str, str] = field(default_factory=dict)
    template_annotations: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, Tag] = field(default_factory=dict)
    revision: str | None = None

    @property
    def label(self) -> bytes:
        """What the items are bound to."""
        return label_of(self.scope, self.namespace, self.name)


def in_helm_templates(path: str) -> bool:
    """Whether Helm evaluates the file before anybody reads it as YAML."""
    return "templates" in path.split("/")[:-1]


def is_json(text: str) -> bool:
    """Whether a file that should be YAML holds the JSON that kubeseal writes by default."""
    return text.lstrip().startswith("{")


def leaks(text: str) -> bool:
    """Whether a sealed file carries the plaintext of the Secret that it was made from, in an annotation."""
    return any(name in text for name in LEAKING_ANNOTATIONS)


def parse(text: str, path: str) -> SealedFile:
    """The SealedSecret in the file ``path`` with the content ``text``.

    Raises :class:`Refusal`: ``sealing-file-unparseable`` (not one YAML document), ``sealing-file-not-sealed``
    (something else), ``sealing-file-unknown-field`` (rewriting it would lose something).
    """
    document = _document(text, path)
    _check_kind(document, path)
    metadata, spec = _mapping(document, "metadata", path), _mapping(document, "spec", path)
    template = _mapping(spec, "template", path)
    inner = _mapping(template, "metadata", path)
    _check_fields(document, metadata, spec, template, inner, path)
    annotations = _strings(metadata, "annotations", path)
    scope = scope_of(annotations)
    return SealedFile(
        name=_text(metadata, "name", path),
        namespace=_text(metadata, "namespace", path, missing_is="" if scope == CLUSTER_WIDE else None),
        scope=scope,
        items=_strings(spec, "encryptedData", path),
        type=_text(template, "type", path, missing_is=DEFAULT_TYPE),
        immutable=template.get("immutable") is True,
        labels=_strings(metadata, "labels", path),
        annotations=_foreign(annotations),
        template_labels=_strings(inner, "labels", path),
        template_annotations=_foreign(_strings(inner, "annotations", path)),
        tags=parse_tags(annotations.get(TAGS_ANNOTATION, "")),
        revision=annotations.get(REVISION_ANNOTATION),
    )


def emit(sealed: SealedFile, *, helm: bool) -> str:
    """The file's text: keys sorted, two spaces, one line an item, deterministic.

    ``helm``: the file lies in a chart's ``templates``, so a ``{{`` in a value is escaped for Helm.
    """
    lines = ["---", f"apiVersion: {API_VERSION}", "kind: SealedSecret", "metadata:"]
    lines += _metadata_lines(sealed, _own_annotations(sealed), sealed.labels, "  ")
    lines += ["spec:", *_map_lines("encryptedData", sealed.items, "  ")]
    lines += ["  template:"] + (["    immutable: true"] if sealed.immutable else []) + ["    metadata:"]
    inner = {**sealed.template_annotations, **_scope_annotation(sealed.scope)}
    lines += _metadata_lines(sealed, inner, sealed.template_labels, "      ")
    lines.append(f"    type: {scalar(sealed.type)}")
    text = "\n".join(lines) + "\n"
    return text.replace(HELM_OPENS, HELM_ESCAPED) if helm else text


def manifest_of(sealed: SealedFile) -> dict[str, Any]:
    """The Kubernetes object that the file describes."""
    manifest: dict[str, Any] = yaml_text.load(emit(sealed, helm=False))
    return manifest


def scope_of(annotations: Mapping[str, str]) -> str:
    """The scope that the controller reads from a SealedSecret's own annotations (cluster-wide wins)."""
    for scope in (CLUSTER_WIDE, NAMESPACE_WIDE):
        if annotations.get(SCOPE_ANNOTATIONS[scope]) == "true":
            return scope
    return STRICT


def _document(text: str, path: str) -> dict[str, Any]:
    plain = text.replace(HELM_ESCAPED, HELM_OPENS) if in_helm_templates(path) else text
    try:
        documents = yaml_text.load_all(plain)
    except yaml.YAMLError as error:
        hint = "; Helm expressions are not supported in a sealed file" if HELM_OPENS in plain else ""
        raise refuse("sealing-file-unparseable", path, f"is not YAML{_place(error)}{hint}") from None
    if len(documents) != 1:
        raise refuse("sealing-file-unparseable", path, f"holds {len(documents)} documents instead of one")
    if not isinstance(documents[0], dict):
        raise refuse("sealing-file-not-sealed", path, "holds no Kubernetes object")
    return documents[0]


def _place(error: yaml.YAMLError) -> str:
    # the error's own text quotes the file, which could be a plaintext Secret
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark else ""


def _check_kind(document: Mapping[str, Any], path: str) -> None:
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind != "SealedSecret" or version != API_VERSION:
        raise refuse("sealing-file-not-sealed", path, f"holds a {version} {kind}, not a {API_VERSION} SealedSecret")


def _check_fields(
    document: Mapping[str, Any],
    metadata: Mapping[str, Any],
    spec: Mapping[str, Any],
    template: Mapping[str, Any],
    inner: Mapping[str, Any],
    path: str,
) -> None:
    named = {"name", "namespace", "labels", "annotations"}
    known = (
        ("", document, {"apiVersion", "kind", "metadata", "spec", "status"}),
        ("metadata.", metadata, named | SERVER_FIELDS),
        ("spec.", spec, {"encryptedData", "template"}),
        ("spec.template.", template, {"metadata", "type", "immutable"}),
        ("spec.template.metadata.", inner, named | SERVER_FIELDS),
    )
    unknown = [f"{where}{name}" for where, found, names in known for name in _unknown(found, names)]
    if unknown:
        raise refuse("sealing-file-unknown-field", path, f"has {', '.join(unknown)}, which a rewrite would lose")


def _unknown(found: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    return sorted(str(name) for name, value in found.items() if value is not None and name not in names)


def _mapping(parent: Mapping[str, Any], name: str, path: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise refuse("sealing-file-not-sealed", path, f"has a {name} that is not a mapping")
    return value


def _strings(parent: Mapping[str, Any], name: str, path: str) -> dict[str, str]:
    values = _mapping(parent, name, path)
    odd = sorted(str(key) for key, value in values.items() if not (isinstance(key, str) and isinstance(value, str)))
    if odd:
        message = f"has {name} that YAML does not read as text: {', '.join(odd)} (quote them)"
        raise refuse("sealing-file-not-sealed", path, message)
    return dict(values)


def _text(parent: Mapping[str, Any], name: str, path: str, *, missing_is: str | None = None) -> str:
    value = parent.get(name)
    if value is None and missing_is is not None:
        return missing_is
    if not isinstance(value, str) or not value:
        raise refuse("sealing-file-not-sealed", path, f"has no usable {name} (allowed: text, quoted where YAML asks)")
    return value


def _foreign(annotations: Mapping[str, str]) -> dict[str, str]:
    dropped = OURS | LEAKING_ANNOTATIONS | set(SCOPE_ANNOTATIONS.values())
    return {key: value for key, value in annotations.items() if key not in dropped}


def _scope_annotation(scope: str) -> dict[str, str]:
    return {SCOPE_ANNOTATIONS[scope]: "true"} if scope in SCOPE_ANNOTATIONS else {}


def _own_annotations(sealed: SealedFile) -> dict[str, str]:
    own = {**sealed.annotations, **_scope_annotation(sealed.scope)}
    if sealed.tags:
        own[TAGS_ANNOTATION] = render_tags(sealed.tags)
    if sealed.revision is not None:
        own[REVISION_ANNOTATION] = sealed.revision
    return own


def _metadata_lines(
    sealed: SealedFile, annotations: Mapping[str, str], labels: Mapping[str, str], indent: str
) -> list[str]:
    lines = _map_lines("annotations", annotations, indent) if annotations else []
    lines += _map_lines("labels", labels, indent) if labels else []
    lines.append(f"{indent}name: {scalar(sealed.name)}")
    return lines + ([f"{indent}namespace: {scalar(sealed.namespace)}"] if sealed.namespace else [])


def _map_lines(title: str, values: Mapping[str, str], indent: str) -> list[str]:
    inner = indent + "  "
    return [f"{indent}{title}:", *[f"{inner}{scalar(k)}: {scalar(values[k])}" for k in sorted(values)]]
