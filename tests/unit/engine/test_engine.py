# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions, tables, CUDA, embeddings, and the words of findings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.engine import table as tables
from ansible_collections.inferops.vllm.plugins.module_utils.engine.arguments import (
    Argument,
    arguments_of,
    check_arguments,
)
from ansible_collections.inferops.vllm.plugins.module_utils.engine.cuda import image_cuda
from ansible_collections.inferops.vllm.plugins.module_utils.engine.embeddings import compilation_config, pooling_runner
from ansible_collections.inferops.vllm.plugins.module_utils.engine.settings import number, spans
from ansible_collections.inferops.vllm.plugins.module_utils.engine.versions import check_version, engine_version
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity, fatal
from hypothesis import given, settings
from hypothesis import strategies as st

IMAGE = "vllm/vllm-openai"
ROOT = Path(__file__).parents[3]


def check(*arguments, version="0.12.0"):
    return check_arguments(arguments_of(["m", *arguments]), engine_version(IMAGE, f"v{version}"))


@pytest.mark.parametrize(
    ("image", "tag", "version", "table", "variant"),
    [
        (IMAGE, "v0.12.0", "0.12.0", "0.12.0", None),
        ("docker.io/vllm/vllm-openai", "0.12.0", "0.12.0", "0.12.0", None),
        ("registry.example/mirror/vllm-openai", "v0.20.2-cu129", "0.20.2", "0.20.2", "-cu129"),
        (IMAGE, "v0.8.5.post1", "0.8.5.post1", "0.8.5.post1", None),
        (IMAGE, "v0.8.5", "0.8.5", "0.8.4", None),
        (IMAGE, "v0.17.0", "0.17.0", "0.16.0", None),
        (IMAGE, "v1.0.0", "1.0.0", "0.33.0", None),
        (IMAGE, "v0.7.3", "0.7.3", None, None),
        (IMAGE, "latest", None, None, None),
        (IMAGE, "sha256:00", None, None, None),
        ("lmcache/vllm-openai", "2025-05-27-v1", None, None, None),
        ("example/other", "v0.12.0", None, None, None),
    ],
)
def test_a_tag_says_which_version_it_is(image, tag, version, table, variant):
    engine = engine_version(image, tag)
    assert (engine.version, engine.table, engine.variant) == (version, table, variant)
    assert engine.exact == (version is not None and version == table)


def test_an_unknown_version_is_a_warning_and_fatal_when_strict():
    engine = engine_version(IMAGE, "nightly")
    assert [f.severity for f in check_version(engine, "tag")] == [Severity.WARNING]
    assert [f.severity for f in check_version(engine, "tag", strict=True)] == [Severity.FATAL]
    assert check_arguments(arguments_of(["--bogus"]), engine) == []


def test_the_near_version_is_named():
    (found,) = check_version(engine_version(IMAGE, "v0.99.0"), "tag")
    assert "0.33.0" in found.message and "newest known" in found.message
    assert str(engine_version(IMAGE, "v0.12.4")) == "vLLM 0.12.4 (checked as 0.12.0)"


def test_the_table_loads_in_a_few_milliseconds():
    code = (
        "import time, sys; sys.path.insert(0, 'collections')\n"
        "from ansible_collections.inferops.vllm.plugins.module_utils.engine.table import table\n"
        "t = time.process_time(); table('0.33.0'); print((time.process_time() - t) * 1000)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 60


def test_an_unknown_version_has_no_table():
    with pytest.raises(KeyError):
        tables.table("9.9.9")


def test_a_flag_that_vanished_and_came_back_is_told_apart():
    assert check("--disable-log-requests", version="0.16.0")[0].code == "engine-argument-deprecated"
    assert check("--disable-log-requests", version="0.33.0") == []
    (found,) = check("--disable-log-requests", version="0.17.1")
    assert found.code == "engine-argument-removed"
    assert "0.8.0 to 0.16.0 and 0.33.0" in found.message and "vLLM 0.17.1" in found.message
    assert "not logged by default" in found.fix


def test_a_replacement_is_named_where_the_version_has_it():
    (found,) = check("--guided-decoding-backend", "xgrammar", version="0.12.0")
    assert "Write --structured-outputs-config" in found.fix
    (found,) = check("--speculative-model", "x", version="0.33.0")
    assert "--speculative-config" in found.fix
    (found,) = check("--task", "embed", version="0.13.0")
    assert "--runner" in found.fix
    (found,) = check("--logits-processor-pattern", "x", version="0.33.0")
    assert found.fix.startswith("Remove the option")


def test_an_unknown_option_gets_a_suggestion():
    (found,) = check("--max-model-length", "4096")
    assert found.code == "engine-argument-unknown" and "did you mean '--max-model-len'" in found.message


def test_the_subject_is_the_place_where_it_was_written():
    arguments = [Argument("m", "model"), Argument("--seed", "a"), Argument("x", "b", extra=True)]
    (found,) = check_arguments(arguments, engine_version(IMAGE, "v0.12.0"))
    assert (found.code, found.subject) == ("engine-argument-number", "a")


def test_what_the_chart_writes_is_not_forbidden():
    arguments = [Argument(text, "chart") for text in ("m", "--host", "0.0.0.0", "--port", "8000", "-tp", "2")]
    assert check_arguments(arguments, engine_version(IMAGE, "v0.12.0")) == []


def test_no_secret_is_repeated():
    for arguments in (
        ("--api-key", "sk-1", "sk-2"),
        ("--api-key=sk-1",),
        ("--api-key sk-1",),
        ("--api_kee", "sk-1"),
        ("--hf-token", "sk-1"),
        ("--ssl-keyfile-password-x=sk-1",),
    ):
        for version in ("0.10.0", "0.12.0"):
            found = check(*arguments, version=version)
            assert found and not any("sk-" in line for f in found for line in f.lines())


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("16k", "hint", 16000),
        ("16K", "hint", 16384),
        ("25.6k", "hint", 25600),
        ("1.5K", "hint", None),
        ("auto", "hint_auto", -1),
        ("auto", "hint", None),
        ("16_384", "hint", 16384),
        ("1e6", "hint", None),
        ("0.9", "float", 0.9),
        ("x", "float", None),
        ("7", "int", 7),
    ],
)
def test_numbers_are_read_as_vllm_reads_them(text, kind, value):
    assert number(text, kind) == value


def test_spans_are_words():
    assert spans([("0.8.0", "0.16.0"), ("0.33.0", "0.33.0")]) == "0.8.0 to 0.16.0 and 0.33.0"


@pytest.mark.parametrize(
    ("version", "form"),
    [
        ("0.8.0", '{"level":0}'),
        ("0.9.0", '{"level":0,"use_cudagraph":false}'),
        ("0.11.0", '{"level":0,"use_cudagraph":false}'),
        ("0.11.1", '{"mode":0,"cudagraph_mode":"NONE"}'),
        ("0.33.0", '{"mode":0,"cudagraph_mode":"NONE"}'),
    ],
)
def test_the_compilation_config_is_in_the_form_of_the_version(version, form):
    assert compilation_config(version) == form
    assert check("--compilation-config", form, version=version) == []


@pytest.mark.parametrize("version", tables.versions())
def test_the_eager_forms_are_accepted_by_every_version(version):
    assert not check("--compilation-config", compilation_config(version), version=version)
    assert not check("--enforce-eager", *pooling_runner(version), version=version)


def test_the_fix_of_a_refused_key_is_the_form_of_the_version():
    (found,) = check("--compilation-config", '{"use_cudagraph": false}', version="0.13.0")
    assert "--enforce-eager" in found.fix and '"cudagraph_mode":"NONE"' in found.fix


@pytest.mark.parametrize(
    ("tag", "cuda"),
    [
        ("v0.8.5", "12.4"),
        ("v0.11.0", "12.8"),
        ("v0.12.0", "12.9"),
        ("v0.20.2", "13.0"),
        ("v0.20.2-cu129", "12.9"),
        ("v0.20.2-ubuntu2404", "13.0"),
        ("latest", None),
        ("v0.6.0", None),
    ],
)
def test_an_image_is_built_with_a_cuda(tag, cuda):
    assert image_cuda(engine_version(IMAGE, tag)) == cuda


def test_older_forms_of_json_options():
    assert check("--limit-mm-per-prompt", "image=4", version="0.8.0") == []
    assert check("--limit-mm-per-prompt", '{"image": 4}', version="0.8.0")[0].code == "engine-argument-json"
    assert check("--limit-mm-per-prompt", "image=4", version="0.9.2") == []
    assert check("--limit-mm-per-prompt", '{"image": 4}', version="0.9.2") == []
    assert check("--compilation-config", "[1]", version="0.8.0")[0].code == "engine-argument-json"
    assert check("--compilation-config", "[1]", version="0.12.0")[0].code == "engine-argument-json"
    assert check("--compilation-config", "{'bogus': 1}", version="0.8.0")[0].code == "engine-argument-json-key-ignored"
    assert check("--kv-transfer-config", "[]", version="0.8.0") == []
    assert check("--hf-overrides", "module:function") == []


def test_dotted_keys_are_merged_and_checked():
    assert check("-cc.mode", "0", "-cc.cudagraph_mode=NONE") == []
    assert check("-cc.mode", "0", "--compilation-config.mode=0")[0].code == "engine-argument-duplicate"
    assert check("--compilation-config.bogus", "0", version="0.13.0")[0].code == "engine-argument-json-key"
    assert check("--hf-overrides.a.b+", "1", "--hf-overrides.a", "2", "--hf-overrides.a.c", "3") == []
    assert check("--kv-transfer-config.kv_connector=X")[0].code == "engine-argument-json"
    assert check("--compilation-config.mode")[0].code == "engine-argument-value-missing"


def test_old_releases_have_no_dotted_keys():
    assert check("--compilation-config.mode=0", version="0.8.0")[0].code == "engine-argument-unknown"


def test_the_model_stands_first():
    none_in_front = arguments_of(["--served-model-name", "a", "m"])
    (found,) = check_arguments(none_in_front, engine_version(IMAGE, "v0.33.0"))
    assert found.code == "engine-argument-needs"


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.text(max_size=12) | st.sampled_from(tables.ever()) | st.none() | st.integers() | st.booleans(), max_size=8
    ),
    st.sampled_from(tables.versions()),
)
def test_no_list_is_a_traceback(elements, version):
    for found in check_arguments(arguments_of(elements), engine_version(IMAGE, version)):
        assert found.code and found.message


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text("-O=.{}_0aKk\"' ", max_size=10), max_size=6), st.sampled_from(tables.versions()))
def test_no_dash_or_dot_is_a_traceback(elements, version):
    check_arguments(arguments_of(elements), engine_version(IMAGE, version))


def test_fatal_findings_carry_a_fix():
    for found in fatal(check("--bogus", "--dtype", "fp16", "--max-model-len 4")):
        assert found.fix
