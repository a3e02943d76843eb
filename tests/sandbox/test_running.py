# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running sandbox behaves as its README says."""

import http.client
import json
import os
import subprocess

import pytest
import yaml

from sandbox.runner import gitrepo, lifecycle, processes
from sandbox.runner.state import State

from .conftest import eventually

pytestmark = pytest.mark.sandbox


def pod(name, command="true", *, annotations=None, restart="Always", limits=None, node="gpu-1"):
    container = {
        "name": "c",
        "image": "example.invalid/x:1",
        "command": ["/bin/sh", "-c", command],
        "resources": {"limits": limits or {}},
    }
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": {
                "restartPolicy": restart,
                "nodeSelector": {"kubernetes.io/hostname": node},
                "tolerations": [{"key": "node-role.kubernetes.io/gpu", "operator": "Exists"}],
                "containers": [container],
            },
        }
    )


def state_of(site, namespace, name):
    return json.loads(site.kubectl("-n", namespace, "get", "pod", name, "-o", "json"))["status"]


def ask(port, path, body=None, key=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(
        "POST" if body else "GET",
        path,
        json.dumps(body) if body else None,
        {"Authorization": f"Bearer {key}"} if key else {},
    )
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_it_needs_less_than_2_gb_and_says_at_once_that_it_runs(site):
    assert sum(row.rss for row in lifecycle.status(site.state)) < 2_000_000_000
    assert lifecycle.up(site.state, "bare_metal").startswith("already running")


def test_the_version_is_a_version(site):
    assert "Server Version: v1.36.3" in site.kubectl("version")


def test_a_gpu_test_pod_prints_nvidia_smi_and_succeeds(site, namespace):
    site.kubectl("-n", namespace, "apply", "-f", "-", stdin=pod("gpu-test-1", "nvidia-smi -L", restart="Never"))
    assert eventually(lambda: state_of(site, namespace, "gpu-test-1").get("phase") == "Succeeded")
    assert "nvidia-smi: not found" in site.kubectl("-n", namespace, "logs", "gpu-test-1")


def test_a_pod_on_a_tainted_node_needs_the_toleration(site, namespace):
    document = yaml.safe_load(pod("untolerant"))
    del document["spec"]["tolerations"]
    site.kubectl("-n", namespace, "apply", "-f", "-", stdin=yaml.safe_dump(document))
    conditions = eventually(lambda: state_of(site, namespace, "untolerant").get("conditions"))
    assert "untolerated taint" in conditions[0]["message"]


@pytest.mark.parametrize(
    ("annotations", "waiting", "terminated"),
    [
        ({"sandbox/fail": "image-pull"}, "ImagePullBackOff", None),
        ({"sandbox/fail": "config-error"}, "CreateContainerConfigError", None),
        ({"sandbox/fail": "pending"}, "ContainerCreating", None),
        ({"sandbox/fail": "crash-loop", "sandbox/exit-code": "42"}, "CrashLoopBackOff", 42),
        ({"sandbox/fail": "oom"}, "CrashLoopBackOff", 137),
    ],
)
def test_pods_fail_as_their_annotation_says_and_stay_so(site, namespace, annotations, waiting, terminated):
    site.kubectl("-n", namespace, "apply", "-f", "-", stdin=pod("it", annotations=annotations, node="cp-1"))

    def status():
        return (state_of(site, namespace, "it").get("containerStatuses") or [{}])[0]

    assert eventually(lambda: status().get("state", {}).get("waiting", {}).get("reason") == waiting), status()
    assert status().get("lastState", {}).get("terminated", {}).get("exitCode") == terminated


def test_an_exit_code_is_kept(site, namespace):
    annotations = {"sandbox/fail": "exit", "sandbox/exit-code": "3", "sandbox/fail-after": "200ms"}
    site.kubectl(
        "-n", namespace, "apply", "-f", "-", stdin=pod("it", annotations=annotations, restart="Never", node="cp-1")
    )
    assert eventually(lambda: state_of(site, namespace, "it").get("phase") == "Failed")
    assert state_of(site, namespace, "it")["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_a_claim_without_class_is_bound_by_the_default_one(site, namespace):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "it"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    site.kubectl("-n", namespace, "apply", "-f", "-", stdin=yaml.safe_dump(claim))
    assert eventually(
        lambda: site.kubectl("-n", namespace, "get", "pvc", "it", "-o", "jsonpath={.status.phase}") == "Bound"
    )


def test_a_sealed_secret_is_opened_with_the_certificate_from_a_port_forward(site, namespace, tmp_path):
    with site.forward("kube-system", "svc/sealed-secrets-controller", 8080) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/v1/cert.pem")
        (tmp_path / "cert.pem").write_bytes(connection.getresponse().read())
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "it", "namespace": namespace},
        "stringData": {"K": "v"},
    }
    sealed = site.run("kubeseal", "--cert", str(tmp_path / "cert.pem"), "-o", "yaml", stdin=yaml.safe_dump(secret))
    site.kubectl("apply", "-f", "-", stdin=sealed)
    assert eventually(
        lambda: site.kubectl("-n", namespace, "get", "secret", "it", "-o", "jsonpath={.data.K}", check=False) == "dg=="
    )


def values():
    engine = {
        "repository": "vllm/vllm-openai",
        "tag": "v0.12.0",
        "replicaCount": 1,
        "requestCPU": "100m",
        "requestMemory": "1Gi",
        "requestGPU": 0,
        "pvcStorage": "1Gi",
        "vllmConfig": {},
    }
    models = [
        {**engine, "name": "chat", "modelURL": "org/chat"},
        {**engine, "name": "emb", "modelURL": "intfloat/multilingual-e5-large"},
    ]
    key = {"secretName": "key", "secretKey": "KEY"}
    labels = {"environment": "sandbox-test", "release": "sandbox-test"}
    return {
        "vllm": {
            "servingEngineSpec": {"runtimeClassName": "", "vllmApiKey": key, "modelSpec": models, "labels": labels}
        }
    }


@pytest.fixture
def application(site, namespace, tmp_path):
    """An Application of a wrapper chart with a dependency on the served vllm-stack, in a repository of its own."""
    repository, work = tmp_path / "repo.git", tmp_path / "work"
    gitrepo.initialise(repository)
    subprocess.run(["git", "clone", "-q", str(repository), str(work)], check=True)
    (work / "app").mkdir()
    dependency = {
        "name": "vllm-stack",
        "alias": "vllm",
        "version": "0.1.8",
        "repository": site.env["SANDBOX_CHART_REPOSITORY"],
    }
    chart = {"apiVersion": "v2", "name": "vllm", "version": "0.1.6", "dependencies": [dependency]}
    (work / "app" / "Chart.yaml").write_text(yaml.safe_dump(chart))
    (work / "app" / "values.yaml").write_text(yaml.safe_dump(values()))
    subprocess.run(["git", "add", "."], cwd=work, check=True)
    subprocess.run(["git", *gitrepo.IDENTITY, "commit", "-qm", "Add the application"], cwd=work, check=True)
    subprocess.run(["git", "push", "-q"], cwd=work, check=True)
    site.kubectl("-n", namespace, "create", "secret", "generic", "key", "--from-literal=KEY=sesame")
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": namespace,
            "namespace": "argocd",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "default",
            "source": {
                "repoURL": repository.as_uri(),
                "path": "app",
                "targetRevision": "main",
                "helm": {"releaseName": "vllm", "skipCrds": True},
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {"automated": {}},
        },
    }
    site.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(document))
    yield (
        namespace,
        subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=work, check=True, capture_output=True, text=True
        ).stdout.strip(),
    )
    site.kubectl("-n", "argocd", "delete", "application", namespace, "--wait=false")


def test_argo_cd_syncs_a_wrapper_chart_whose_models_answer_through_port_forwards(site, application):
    namespace, commit = application

    def status():
        return json.loads(site.kubectl("-n", "argocd", "get", "application", namespace, "-o", "json")).get("status", {})

    assert eventually(
        lambda: (
            (status().get("sync", {}).get("status"), status().get("health", {}).get("status")) == ("Synced", "Healthy")
        ),
        60,
    ), status()
    assert status()["sync"]["revision"] == commit
    with site.forward(namespace, "svc/vllm-router-service", 80) as port:
        body = {"model": "org/chat", "messages": [{"role": "user", "content": "hello"}]}
        assert eventually(lambda: len(ask(port, "/v1/models")[1]["data"]) == 2)
        assert ask(port, "/v1/chat/completions", body)[0] == 401
        assert ask(port, "/v1/chat/completions", body, "sesame")[1]["usage"]["completion_tokens"] > 0
        assert ask(port, "/v1/chat/completions", {**body, "model": "nope"})[0] == 404
        answer = ask(port, "/v1/embeddings", {"model": "intfloat/multilingual-e5-large", "input": "x"}, "sesame")[1]
        assert len(answer["data"][0]["embedding"]) == 1024
    with site.forward(namespace, "deploy/vllm-chat-deployment-vllm", 8000) as port:
        assert ask(port, "/v1/models")[0] == 401
        assert ask(port, "/invocations", {"prompt": "x"})[0] == 200
    assert "[simulated]" in site.kubectl("-n", namespace, "logs", "deploy/vllm-chat-deployment-vllm")


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("SANDBOX_TESTS") != "1", reason="starts and stops sandboxes of its own: SANDBOX_TESTS=1"
)
def test_a_second_sandbox_beside_it_loses_a_process_and_ends_without_a_trace(site, tmp_path):
    other = State(tmp_path / "vgpu")
    lifecycle.up(other, "vgpu")
    try:
        assert all(row.ready for row in lifecycle.status(other))
        assert not set(other.read()["ports"].values()) & set(site.state.read()["ports"].values())
        assert lifecycle.down(other, ["argocd-repo-server"]) == 1
        assert [row.name for row in lifecycle.status(other) if not row.ready] == ["argocd-repo-server"]
        assert lifecycle.up(other, "vgpu") == "started again: argocd-repo-server"
    finally:
        lifecycle.down(other)
    assert not list(processes.members(other.root))
    assert all(row.ready for row in lifecycle.status(site.state))
