# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real controller opens what the module sealed, in every scope, and the module takes over what kubeseal made."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.action import seal_secret
from ansible_collections.inferops.vllm.plugins.module_utils.cluster import path_of
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import SealedFile, manifest_of, parse
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.source import ACTIVE_KEYS
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.status import findings_of

from tests.integration.conftest import ROOT, Sandbox

pytestmark = pytest.mark.sandbox

SCOPES = ("strict", "namespace-wide", "cluster-wide")
VALUES = {
    "TOKEN": b"hf_abcdefghijklmnopqrstuvwxyz",
    "one-byte": b"x",
    "unicode": "blåbærgrød ☃\nzwei Zeilen\n".encode(),
    "binary": bytes(range(256)),
    "yaml.txt": b"yes",
    "large": b"0123456789abcdef" * 4096,
}
APPLIED_SECONDS = 20.0


@pytest.fixture(scope="module")
def sandbox(sandbox_of: Callable[[str], Sandbox]) -> Sandbox:
    return sandbox_of("bare_metal")


def grant(sandbox: Sandbox, namespace: str) -> None:
    """Let the service account do there what it may do in the models' namespace."""
    for document in yaml.safe_load_all((ROOT / "docs" / "rbac" / "site.yaml").read_text("utf-8")):
        metadata = document["metadata"]
        if metadata.get("namespace") == "vllm":
            moved = {**document, "metadata": {**metadata, "namespace": namespace}}
            sandbox.kubectl("apply", "-f", "-", stdin=json.dumps(moved))


@pytest.fixture(scope="module")
def namespace(sandbox: Sandbox) -> Iterator[str]:
    for name in ("sealing", "sealing-elsewhere"):
        sandbox.kubectl("create", "namespace", name)
        grant(sandbox, name)
    yield "sealing"
    for name in ("sealing", "sealing-elsewhere"):
        sandbox.kubectl("delete", "namespace", name, "--wait=false")


def seal(sandbox: Sandbox, *secrets: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The module as Ansible calls it, with the sandbox's own certificate."""
    given = {"kubeconfig": sandbox.state["accounts"]["site"], "secrets": list(secrets), "existing": {}, **options}
    task = SimpleNamespace(args=given, check_mode=False, diff=False, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    action = seal_secret.ActionModule(task, connection, SimpleNamespace(), None, None, None)
    result = action.run(task_vars={"inventory_hostname": "town"})
    assert not result.get("failed"), result.get("msg")
    return result


def entry(name: str, namespace: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "path": f"applications/x/templates/sealed-{name}.yaml", **more}


def files(result: dict[str, Any]) -> dict[str, SealedFile]:
    return {file["path"]: parse(file["content"], file["path"]) for file in result["files"]}


def contents(result: dict[str, Any]) -> dict[str, str]:
    return {file["path"]: file["content"] for file in result["files"]}


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + APPLIED_SECONDS
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def live(sandbox: Sandbox, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
    return sandbox.cluster.find(path_of(kind, namespace, name))


def opened(sandbox: Sandbox, namespace: str, name: str) -> dict[str, bytes]:
    secret = eventually(lambda: live(sandbox, "Secret", namespace, name)) or {}
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


def synced(sandbox: Sandbox, namespace: str, name: str) -> str:
    """The Synced condition of the present generation, once there is one."""

    def look() -> str:
        sealed = live(sandbox, "SealedSecret", namespace, name) or {}
        status = sealed.get("status") or {}
        if status.get("observedGeneration") != sealed["metadata"]["generation"]:
            return ""
        return next((c["status"] for c in status.get("conditions") or () if c["type"] == "Synced"), "")

    return str(eventually(look))


@pytest.mark.parametrize("scope", SCOPES)
def test_the_controller_opens_what_the_module_sealed(sandbox: Sandbox, namespace: str, scope: str) -> None:
    encoded = {key: base64.b64encode(value).decode() for key, value in VALUES.items()}
    labels = {"argocd.argoproj.io/secret-type": "repository", "y": "n"}
    result = seal(
        sandbox, entry(scope, namespace, scope=scope, data=encoded, template_labels=labels, annotations={"e": "1e3"})
    )
    assert result["certificate"]["source"].startswith("port-forward"), "a service proxy reaches no pod here"
    (file,) = files(result).values()
    pushed = datetime.now(tz=UTC) - timedelta(seconds=1)
    sandbox.cluster.apply(manifest_of(file))
    assert opened(sandbox, namespace, scope) == VALUES
    assert synced(sandbox, namespace, scope) == "True"
    secret = live(sandbox, "Secret", namespace, scope)
    assert secret
    assert (secret["metadata"]["labels"], secret["type"]) == (labels, "Opaque")
    sealed = live(sandbox, "SealedSecret", namespace, scope)
    assert findings_of(file, sealed, secret, changed_at=pushed, newest_key=result["certificate"]["key_id"]) == []
    late = datetime.now(tz=UTC) + timedelta(minutes=1)
    assert [f.code for f in findings_of(file, sealed, secret, changed_at=late)] == ["sealing-secret-outdated"]


@pytest.mark.parametrize(("scope", "renamed", "moved"), [(s, i > 0, i > 1) for i, s in enumerate(SCOPES)])
def test_the_scope_binds_as_it_says(sandbox: Sandbox, namespace: str, scope: str, renamed: bool, moved: bool) -> None:
    value = {"K": "a value that is sealed"}
    result = seal(sandbox, entry(f"bound-{scope}", namespace, scope=scope, string_data=value))
    (file,) = files(result).values()
    for name, where, opens in (
        (f"renamed-{scope}", namespace, renamed),
        (f"moved-{scope}", "sealing-elsewhere", moved),
    ):
        manifest = manifest_of(file)
        for metadata in (manifest["metadata"], manifest["spec"]["template"]["metadata"]):
            metadata.update(name=name, namespace=where)
        sandbox.cluster.apply(manifest)
        assert synced(sandbox, where, name) == str(opens)
        if opens:
            assert opened(sandbox, where, name) == {"K": b"a value that is sealed"}
            continue
        copied = SealedFile(name, where, scope, file.items, tags=file.tags)
        sealed, secret = (live(sandbox, kind, where, name) for kind in ("SealedSecret", "Secret"))
        (found, *_) = findings_of(copied, sealed, secret, newest_key=result["certificate"]["key_id"])
        assert found.code == "sealing-cannot-open"
        assert "sealed for another name, namespace or scope" in found.message


def test_what_the_controller_cannot_open_is_sealed_anew(sandbox: Sandbox, namespace: str) -> None:
    here, value = entry("lost", namespace, string_data={"K": "a value that was lost"}), b"a value that was lost"
    foreign = entry("other", namespace, string_data={"K": "a value that was lost"})
    (donor,) = files(seal(sandbox, foreign)).values()
    (ours,) = files(seal(sandbox, here)).values()
    broken = SealedFile("lost", namespace, "strict", donor.items, tags=ours.tags)
    sandbox.cluster.apply(manifest_of(broken))
    assert synced(sandbox, namespace, "lost") == "False"
    text = json.dumps(manifest_of(broken))
    again = seal(sandbox, here, existing={here["path"]: text})
    assert again["decisions"][0]["reason"] == "the controller cannot open it"
    (mended,) = files(again).values()
    sandbox.cluster.apply(manifest_of(mended))
    assert eventually(lambda: opened(sandbox, namespace, "lost") == {"K": value})


def newest(sandbox: Sandbox) -> str:
    """The controller's certificate, from the public half of its key."""
    keys = sandbox.cluster.items(path_of("Secret", "kube-system"), labelSelector=ACTIVE_KEYS)
    return base64.b64decode(next(iter(keys))["data"]["tls.crt"]).decode()


def test_what_kubeseal_made_is_taken_over_where_it_is_equal(sandbox: Sandbox, namespace: str, tmp_path: Path) -> None:
    """One documented step: with the cluster connected an equal value keeps its item and gets its tag."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "adopted", "namespace": namespace},
        "stringData": {"SAME": "the same value", "DIFF": "an old value"},
    }
    certificate = tmp_path / "sealing.pem"
    certificate.write_text(newest(sandbox))
    text = sandbox.run("kubeseal", "--cert", str(certificate), "-o", "yaml", stdin=json.dumps(secret))
    path = "applications/x/templates/sealed-adopted.yaml"
    sandbox.cluster.apply(manifest_of(parse(text, path)))
    assert synced(sandbox, namespace, "adopted") == "True"
    wanted = entry("adopted", namespace, string_data={"SAME": "the same value", "DIFF": "a new value!"})
    taken = seal(sandbox, wanted, existing={path: text}, on_unknown="fail", fingerprint_key="f" * 40)
    assert {i["key"]: i["action"] for i in taken["decisions"]} == {"SAME": "keep", "DIFF": "seal"}
    (file,) = files(taken).values()
    assert file.items["SAME"] == parse(text, path).items["SAME"]
    sandbox.cluster.apply(manifest_of(file))
    assert eventually(
        lambda: opened(sandbox, namespace, "adopted") == {"SAME": b"the same value", "DIFF": b"a new value!"}
    )
    again = seal(sandbox, wanted, existing=contents(taken), on_unknown="fail", fingerprint_key="f" * 40)
    assert (again["changed"], contents(again)) == (False, contents(taken))


def test_an_item_that_kubeseal_replaced_by_hand_is_noticed(sandbox: Sandbox, namespace: str, tmp_path: Path) -> None:
    """With the fingerprint key, offline: same length, other value, everything else as it was."""
    wanted = entry("edited", namespace, string_data={"KEY": "the value of ours", "OTHER": "another value"})
    options = {"on_unknown": "fail", "fingerprint_key": "f" * 40, "compare_live": False}
    first = seal(sandbox, wanted, **options)
    file, certificate = tmp_path / "sealed-edited.yaml", tmp_path / "sealing.pem"
    file.write_text(contents(first)[wanted["path"]])
    certificate.write_text(newest(sandbox))
    metadata = {"name": "edited", "namespace": namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"KEY": "a value of theirs"}}
    sandbox.run(
        "kubeseal", "--cert", str(certificate), "-o", "yaml", "--merge-into", str(file), stdin=json.dumps(secret)
    )
    second = seal(sandbox, wanted, existing={wanted["path"]: file.read_text()}, **options)
    assert {d["key"]: d["action"] for d in second["decisions"]} == {"KEY": "seal", "OTHER": "keep"}
    assert "replaced by hand" in second["decisions"][0]["reason"]
    (before,), (after,) = files(first).values(), files(second).values()
    assert after.items["OTHER"] == before.items["OTHER"]
