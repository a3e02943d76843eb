# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the live cluster and private keys may say, and when they do not count."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.crypto import seal_item
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.evidence import (
    Live,
    ask_cluster,
    key_evidence,
    lost_keys,
    private_keys,
)
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import SealedFile
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.validate import Wanted

from tests.unit.sealing.fakes import HF_PATH, FakeCluster, Pair

WANTED = Wanted("hf-secret", "vllm", "strict", HF_PATH, {"TOKEN": b"x"})
FILE = SealedFile("hf-secret", "vllm", "strict", {"TOKEN": "item", "OTHER": "item2"})
SEALED = "/apis/bitnami.com/v1alpha1/namespaces/vllm/sealedsecrets/hf-secret"
SECRET = "/api/v1/namespaces/vllm/secrets/hf-secret"


def sealed(
    status: str = "True", message: str = "", observed: int = 2, items: dict[str, str] | None = None
) -> dict[str, Any]:
    return {
        "metadata": {"generation": 2},
        "spec": {"encryptedData": items or {"TOKEN": "item", "OTHER": "edited"}},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": "Other"}, {"type": "Synced", "status": status, "message": message}],
        },
    }


def secret(value: object) -> dict[str, Any]:
    return {"data": {"TOKEN": value, "OTHER": value}}


def test_a_live_value_counts_where_the_cluster_has_the_files_item() -> None:
    cluster = FakeCluster({SEALED: sealed(), SECRET: secret(base64.b64encode(b"x").decode())})
    found = ask_cluster(Live(cluster), WANTED, FILE)
    assert found.value("TOKEN") == b"x"
    assert found.value("OTHER") is None, "the cluster has another item"
    assert found.value("TOKEN") == b"x"
    assert cluster.asked.count(SECRET) == 1


@pytest.mark.parametrize("live", [sealed("False"), sealed(observed=1), {"metadata": {}, "spec": {}}])
def test_a_live_value_does_not_count_before_it_was_unsealed(live: dict[str, Any]) -> None:
    cluster = FakeCluster({SEALED: live, SECRET: secret("eA==")})
    assert ask_cluster(Live(cluster), WANTED, FILE).value("TOKEN") is None
    assert SECRET not in cluster.asked


@pytest.mark.parametrize("answer", [ApiError(403, "Forbidden", "no"), secret("%"), secret(1), {}])
def test_what_cannot_be_read_is_not_known(answer: Any) -> None:
    assert ask_cluster(Live(FakeCluster({SEALED: sealed(), SECRET: answer})), WANTED, FILE).value("TOKEN") is None


@pytest.mark.parametrize("answers", [{}, {SEALED: ApiError(403, "Forbidden", "no")}, {SEALED: ApiError(0, "", "down")}])
def test_without_a_live_sealedsecret_nothing_is_known(answers: dict[str, Any]) -> None:
    found = ask_cluster(Live(FakeCluster(answers)), WANTED, FILE)
    assert found.value("TOKEN") is None
    assert found.lost == frozenset()


def test_the_controllers_verdict_on_this_very_item_counts() -> None:
    live = sealed("False", "no key could decrypt secret (TOKEN, OTHER)")
    assert lost_keys(live) == {"TOKEN", "OTHER"}
    assert ask_cluster(Live(FakeCluster({SEALED: live})), WANTED, FILE).lost == {"TOKEN"}
    assert lost_keys(sealed("False", "already exists and is not managed")) == frozenset()


def test_a_private_key_opens_what_was_sealed_for_it(pair: Pair, newer: Pair, tmp_path: Path) -> None:
    item = seal_item(pair.key.public_key(), b"x", b"vllm/hf-secret")
    file = SealedFile("hf-secret", "vllm", "strict", {"TOKEN": item})
    path = tmp_path / "key.pem"
    path.write_text(newer.private_pem + pair.private_pem, encoding="utf-8")
    assert key_evidence(private_keys(str(path)), file).value("TOKEN") == b"x"
    assert key_evidence(private_keys(newer.private_pem), file).value("TOKEN") is None


@pytest.mark.parametrize(
    "text",
    [
        "/nonexistent.pem",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----",
    ],
)
def test_private_keys_that_are_none(text: str) -> None:
    with pytest.raises(Refusal, match="sealing-certificate-unreadable") as caught:
        private_keys(text)
    assert "CANARY" not in str(caught.value)


def test_many_files_of_a_namespace_cost_one_request() -> None:
    folder = SEALED.rpartition("/")[0]
    cluster = FakeCluster({SEALED: sealed(), f"{folder}/other": sealed()})
    live = Live(cluster)
    assert live.sealed("vllm", "hf-secret")
    assert live.sealed("vllm", "other")
    assert live.sealed("vllm", "none") is None
    assert cluster.asked == [folder]
