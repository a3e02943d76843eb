# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The opt-in check at the Hub, against a Hub that is a dictionary."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.planning.huggingface import check_hub

from tests.unit.planning.builders import E5, model, models

GIB = 2**30
E5_FILES = [
    {"rfilename": "model.safetensors", "size": int(2.09 * GIB)},
    {"rfilename": "pytorch_model.bin", "size": int(2.1 * GIB)},
    {"rfilename": "onnx/model.safetensors", "size": GIB},
    "odd",
]
E5_META = "/api/models/intfloat/multilingual-e5-large/revision/main?blobs=true"


def hub(answers):
    def fetch(path):
        answer = answers.get(path, (404, None))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return fetch


def ask(requests, answers, *, with_token=True):
    found, findings = check_hub(requests, hub({"/api/whoami-v2": (200, {}), **answers}), with_token=with_token)
    return found, [f.code for f in findings]


def test_an_open_model():
    found, codes = ask(models(E5), {E5_META: (200, {"sha": "abc", "gated": False, "siblings": E5_FILES})})
    assert codes == []
    assert (found[0].revision, found[0].size_gib) == ("abc", 2.09)


def test_size_differs():
    files = [{"rfilename": "model.safetensors", "size": 4 * GIB}]
    found, codes = ask(models(E5), {E5_META: (200, {"sha": "abc", "siblings": files})})
    assert codes == ["planning-hub-size-differs"]
    assert found


def test_only_bin_files_and_only_consolidated_files():
    files = [{"rfilename": "pytorch_model.bin", "size": int(2.1 * GIB)}]
    assert ask(models(E5), {E5_META: (200, {"siblings": files})})[1] == []
    path = "/api/models/mistralai/Mistral-Small-3.2-24B-Instruct-2506/revision/main?blobs=true"
    files = [
        {"rfilename": "consolidated.safetensors", "size": int(44.7 * GIB)},
        {"rfilename": "model-00001.safetensors", "size": int(44.7 * GIB)},
    ]
    found, codes = ask([model()], {path: (200, {"siblings": files})})
    assert (found[0].size_gib, codes) == (44.7, [])


@pytest.mark.parametrize(
    ("file_status", "codes"),
    [(200, []), (404, []), (401, ["planning-hub-no-access"]), (403, ["planning-hub-no-access"])],
)
def test_gated(file_status, codes):
    repository = "meta-llama/Llama-3.1-8B-Instruct"
    answers = {
        f"/api/models/{repository}/revision/main?blobs=true": (200, {"gated": "manual"}),
        f"/{repository}/resolve/main/config.json": (file_status, None),
    }
    assert ask([model(model="llama-3.1-8b")], answers)[1] == codes


def test_a_gated_model_without_a_token_is_not_known_rather_than_refused():
    repository = "meta-llama/Llama-3.1-8B-Instruct"
    answers = {
        f"/api/models/{repository}/revision/main?blobs=true": (200, {"gated": "manual"}),
        f"/{repository}/resolve/main/config.json": (401, None),
    }
    _, findings = check_hub([model(model="llama-3.1-8b")], hub(answers), with_token=False)
    assert [(f.code, f.severity.value) for f in findings] == [("planning-hub-no-access", "warning")]


def test_a_pinned_revision_is_asked_for():
    request = model(vllm={"extra_args": ["--revision", "v1"]})
    path = "/api/models/mistralai/Mistral-Small-3.2-24B-Instruct-2506/revision/v1?blobs=true"
    assert ask([request], {path: (200, {"sha": "x"})}) != ([], ["planning-hub-not-found"])
    odd = model(vllm={"extra_args": ["--revision=a?b#c"]})
    path = path.replace("/v1?", "/main?")
    assert ask([odd], {path: (200, {"sha": "x"})})[0]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, None), "planning-hub-not-found"),
        ((401, None), "planning-hub-not-found"),
        ((403, None), "planning-hub-no-access"),
        ((500, None), "planning-hub-unreachable"),
        (OSError("secret"), "planning-hub-unreachable"),
    ],
)
def test_refusals(answer, code):
    found, codes = ask(models(E5), {E5_META: answer})
    assert (found, codes) == ([], [code])


def test_a_wrong_token_is_told_once():
    found, codes = ask(models(E5), {"/api/whoami-v2": (401, None)})
    assert (found, codes) == ([], ["planning-hub-token-invalid"])
    assert ask(models(E5), {"/api/whoami-v2": (401, None)}, with_token=False)[1] == ["planning-hub-not-found"]


@pytest.mark.parametrize("body", [None, [], {}, {"siblings": 7}, {"siblings": [{"rfilename": "model.safetensors"}]}])
def test_odd_answers(body):
    found, codes = ask(models(E5), {E5_META: (200, body)})
    assert (found[0].size_gib, codes) == (0.0, [])
