# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated pods get the log, the engine or the router that their specification describes."""

import base64
import json

import pytest

from sandbox import nvidia_smi, workloads
from sandbox.model_server import Engine, Router
from sandbox.runner.objects import node_object, profile_nodes

KEY = {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": {"name": "vllm-secret", "key": "KEY"}}}
LABELS = {"environment": "test", "release": "test"}


class FakeApi:
    """Objects by path; remembers what was applied."""

    def __init__(self, profile="bare_metal"):
        self.objects = {f"/api/v1/nodes/{n['name']}": node_object(n, 1) for n in profile_nodes(profile)}
        self.set_key("sesame")
        self.applied = {}

    def set_key(self, key):
        data = {"KEY": base64.b64encode(key.encode()).decode()}
        self.objects["/api/v1/namespaces/vllm/secrets/vllm-secret"] = {"data": data}

    def find(self, path):
        return self.objects.get(path)

    def apply(self, path, document):
        self.applied[path] = document
        return document


def pod(name, words=(), *, phase="Running", ready=True, labels=LABELS, env=(KEY,), node="gpu-1", **spec):
    container = {"name": "c", "image": "vllm/vllm-openai:v0.12.0", "command": list(words), "env": list(env)}
    container["resources"] = {"limits": spec.pop("limits", {})}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {
            "name": name,
            "namespace": "vllm",
            "uid": f"uid-{name}",
            "labels": labels,
            "annotations": spec.pop("annotations", {}),
        },
        "spec": {"nodeName": node, "containers": [container], **spec},
        "status": {"phase": phase, "conditions": conditions, "podIP": "10.244.0.9"},
    }


CHAT = pod("chat", ["vllm", "serve", "org/chat-model", "--max-model-len", "16384"])
EMBED = pod("embed", ["vllm", "serve", "intfloat/multilingual-e5-large", "--dtype", "float16"])
ROUTER = pod(
    "router",
    [
        "--k8s-namespace",
        "vllm",
        "--k8s-label-selector",
        "environment=test,release=test",
        "--routing-logic",
        "roundrobin",
    ],
)


@pytest.fixture
def site(tmp_path):
    made = workloads.Workloads(FakeApi(), tmp_path, tmp_path / "faults.json")
    yield made
    for item in made.pods.values():
        if item.listener:
            item.listener.close()


def server(site, item):
    return site.pods[item["metadata"]["uid"]].server


def log(site, item):
    text = (site.folder / f"{item['metadata']['uid']}.log").read_text()
    return [line.split(" stdout F ", 1)[1] for line in text.splitlines()]


def test_an_engine_is_what_its_command_line_says(site):
    site.see(CHAT)
    engine = server(site, CHAT)
    assert isinstance(engine, Engine)
    assert (engine.model, engine.role, engine.key, engine.max_model_len, engine.version) == (
        "org/chat-model",
        "instruct",
        "sesame",
        16384,
        "0.12.0",
    )
    site.see(EMBED)
    assert (server(site, EMBED).role, server(site, EMBED).dimension) == ("embeddings", 1024)


@pytest.mark.parametrize("flags", ["--runner pooling", "--task embed", "--convert embed"])
def test_flags_make_an_embeddings_engine(site, flags):
    item = pod("x", ["vllm", "serve", "org/plain", *flags.split()])
    site.see(item)
    assert server(site, item).role == "embeddings"


def test_port_8000_of_each_pod_leads_to_its_own_listener(site):
    for item in (CHAT, EMBED, ROUTER):
        site.see(item)
    paths = {path: doc for path, doc in site.api.applied.items() if "portforwards" in path}
    ports = {doc["spec"]["forwards"][0]["target"]["port"] for doc in paths.values()}
    assert len(paths) == len(ports) == 3
    owner = site.api.applied["/apis/kwok.x-k8s.io/v1alpha1/namespaces/vllm/portforwards/chat"]["metadata"][
        "ownerReferences"
    ]
    assert owner == [{"apiVersion": "v1", "kind": "Pod", "name": "chat", "uid": "uid-chat"}]


def test_a_router_sees_the_ready_engines_that_it_selects(site):
    for item in (CHAT, EMBED, ROUTER, pod("foreign", ["vllm", "serve", "org/other"], labels={"environment": "prod"})):
        site.see(item)
    router = server(site, ROUTER)
    assert isinstance(router, Router)
    assert {engine.model for engine in router.engines()} == {"org/chat-model", "intfloat/multilingual-e5-large"}
    site.see(pod("chat", ["vllm", "serve", "org/chat-model"], ready=False))
    assert {engine.model for engine in router.engines()} == {"intfloat/multilingual-e5-large"}
    site.forget(EMBED)
    assert router.engines() == []


def test_an_engine_keeps_the_key_that_it_started_with(site):
    site.see(CHAT)
    site.api.set_key("rotated")
    site.see(CHAT)
    assert server(site, CHAT).key == "sesame"
    site.forget(CHAT)
    site.see(CHAT)
    assert server(site, CHAT).key == "rotated"


def test_no_key_variable_means_an_open_api_and_a_plain_value_counts(site):
    site.see(pod("open", ["vllm", "serve", "m"], env=()))
    site.see(pod("plain", ["vllm", "serve", "m"], env=({"name": "VLLM_API_KEY", "value": "v"},)))
    assert site.pods["uid-open"].server.key is None
    assert site.pods["uid-plain"].server.key == "v"


def test_a_pod_that_does_not_run_serves_nothing(site):
    waiting = pod("chat", ["vllm", "serve", "m"], phase="Pending", ready=False)
    site.see(waiting)
    assert server(site, waiting) is None
    site.see(pod("unscheduled", ["vllm", "serve", "m"], node=""))
    assert "uid-unscheduled" not in site.pods


@pytest.mark.parametrize(
    ("words", "limits", "first"),
    [
        ("nvidia-smi", {"nvidia.com/gpu": "1"}, "Sat Jan  3"),
        ("nvidia-smi -q -x", {"nvidia.com/gpu": "1"}, "<?xml"),
        ("nvidia-smi -L", {"nvidia.com/gpu": "2"}, "GPU 0: NVIDIA A100-SXM4-80GB"),
        (
            "nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits",
            {"nvidia.com/gpu": "1"},
            "NVIDIA A100-SXM4-80GB, 81920",
        ),
        ("nvidia-smi", {}, "sh: 1: nvidia-smi: not found"),
    ],
)
def test_gpu_test_pods_print_their_nodes_gpus(site, words, limits, first):
    item = pod("gpu-test", ["/bin/bash", "-c", words], limits=limits)
    site.see(item)
    assert log(site, item)[0].startswith(first)


def test_a_script_prints_what_its_commands_print_until_the_first_or(site):
    words = "nvidia-smi || exit $?; nvidia-smi -q -x || nvidia-smi --query-gpu=name --format=csv"
    item = pod("gpu-test", ["sh", "-c", words], limits={"nvidia.com/gpu": "1"})
    site.see(item)
    text = "\n".join(log(site, item))
    assert text.index("CUDA Version: 13.0") < text.index("<cuda_version>13.0</cuda_version>")
    assert "name\n" not in text


def test_the_runtime_class_alone_shows_every_gpu_of_the_node(site):
    item = pod("gpu-test", ["nvidia-smi -L"], runtimeClassName="nvidia")
    site.see(item)
    assert len(log(site, item)) == 2


def test_a_node_without_gpu_has_no_nvidia_smi(site):
    item = pod("gpu-test", ["nvidia-smi"], node="cp-1", limits={"nvidia.com/gpu": "1"})
    site.see(item)
    assert log(site, item) == ["sh: 1: nvidia-smi: not found"]


def test_the_annotation_chooses_a_log_and_cannot_leave_its_folder(site):
    item = pod("a", ["vllm", "serve", "m"], annotations={"sandbox/log": "gated-model"})
    site.see(item)
    assert "GatedRepoError" in "".join(log(site, item))
    outside = pod("b", annotations={"sandbox/log": "../../../README"})
    site.see(outside)
    assert log(site, outside) == ["(simulated by the sandbox: this container has no process)"]


def test_a_log_is_told_to_kwok_once(site):
    site.see(CHAT)
    site.api.applied.clear()
    site.see(CHAT)
    assert site.api.applied == {}


def test_faults_are_read_again_when_the_file_changes_and_a_broken_file_is_none(site):
    assert site.faults() == {}
    site.faults_file.write_text(json.dumps({"nan": True}))
    assert site.faults() == {"nan": True}
    site.faults_file.write_text("{")
    assert site.faults() == {}


def test_an_unknown_field_is_refused_as_nvidia_smi_does():
    gpus = nvidia_smi.Gpus("GRID-A100D-80C", 81920, 1, "580.126.20", "13.0", True, "n")
    assert nvidia_smi.csv(gpus, "--query-gpu=cuda_version") == 'Field "cuda_version" is not a valid field to query.'
    assert nvidia_smi.csv(gpus, "--query-gpu=name,memory.free --format=csv").splitlines() == [
        "name, memory.free",
        "GRID-A100D-80C, 81408 MiB",
    ]


def test_banner_lines_are_as_wide_as_the_frame():
    for product in ("NVIDIA-A100-SXM4-80GB", "GRID-A100D-20C"):
        gpus = nvidia_smi.Gpus(product, 81920, 2, "580.126.20", "13.0", product.startswith("GRID"), "n")
        framed = [line for line in nvidia_smi.banner(gpus).splitlines() if line[:1] in "+|"]
        assert {len(line) for line in framed if line} == {91}
