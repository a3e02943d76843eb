# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in chart makes the objects of the real one, in the shape of each version."""

import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml
from shared_data import shared_data

from sandbox.runner import binaries, charts, toolchain
from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import PROGRAMS

VALUES = {
    "servingEngineSpec": {
        "strategy": {"type": "Recreate"},
        "vllmApiKey": {"secretName": "vllm-secret", "secretKey": "KEY"},
        "tolerations": [{"key": "node-role.kubernetes.io/gpu", "operator": "Exists"}],
        "modelSpec": [
            {
                "name": "chat",
                "repository": "vllm/vllm-openai",
                "tag": "v0.12.0",
                "modelURL": "org/chat",
                "replicaCount": 1,
                "requestCPU": 2,
                "requestMemory": "56Gi",
                "requestGPU": 1,
                "pvcStorage": "200Gi",
                "vllmConfig": {
                    "enableChunkedPrefill": True,
                    "enablePrefixCaching": True,
                    "maxModelLen": "16384",
                    "tensorParallelSize": 2,
                    "extraArgs": ["--seed", "1"],
                },
                "hf_token": {"secretName": "hf-secret", "secretKey": "TOKEN"},
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["gpu-1"]}]}
                ],
            }
        ],
    }
}


@pytest.fixture(scope="session")
def helm():
    root = binaries.cache_root()
    program = next(p for p in PROGRAMS if p.name == "helm")
    path = binaries.ready_copy(
        program, binaries.cache_directory(program.module, root, toolchain.find_go(root).version) / "bin/helm"
    )
    if path is None:
        pytest.skip("helm is not in the sandbox's cache: python -m sandbox.runner binaries")
    return path


@pytest.fixture
def render(helm, tmp_path):
    def run(version, values=VALUES, check=True):
        (tmp_path / "charts").mkdir(exist_ok=True)
        for old in (tmp_path / "charts").iterdir():
            old.unlink()
        (tmp_path / "charts" / f"vllm-stack-{version}.tgz").write_bytes(charts.package(version))
        dependency = {"name": "vllm-stack", "alias": "vllm", "version": version, "repository": "http://127.0.0.1"}
        chart = {"apiVersion": "v2", "name": "vllm", "version": "0.1.6", "dependencies": [dependency]}
        (tmp_path / "Chart.yaml").write_text(yaml.safe_dump(chart))
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values if "vllm" in values else {"vllm": values}))
        answer = subprocess.run(
            [helm, "template", "vllm", ".", "-n", "vllm", "--include-crds"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        if not check:
            return answer.stderr
        assert answer.returncode == 0, answer.stderr
        return {(doc["kind"], doc["metadata"]["name"]): doc for doc in yaml.safe_load_all(answer.stdout) if doc}

    return run


def engine(objects, name="chat"):
    return objects["Deployment", f"vllm-{name}-deployment-vllm"]


def container(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]


def changed(**changes):
    model = {**VALUES["servingEngineSpec"]["modelSpec"][0], **changes.pop("model", {})}
    return {"servingEngineSpec": {**VALUES["servingEngineSpec"], "modelSpec": [model], **changes}}


def test_the_package_is_the_same_every_time_and_carries_its_version(tmp_path):
    assert charts.package("0.1.8") == charts.package("0.1.8") != charts.package("0.1.12")
    (tmp_path / "c.tgz").write_bytes(charts.package("0.1.12"))
    with tarfile.open(tmp_path / "c.tgz") as archive:
        chart = yaml.safe_load(archive.extractfile("vllm-stack/Chart.yaml"))
    assert (chart["name"], chart["version"]) == ("vllm-stack", "0.1.12")


def test_the_index_names_every_package_with_its_digest(tmp_path, monkeypatch):
    monkeypatch.setenv("SANDBOX_CHART", "standin")
    assert charts.publish(tmp_path, 81) == {"source": "standin", "repository": "http://127.0.0.1:81"}
    entries = yaml.safe_load((tmp_path / "index.yaml").read_text())["entries"]["vllm-stack"]
    assert [entry["version"] for entry in entries] == list(charts.VERSIONS)
    assert all((tmp_path / entry["urls"][0]).exists() and len(entry["digest"]) == 64 for entry in entries)


def test_an_unknown_choice_of_chart_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("SANDBOX_CHART", "mine")
    with pytest.raises(SandboxError, match="auto, upstream, standin"):
        charts.publish(tmp_path, 81)


@pytest.mark.parametrize(("reachable", "source"), [(True, "upstream"), (False, "standin")])
def test_auto_takes_upstream_where_it_answers_and_remembers(tmp_path, monkeypatch, reachable, source):
    monkeypatch.delenv("SANDBOX_CHART", raising=False)
    monkeypatch.setattr(charts, "upstream_answers", lambda: reachable)
    assert charts.publish(tmp_path, 81)["source"] == source
    assert charts.publish(tmp_path, 81, "standin")["source"] == "standin"


@pytest.mark.parametrize(("version", "count"), [("0.1.8", 14), ("0.1.12", 13)])
def test_a_real_sites_values_make_the_real_charts_objects(render, version, count):
    values = yaml.safe_load(shared_data("real-gitops-repo/applications/vllm/values.yaml").read_text())
    objects = render(version, values)
    assert len(objects) == count  # with the site's own three (two SealedSecrets, one ServiceMonitor): 17 and 16
    assert ("PodDisruptionBudget", "vllm-pdb") in objects or version != "0.1.8"
    for name in ("mistral", "embeddings"):
        assert engine(objects, name)["spec"]["strategy"] == {"type": "Recreate"}
        assert ("PersistentVolumeClaim", f"vllm-{name}-storage-claim") in objects
        assert ("Service", f"vllm-{name}-engine-service") in objects
    assert container(engine(objects, "embeddings"))["args"] == [
        "intfloat/multilingual-e5-large", "--host", "0.0.0.0", "--port", "8000",
        "--no-enable-chunked-prefill", "--no-enable-prefix-caching", "--max-model-len", "512",
        "--compilation-config", '{"level": 0, "use_cudagraph": false}', "--dtype", "float16", "--max-num-seqs", "512",
        "--max-num-batched-tokens", "16384", "--gpu-memory-utilization", "0.85", "--disable-log-requests",
    ]  # fmt: skip


def test_an_engine_pod(render):
    deployment = engine(render("0.1.8"))
    spec = deployment["spec"]["template"]["spec"]
    assert (spec["runtimeClassName"], spec["hostname"], spec["subdomain"]) == (
        "nvidia",
        "vllm-chat-vllm",
        "vllm-chat-engine-service",
    )
    assert spec["tolerations"] == VALUES["servingEngineSpec"]["tolerations"]
    box = container(deployment)
    assert box["command"] == ["vllm", "serve"]
    assert box["args"][5:] == [
        "--enable-chunked-prefill",
        "--enable-prefix-caching",
        "--max-model-len",
        "16384",
        "--tensor-parallel-size",
        "2",
        "--seed",
        "1",
    ]
    assert box["resources"] == {
        "requests": {"cpu": "2", "memory": "56Gi", "nvidia.com/gpu": "1"},
        "limits": {"nvidia.com/gpu": "1"},
    }
    env = {item["name"]: item.get("value") or item["valueFrom"]["secretKeyRef"] for item in box["env"]}
    assert env["HF_HOME"] == "/data"
    assert env["HF_TOKEN"] == {"name": "hf-secret", "key": "TOKEN"}
    assert env["VLLM_API_KEY"] == {"name": "vllm-secret", "key": "KEY"}
    assert [mount["mountPath"] for mount in box["volumeMounts"]] == ["/data", "/dev/shm"]
    assert box["startupProbe"]["failureThreshold"] == 60


def test_selectors_grew_with_0_1_10(render):
    for name, old_size in (("vllm-chat-deployment-vllm", 4), ("vllm-deployment-router", 2)):
        old = render("0.1.9")["Deployment", name]["spec"]["selector"]["matchLabels"]
        new = render("0.1.10")["Deployment", name]["spec"]["selector"]["matchLabels"]
        assert len(old) == old_size
        assert {key.split("/")[0] for key in new.keys() - old.keys()} == {"app.kubernetes.io"}
        assert len(new.keys() - old.keys()) == 5


@pytest.mark.parametrize(("version", "port"), [("0.1.8", "router-cport"), ("0.1.12", "router-port")])
def test_the_router(render, version, port):
    objects = render(version)
    box = container(objects["Deployment", "vllm-deployment-router"])
    assert box["ports"][0] == {"name": port, "containerPort": 8000}
    assert "environment=test,release=test" in box["args"]
    assert "tolerations" not in objects["Deployment", "vllm-deployment-router"]["spec"]["template"]["spec"]
    ports = objects["Service", "vllm-router-service"]["spec"]["ports"]
    assert [(p["name"], p["port"]) for p in ports] == [("router-sport", 80), ("lmcache-port", 9000)]


@pytest.mark.parametrize(
    ("version", "key", "expected"),
    [
        ("0.1.8", {"secretName": "s"}, {"name": "s", "key": None}),
        ("0.1.12", {"secretName": "s"}, None),
        ("0.1.8", "clear", {"name": "vllm-secrets", "key": "vllmApiKey"}),
        ("0.1.8", "", None),
    ],
)
def test_half_an_api_key(render, version, key, expected):
    box = container(engine(render(version, changed(vllmApiKey=key))))
    references = [item["valueFrom"]["secretKeyRef"] for item in box["env"] if item["name"] == "VLLM_API_KEY"]
    assert references == ([expected] if expected else [])


@pytest.mark.parametrize("gpu", [0.5, 0, None])
def test_a_fraction_of_a_gpu_is_no_gpu(render, gpu):
    resources = container(engine(render("0.1.8", changed(model={"requestGPU": gpu}))))["resources"]
    assert resources == {"requests": {"cpu": "2", "memory": "56Gi"}, "limits": None}


def test_big_numbers_turn_into_exponents_unless_quoted(render):
    for value, text in ((1048576, "1.048576e+06"), ("1048576", "1048576")):
        model = {"vllmConfig": {"maxModelLen": value}}
        assert text in container(engine(render("0.1.8", changed(model=model))))["args"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "nvidia"), ({"runtimeClassName": ""}, None), ({"model": {"runtimeClassName": "other"}}, "other")],
)
def test_runtime_class(render, given, expected):
    assert engine(render("0.1.8", changed(**given)))["spec"]["template"]["spec"].get("runtimeClassName") == expected


@pytest.mark.parametrize("field", ["requestCPU", "requestMemory", "repository", "tag"])
def test_what_the_chart_insists_on(render, field):
    assert field in render("0.1.8", changed(model={field: None}), check=False)


@pytest.mark.parametrize(("version", "honoured"), [("0.1.8", False), ("0.1.12", True)])
def test_keys_that_only_newer_versions_read(render, version, honoured):
    values = changed(
        model={"tolerations": [{"key": "x"}], "modelRevision": "abc", "resources": {"limits": {"cpu": "1"}}}
    )
    deployment = engine(render(version, values))
    assert ({"key": "x"} in deployment["spec"]["template"]["spec"]["tolerations"]) is honoured
    assert ("--revision" in container(deployment)["args"]) is honoured
    assert (container(deployment)["resources"] == {"limits": {"cpu": "1"}}) is honoured


def test_no_model_still_renders_the_router(render):
    objects = render("0.1.8", {"servingEngineSpec": {"modelSpec": []}})
    assert ("Deployment", "vllm-deployment-router") in objects
    assert len([key for key in objects if key[0] == "Deployment"]) == 1


def test_the_stand_in_says_what_it_is():
    assert "STAND-IN" in (Path(charts.SOURCE) / "Chart.yaml").read_text()
