# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin: options to files, inside this process and in a real play, and no value ever comes out."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.action import seal_secret
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.crypto import open_item
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import parse

from tests.unit.sealing.fakes import HF_PATH, FakeCluster, Pair, make_pair

ROOT = Path(__file__).parents[3]
CANARY = "CANARYcanaryCANARYcanary"
API_PATH = "applications/vllm/templates/sealed-vllm-secret.yaml"
PROXY = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy/v1/cert.pem"


@pytest.fixture(scope="module")
def today() -> Pair:
    """A key whose certificate is valid now: the action reads the real clock."""
    return make_pair(datetime.now(tz=UTC) - timedelta(days=1))


def run(args: dict[str, Any], *, check: bool = False, diff: bool = False) -> dict[str, Any]:
    task = SimpleNamespace(args=args, check_mode=check, diff=diff, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    action = seal_secret.ActionModule(task, connection, SimpleNamespace(), None, None, None)
    return action.run(task_vars={"inventory_hostname": "town"})


def hf(**changed: Any) -> dict[str, Any]:
    return {
        "name": "hf-secret",
        "namespace": "vllm",
        "string_data": {"TOKEN": f"hf_{CANARY}"},
        "path": HF_PATH,
        **changed,
    }


def codes(result: dict[str, Any]) -> list[str]:
    return [f["code"] for f in result["findings"]]


def contents(result: dict[str, Any]) -> dict[str, str]:
    return {file["path"]: file["content"] for file in result["files"]}


def test_sealing_against_given_content(today: Pair) -> None:
    options = {"certificate": today.pem, "secrets": [hf()], "fingerprint_key": "k" * 40}
    first = run({**options, "existing": {}}, diff=True)
    assert first["changed"]
    assert first["decisions"] == [{"secret": "vllm/hf-secret", "key": "TOKEN", "action": "seal", "reason": "new"}]
    assert first["certificate"]["source"] == "certificate option"
    sealed = parse(contents(first)[HF_PATH], HF_PATH)
    assert open_item([today.key], sealed.items["TOKEN"], sealed.label) == f"hf_{CANARY}".encode()
    second = run({**options, "existing": contents(first)}, diff=True)
    assert not second["changed"]
    assert second["diff"] == []
    assert contents(second) == contents(first)
    assert codes(second) == []


def test_writing_into_a_folder_and_check_mode(today: Pair, tmp_path: Path) -> None:
    options = {"certificate": today.pem, "secrets": [hf()], "existing_dir": str(tmp_path), "write": True}
    assert run(options, check=True)["changed"]
    assert list(tmp_path.iterdir()) == []
    assert run(options)["changed"]
    written = (tmp_path / HF_PATH).read_text(encoding="utf-8")
    again = run(options)
    assert not again["changed"]
    assert codes(again) == ["sealing-change-unknown"]
    assert again["findings"][0]["severity"] == "info"
    assert (tmp_path / HF_PATH).read_text(encoding="utf-8") == written


def test_a_short_value_does_not_punch_holes_into_the_files(today: Pair) -> None:
    secrets = [hf(string_data={"type": "git", "a": "A", "B": "vllm"})]
    result = run({"certificate": today.pem, "secrets": secrets, "existing": {}}, diff=True)
    assert "*" not in json.dumps(result)
    sealed = parse(contents(result)[HF_PATH], HF_PATH)
    assert {k: open_item([today.key], v, sealed.label) for k, v in sealed.items.items()} == {
        "type": b"git",
        "a": b"A",
        "B": b"vllm",
    }


def test_a_plaintext_file_a_private_key_and_a_key_file(today: Pair, tmp_path: Path) -> None:
    source = tmp_path / "hf-secret.yaml"
    source.write_text(
        f"kind: Secret\nmetadata: {{name: hf-secret}}\nstringData: {{TOKEN: {CANARY}}}\n", encoding="utf-8"
    )
    source.chmod(0o600)
    options = {"certificate": today.pem, "secrets": [hf(string_data=None, from_file=str(source))]}
    first = run({**options, "existing": {}})
    assert parse(contents(first)[HF_PATH], HF_PATH).tags["TOKEN"].made_by == "public"
    known = {"private_key": today.private_pem, "fingerprint_key_file": str(tmp_path / "key"), "on_unknown": "fail"}
    second = run({**options, **known, "existing": contents(first)})
    assert second["decisions"][0]["reason"] == "the private key says unchanged"
    assert second["changed"], "the tag is made with the key now"
    third = run(
        {**options, "fingerprint_key_file": str(tmp_path / "key"), "on_unknown": "fail", "existing": contents(second)}
    )
    assert not third["changed"]


@pytest.mark.parametrize("on_unknown", ["keep", "reseal", "fail"])
def test_a_later_run_with_no_value_anywhere_keeps_what_is_sealed(today: Pair, on_unknown: str) -> None:
    """Also in a rotation, which asks for reseal: what is not given is not what rotates."""
    options = {"certificate": today.pem, "on_unknown": on_unknown}
    first = run({**options, "secrets": [hf()], "existing": {}})
    later = run({**options, "secrets": [hf(string_data={"TOKEN": None})], "existing": contents(first)})
    assert (later["changed"], codes(later)) == (False, [])
    assert later["decisions"][0] | {"secret": ""} == {
        "secret": "",
        "key": "TOKEN",
        "action": "keep",
        "reason": "no value is given",
    }
    assert contents(later) == contents(first)


def test_a_first_run_with_no_value_anywhere_names_the_secret_and_its_key(today: Pair) -> None:
    result = run({"certificate": today.pem, "secrets": [hf(string_data={"TOKEN": None})], "existing": {}})
    assert [(f["code"], f["subject"]) for f in result["findings"]] == [
        ("sealing-value-missing", "vllm/hf-secret[TOKEN]")
    ]
    assert "HF_TOKEN" in result["findings"][0]["fix"]


def test_a_rotation_seals_the_value_that_is_given_and_keeps_the_other(today: Pair) -> None:
    api = {"name": "vllm-secret", "namespace": "vllm", "path": API_PATH, "string_data": {"KEY": "a-key-of-20-letters1"}}
    options = {"certificate": today.pem, "on_unknown": "reseal"}
    first = run({**options, "secrets": [hf(), api], "existing": {}})
    given = [hf(string_data={"TOKEN": None}), {**api, "string_data": {"KEY": "a-key-of-20-letters2"}}]
    second = run({**options, "secrets": given, "existing": contents(first)})
    assert [(i["key"], i["action"]) for i in second["decisions"]] == [("TOKEN", "keep"), ("KEY", "seal")]
    assert contents(second)[HF_PATH] == contents(first)[HF_PATH]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"secrets": []}, "sealing-value-missing"),
        ({"secrets": [hf(string_data={"TOKEN": CANARY + "\n"})]}, "sealing-value-newline"),
        ({"secrets": [hf(from_file="/nonexistent/" + "x.yaml")]}, "sealing-source-unreadable"),
        ({"certificate": "http://example.org"}, "sealing-certificate-unreadable"),
        ({"certificate_fingerprint": "00" * 32}, "sealing-certificate-foreign"),
        ({"fingerprint_key": CANARY}, "sealing-fingerprint-key-weak"),
        ({"private_key": f"-----BEGIN {CANARY}"}, "sealing-certificate-unreadable"),
        ({"existing": {HF_PATH: f"kind: Secret # {CANARY}"}}, "sealing-file-not-sealed"),
        ({"consumers": [{"namespace": "vllm", "name": "hf"}]}, "sealing-consumer-mismatch"),
        ({"existing_dir": "/tmp"}, "options-invalid"),
        ({"existing": None}, "options-invalid"),
        ({"secrets": CANARY}, "options-invalid"),
        ({"secrets": [CANARY]}, "options-invalid"),
        ({"secrets": [[CANARY]]}, "options-invalid"),
        ({"secrets": [hf(string_data=CANARY)]}, "options-invalid"),
        ({"secrets": [hf(string_data=[CANARY])]}, "options-invalid"),
        ({"secrets": [hf(strng_data={"TOKEN": CANARY})]}, "options-invalid"),
        ({"secrets": [hf(scope="wide")]}, "options-invalid"),
    ],
)
def test_refusals_name_the_rule_and_not_the_value(today: Pair, changed: dict[str, Any], code: str) -> None:
    result = run({"certificate": today.pem, "secrets": [hf()], "existing": {}, **changed}, diff=True)
    assert result["failed"]
    assert set(codes(result)) == {code}
    assert CANARY not in json.dumps(result)
    assert "files" not in result


def live(pair: Pair, text: str, value: bytes, status: str = "True", message: str = "") -> dict[str, Any]:
    items = dict(parse(text, HF_PATH).items)
    return {
        PROXY: pair.pem,
        "/apis/bitnami.com/v1alpha1/namespaces/vllm/sealedsecrets/hf-secret": {
            "metadata": {"generation": 1},
            "spec": {"encryptedData": items},
            "status": {
                "observedGeneration": 1,
                "conditions": [{"type": "Synced", "status": status, "message": message}],
            },
        },
        "/api/v1/namespaces/vllm/secrets/hf-secret": {"data": {"TOKEN": base64.b64encode(value).decode()}},
    }


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    fake = FakeCluster({})
    monkeypatch.setattr(seal_secret.Cluster, "connect", staticmethod(lambda options: fake))
    yield fake


def test_without_any_key_the_live_secret_shows_a_rotated_token(today: Pair, cluster: FakeCluster) -> None:
    cluster.answers[PROXY] = today.pem
    first = run({"secrets": [hf()], "existing": {}})
    assert first["certificate"]["source"] == "service proxy http:sealed-secrets-controller:http"
    cluster.answers = live(today, contents(first)[HF_PATH], f"hf_{CANARY}".encode())
    second = run({"secrets": [hf()], "existing": contents(first)})
    assert (second["changed"], codes(second)) == (False, [])
    rotated = hf(string_data={"TOKEN": f"hf_{CANARY.swapcase()}"})
    third = run({"secrets": [rotated], "existing": contents(first)})
    assert third["decisions"][0]["reason"] == "the value changed (the live Secret has another)"
    blind = run({"secrets": [rotated], "existing": contents(first), "compare_live": False})
    assert (blind["changed"], codes(blind)) == (False, ["sealing-change-unknown"])


def test_what_the_controller_cannot_open_is_sealed_anew(today: Pair, cluster: FakeCluster) -> None:
    cluster.answers[PROXY] = today.pem
    options = {"secrets": [hf()], "fingerprint_key": "k" * 40}
    first = run({**options, "existing": {}})
    text = contents(first)[HF_PATH]
    cluster.answers = live(today, text, b"", "False", "no key could decrypt secret (TOKEN)")
    second = run({**options, "existing": {HF_PATH: text}})
    assert second["decisions"][0]["reason"] == "the controller cannot open it"


def test_a_given_certificate_is_compared_with_the_clusters(today: Pair, cluster: FakeCluster) -> None:
    other = make_pair(datetime.now(tz=UTC) - timedelta(hours=1))
    options = {"certificate": today.pem, "secrets": [hf()], "existing": {}, "host": "https://cluster"}
    cluster.answers[PROXY] = other.pem
    assert codes(run(options)) == ["sealing-certificate-not-newest"]
    cluster.answers[PROXY] = today.pem
    assert codes(run(options)) == []
    cluster.answers = dict.fromkeys((PROXY,), ApiError(403, "Forbidden", "no"))
    cluster.answers |= {
        f"/api/v1/namespaces/kube-system/{kind}": ApiError(403, "Forbidden", "no") for kind in ("pods", "secrets")
    }
    assert codes(run(options)) == [], "without an answer there is nothing to compare"


PLAY = """
- hosts: localhost
  gather_facts: false
  vars:
    common: {existing_dir: "{{ repo }}", certificate: "{{ cert }}", fingerprint_key: "{{ canary }}-of-32-characters"}
    place: {name: hf-secret, namespace: vllm, path: "{{ hf_path }}"}
    hf: "{{ place | combine({'string_data': {'TOKEN': 'hf_' ~ canary}}) }}"
    api: {name: vllm-secret, namespace: vllm, path: "{{ api_path }}", from_file: "{{ plain }}"}
  module_defaults:
    inferops.vllm.seal_secret: "{{ common }}"
  tasks:
    - name: Seal two
      inferops.vllm.seal_secret: {write: true, secrets: ["{{ hf }}", "{{ api }}"]}
      register: first
    - name: Seal again
      inferops.vllm.seal_secret: {write: true, secrets: ["{{ hf }}", "{{ api }}"]}
      register: second
    - name: Show the registered results
      ansible.builtin.debug: {msg: "{{ [first, second] }}"}
    - name: A refused value
      inferops.vllm.seal_secret: {secrets: ["{{ place | combine({'string_data': {'TOKEN': canary ~ ' '}}) }}"]}
      ignore_errors: true
    - name: A value in the wrong place
      inferops.vllm.seal_secret: {secrets: ["{{ place | combine({'string_data': canary}) }}"]}
      ignore_errors: true
    - name: A misspelt option
      inferops.vllm.seal_secret: {secrets: ["{{ place | combine({'strin_data': {'TOKEN': canary}}) }}"]}
      ignore_errors: true
    - name: Secrets that are no list of dicts
      inferops.vllm.seal_secret: {secrets: ["{{ canary }}"]}
      ignore_errors: true
    - name: Secrets in a list of lists
      inferops.vllm.seal_secret: {secrets: [["{{ canary }}"]]}
      ignore_errors: true
    - name: A key that is none
      inferops.vllm.seal_secret: {private_key: "-----BEGIN {{ canary }}", secrets: ["{{ hf }}"]}
      ignore_errors: true
"""


def test_a_real_play_shows_no_value_anywhere(today: Pair, tmp_path: Path) -> None:
    home, repo, plain, cert = (tmp_path / name for name in ("home", "repo", "plain.yaml", "cert.pem"))
    home.mkdir()
    repo.mkdir()
    cert.write_text(today.pem, encoding="utf-8")
    plain.write_text(
        f"kind: Secret\nmetadata: {{name: vllm-secret}}\nstringData: {{KEY: {CANARY}-api-key}}\n", encoding="utf-8"
    )
    plain.chmod(0o600)
    play = tmp_path / "play.yml"
    play.write_text(PLAY, encoding="utf-8")
    paths = {"cert": str(cert), "repo": str(repo), "plain": str(plain), "hf_path": HF_PATH, "api_path": API_PATH}
    variables = tmp_path / "vars.json"
    variables.write_text(json.dumps({"canary": CANARY, **paths}), encoding="utf-8")
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "-D", "-vvvvv"),
            *("-e", f"@{variables}", str(play)),
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_LOG_PATH": str(home / "ansible.log"),
            "ANSIBLE_KEEP_REMOTE_FILES": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "TMPDIR": str(home),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "changed=1 " in done.stdout
    assert "failed=0" in done.stdout
    assert "ignored=6" in done.stdout
    encoded = base64.b64encode(CANARY.encode()).decode()[:28]
    written = [
        path.read_text("utf-8", "replace") for folder in (home, repo) for path in folder.rglob("*") if path.is_file()
    ]
    for text in (done.stdout, done.stderr, *written):
        assert CANARY not in text
        assert encoded not in text
    assert len(written) >= 3, "both sealed files and the log were looked at"
    assert "sealing-value-whitespace" in done.stdout
    sealed = parse((repo / API_PATH).read_text(encoding="utf-8"), API_PATH)
    assert open_item([today.key], sealed.items["KEY"], sealed.label) == f"{CANARY}-api-key".encode()
