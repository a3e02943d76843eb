# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner's own parts: state, kubeconfig, kwok's configuration, waits, command line."""

import json
import shutil
import subprocess

import pytest
import yaml

from sandbox.runner import api, cli, gitrepo, kwok, lifecycle, objects, pki, processes, snapshot, waiting
from sandbox.runner.binaries import Binaries
from sandbox.runner.components import COMPONENTS, PORTS, STOP_ORDER
from sandbox.runner.errors import SandboxError
from sandbox.runner.probes import summary
from sandbox.runner.state import PROFILES, State, locate


def test_every_process_is_stopped_exactly_once_and_has_a_port():
    names = [component.name for component in COMPONENTS]
    assert sorted(name for group in STOP_ORDER for name in group) == sorted(names)
    assert {component.ready.port for component in COMPONENTS} <= set(PORTS)
    assert STOP_ORDER[-1] == ("etcd",)


def test_a_wait_ends_with_target_answer_and_evidence():
    with pytest.raises(SandboxError, match=r"it: not there after 0 s: no answer\nlast words"):
        waiting.wait_for("it", lambda: "no answer", 0.05, lambda: "last words")
    answers = iter(["not yet", ""])
    waiting.wait_for("it", lambda: next(answers), 5)


def test_state_is_written_whole_and_a_broken_file_counts_as_none(tmp_path):
    state = State(tmp_path)
    assert state.read() == {}
    state.write({"a": 1})
    assert state.read() == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    state.file.write_text("{")
    assert state.read() == {}


def test_where_the_state_lies(tmp_path, monkeypatch):
    monkeypatch.delenv("SANDBOX_STATE", raising=False)
    assert locate("vgpu", None).root.parts[-3:] == (".cache", "sandbox", "vgpu")
    monkeypatch.setenv("SANDBOX_STATE", str(tmp_path / "env"))
    assert locate("vgpu", None).root == tmp_path / "env"
    assert locate("vgpu", str(tmp_path / "arg")).root == tmp_path / "arg"


def test_a_kubeconfig_needs_no_other_file_and_is_private(tmp_path):
    pki.create(tmp_path / "pki")
    user = api.certificate_user(tmp_path / "pki", "admin")
    api.write_kubeconfig(tmp_path / "k", 6443, tmp_path / "pki", "sandbox-x", user)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600
    document = yaml.safe_load((tmp_path / "k").read_text())
    assert document["current-context"] == "sandbox-x"
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"


@pytest.mark.parametrize(
    ("kind", "version", "namespace", "path"),
    [
        ("Node", "v1", "", "/api/v1/nodes/x"),
        ("StorageClass", "storage.k8s.io/v1", "", "/apis/storage.k8s.io/v1/storageclasses/x"),
        ("DaemonSet", "apps/v1", "a", "/apis/apps/v1/namespaces/a/daemonsets/x"),
        ("NetworkPolicy", "networking.k8s.io/v1", "a", "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies/x"),
    ],
)
def test_paths(kind, version, namespace, path):
    metadata = {"name": "x", **({"namespace": namespace} if namespace else {})}
    assert api.path_of({"apiVersion": version, "kind": kind, "metadata": metadata}) == path


def test_kwok_listens_on_loopback_and_leaves_failing_pods_alone(tmp_path):
    stages = tmp_path / "stages"
    stages.mkdir()
    ready = {"kind": "Stage", "metadata": {"name": "pod-ready"}, "spec": {"selector": {"matchExpressions": []}}}
    (stages / "pod-ready.yaml").write_text(yaml.safe_dump(ready))
    ports = dict.fromkeys(PORTS, 20001)
    documents = [
        d
        for path in kwok.write_config(tmp_path / "out", stages, ports, tmp_path / "log")
        for d in yaml.safe_load_all(path.read_text())
    ]
    options = documents[0]["options"]
    assert options["serverAddress"] == "127.0.0.1:20001"
    changed = next(d for d in documents[1:] if d["metadata"]["name"] == "pod-ready")
    assert changed["spec"]["selector"]["matchExpressions"][0]["values"] == kwok.HELD_BACK
    targets = [
        d["spec"]["forwards"][0]["target"]["address"] for d in documents[1:] if d["kind"] == "ClusterPortForward"
    ]
    assert set(targets) == {"127.0.0.1"}
    assert not [d for d in documents[1:] if d["kind"] in ("ClusterExec", "Exec")]


@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_have_gpu_nodes_with_a_taint_and_one_node_without(profile):
    nodes = [objects.node_object(described, 1) for described in objects.profile_nodes(profile)]
    gpu = [node for node in nodes if "nvidia.com/gpu" in node["status"]["capacity"]]
    assert sum(int(node["status"]["allocatable"]["nvidia.com/gpu"]) for node in gpu) == 2
    for node in gpu:
        labels = node["metadata"]["labels"]
        assert node["spec"]["taints"] == [{"key": "node-role.kubernetes.io/gpu", "effect": "NoSchedule"}]
        assert labels["nvidia.com/gpu.count"] == node["status"]["capacity"]["nvidia.com/gpu"]
        assert (labels.get("nvidia.com/vgpu.present") == "true") is (profile == "vgpu")
        assert any(key.startswith("extensions.talos.dev/nvidia") for key in labels) is (profile == "bare_metal")
        assert "nvidia" in [handler["name"] for handler in node["status"]["runtimeHandlers"]]
    assert [node["spec"]["taints"] for node in nodes if node not in gpu] == [[]]


def test_the_extensions_of_the_talos_node_are_a_matching_pair():
    labels = next(objects.profile_nodes("bare_metal"))["labels"]
    drivers = {value.split("-")[0] for key, value in labels.items() if key.startswith("extensions.talos.dev/nvidia")}
    assert drivers == {labels["nvidia.com/cuda.driver-version.full"]}


def test_a_health_answer_is_cut_to_what_fails():
    assert (
        summary(b"[+]ping ok\n[-]etcd failed: reason withheld\n[-]x failed") == "etcd failed: reason withheld; x failed"
    )
    assert summary(b"not found\nmore") == "not found"


def test_the_repository_has_a_branch_and_is_not_made_twice(tmp_path):
    def head():
        command = ["git", "-C", str(tmp_path / "repo.git"), "rev-parse", "HEAD", "main"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    gitrepo.initialise(tmp_path / "repo.git")
    first = head()
    assert first[0] == first[1]
    gitrepo.initialise(tmp_path / "repo.git")
    assert head() == first


def test_status_of_what_was_never_started_is_not_ready(tmp_path, capsys):
    assert cli.main(["status", "--state", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    assert output.count("not running") == len(COMPONENTS)


def test_env_of_what_was_never_started_is_refused_in_one_line(tmp_path, capsys):
    assert cli.main(["env", "--state", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_down_of_what_was_never_started_is_fine(tmp_path, capsys):
    assert cli.main(["down", "--state", str(tmp_path / "x")]) == 0
    assert "was not running" in capsys.readouterr().out


def test_the_saved_sealing_key_is_private_and_goes_back(tmp_path):
    class Api:
        created = None

        def find(self, _path):
            labels = {"sealedsecrets.bitnami.com/sealed-secrets-key": "active"}
            metadata = {
                "name": "k",
                "namespace": "kube-system",
                "labels": labels,
                "creationTimestamp": "2026",
                "uid": "u",
            }
            return {"items": [{"type": "kubernetes.io/tls", "metadata": metadata, "data": {"tls.key": "x"}}]}

        def create(self, _path, document):
            Api.created = document

    saved = tmp_path / "key.json"
    objects.restore_sealing_key(Api(), saved)
    assert Api.created is None
    objects.save_sealing_key(Api(), saved)
    assert saved.stat().st_mode & 0o777 == 0o600
    objects.restore_sealing_key(Api(), saved)
    assert Api.created == json.loads(saved.read_text())
    assert "uid" not in Api.created["metadata"]


class PodsOf:
    """An API server whose only pod starts late, or never until it was made anew."""

    def __init__(self, missed: bool) -> None:
        self.missed, self.asked, self.deleted = missed, 0, []

    def find(self, _path):
        self.asked += 1
        started = bool(self.deleted) if self.missed else self.asked > 3
        metadata = {"namespace": "kube-system", "name": "controller-x"}
        return {"items": [{"metadata": metadata, "status": {"phase": "Running" if started else "Pending"}}]}

    def delete(self, path):
        self.deleted.append(path)


@pytest.mark.parametrize("missed", [False, True])
def test_a_pod_that_kwok_missed_is_made_anew(monkeypatch, missed):
    monkeypatch.setattr(objects, "MISSED_SECONDS", 0.3)
    api = PodsOf(missed)
    objects.await_base_pods(api)
    assert api.deleted == ["/api/v1/namespaces/kube-system/pods/controller-x?gracePeriodSeconds=0"] * missed


def test_the_processes_get_no_credential_of_the_caller():
    assert not {"KUBECONFIG", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "HTTP_PROXY"} & set(lifecycle.PASSED_ON)


def test_a_copy_of_the_fresh_data_is_taken_once_and_given_to_an_empty_directory_only(tmp_path):
    state = State(tmp_path)
    member = tmp_path / "etcd" / "member"
    member.mkdir(parents=True)
    (member / "db").write_text("fresh")
    snapshot.save(state, "one")
    assert not snapshot.folder(state, "one").exists()  # no etcd runs
    processes.start("etcd", ["sleep", "60"], tmp_path, {})
    waiting.wait_for("etcd", lambda: "" if processes.pid_of("etcd", tmp_path) else "no", 5)
    try:
        snapshot.save(state, "one")
        (member / "db").write_text("used")
        snapshot.save(state, "one")
        assert not snapshot.restore(state, "one")
        shutil.rmtree(member)
        assert not snapshot.restore(state, "other")
        assert snapshot.restore(state, "one")
        assert (member / "db").read_text() == "fresh"
        snapshot.save(state, "two")
        assert [path.name for path in snapshot.folder(state, "two").parent.iterdir()] == ["two"]
        assert processes.alive(processes.pid_of("etcd", tmp_path)).split()[2] != "T"
    finally:
        processes.stop(["etcd"], tmp_path)


def test_whatever_decides_a_fresh_cluster_changes_the_copys_key(tmp_path):
    state = State(tmp_path)
    state.pki.mkdir()
    (state.pki / "ca.crt").write_text("a")
    first = Binaries({}, {"kwok-crds": tmp_path / "1"})
    keys = {snapshot.key(state, "vgpu", first), snapshot.key(state, "bare_metal", first)}
    keys.add(snapshot.key(state, "vgpu", Binaries({}, {"kwok-crds": tmp_path / "2"})))
    (state.pki / "ca.crt").write_text("b")
    keys.add(snapshot.key(state, "vgpu", first))
    assert len(keys) == 4
