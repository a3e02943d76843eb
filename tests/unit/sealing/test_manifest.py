# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SealedSecret files: read whatever people wrote, write what everybody reads the same way."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import (
    SealedFile,
    emit,
    leaks,
    manifest_of,
    parse,
)
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.tags import Tag
from hypothesis import given
from hypothesis import strategies as st

CORPUS = Path(__file__).parents[2] / "corpus" / "sealing"
PATH = "applications/vllm/templates/sealed-x.yaml"
ITEM = "AgB+/0a="

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True) | st.sampled_from(
    ["y", "n", "1e3", "0o17"]
)
keys = st.from_regex(r"[-._a-zA-Z0-9]{1,12}", fullmatch=True) | st.sampled_from(["Y", "N", "null", "1.0"])
texts = st.text(max_size=30) | st.sampled_from(["{{ .Values.x }}", "{{{", "{{`{{`}}", "true", "1e3", "a\nb"])
hexes = st.text(alphabet="0123456789abcdef", min_size=4, max_size=8)
tags = st.builds(Tag, made_by=hexes | st.just("public"), sealed_for=hexes, fingerprint=hexes)
ours = "sealedsecrets.bitnami.com/", "inferops.vllm/", "kubectl.kubernetes.io/last", "kubecfg.ksonnet.io/last"
metadata = st.dictionaries(keys, texts, max_size=3)
sealed_files = st.builds(
    SealedFile,
    name=names,
    namespace=names,
    scope=st.sampled_from(["strict", "namespace-wide", "cluster-wide"]),
    items=st.dictionaries(keys, st.just(ITEM), min_size=1, max_size=4),
    type=st.sampled_from(["Opaque", "kubernetes.io/tls"]),
    immutable=st.booleans(),
    labels=metadata,
    annotations=metadata,
    template_labels=metadata,
    template_annotations=metadata,
    tags=st.dictionaries(keys, tags, max_size=3),
    revision=st.none() | texts,
)


@given(sealed_files, st.sampled_from([PATH, "secrets/sealed-x.yaml"]))
def test_what_is_written_is_read_back(sealed: SealedFile, path: str) -> None:
    text = emit(sealed, helm="templates" in path)
    assert parse(text, path) == sealed
    assert emit(parse(text, path), helm="templates" in path) == text


@given(sealed_files)
def test_every_scalar_is_text_for_yaml(sealed: SealedFile) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                assert isinstance(key, str)
                check(inner)
        else:
            assert isinstance(value, str) or value is True

    check(manifest_of(sealed))


@given(texts)
def test_helm_is_never_given_an_open_action(text: str) -> None:
    sealed = SealedFile("a", "b", "strict", {"K": ITEM}, annotations={"note": text})
    written = emit(sealed, helm=True)
    assert "{{" not in written.replace("{{`{{`}}", "")


def cases() -> list[Path]:
    return sorted(CORPUS.glob("sealing-file-*/*.yaml"))


@pytest.mark.parametrize(
    "case", [c for c in cases() if "json" not in c.parent.name], ids=lambda c: f"{c.parent.name}/{c.stem}"
)
def test_the_corpus_of_broken_files_is_refused(case: Path) -> None:
    text = case.read_text(encoding="utf-8")
    if case.parent.name == "sealing-file-empty":
        pytest.skip("for the guard; sealing fills an empty file")
    with pytest.raises(Refusal) as refused:
        parse(text, PATH)
    assert {f.code for f in refused.value.findings} == {case.parent.name}
    assert "CANARY" not in str(refused.value)


def test_a_multiline_file_of_old_kubeseal_is_read_without_its_nulls() -> None:
    text = (
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  creationTimestamp: null\n  name: a\n"
        "  namespace: b\nspec:\n  encryptedData:\n    K: AgB=\n  template:\n    data: null\n    metadata:\n"
        "      creationTimestamp: null\n      name: a\n      namespace: b\n"
    )
    assert parse(text, PATH) == SealedFile("a", "b", "strict", {"K": "AgB="})


def test_plaintext_that_kubectl_left_in_an_annotation_is_dropped() -> None:
    text = emit(SealedFile("a", "b", "strict", {"K": ITEM}, template_annotations={"x": "z"}), helm=False)
    leaking = text.replace("        x: z", "        kubectl.kubernetes.io/last-applied-configuration: CANARY")
    assert "CANARY" in leaking
    assert leaks(leaking)
    assert "CANARY" not in emit(parse(leaking, PATH), helm=False)


@pytest.mark.parametrize(
    ("annotations", "scope"),
    [
        ({}, "strict"),
        ({"sealedsecrets.bitnami.com/namespace-wide": "true"}, "namespace-wide"),
        ({"sealedsecrets.bitnami.com/cluster-wide": "true"}, "cluster-wide"),
        ({"sealedsecrets.bitnami.com/cluster-wide": "True"}, "strict"),
        (
            {"sealedsecrets.bitnami.com/cluster-wide": "true", "sealedsecrets.bitnami.com/namespace-wide": "true"},
            "cluster-wide",
        ),
    ],
)
def test_the_scope_is_read_as_the_controller_reads_it(annotations: dict[str, str], scope: str) -> None:
    document = {
        "apiVersion": "bitnami.com/v1alpha1",
        "kind": "SealedSecret",
        "metadata": {"name": "a", "namespace": "b", "annotations": annotations},
        "spec": {"encryptedData": {"K": ITEM}},
    }
    assert parse(yaml.safe_dump(document), PATH).scope == scope
