# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory contract: what is refused, how it is said, which defaults apply."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity
from ansible_collections.inferops.vllm.plugins.module_utils.site.variables import SECRET_VARIABLES, check, ours
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[3]
SCHEMA = yaml.safe_load((ROOT / "roles/site/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]


def site(**changes: Any) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "vllm_gpu_mode": "bare_metal",
        "vllm_models": [{"name": "mistral"}],
        "gitops_repo_url": "https://git.example.org/town/site.git",
    }
    return {name: value for name, value in {**variables, **changes}.items() if value is not ...}


def problems(**changes: Any) -> list[tuple[str, str, str]]:
    return [(f.code, f.subject, f.message) for f in check(site(**changes), SCHEMA)[1]]


def test_a_minimal_site_gets_every_default() -> None:
    settings, findings = check(site(), SCHEMA)
    assert findings == []
    assert settings["vllm_chart_version"] == "0.1.8"
    assert settings["vllm_tolerations"] == [{"key": "node-role.kubernetes.io/gpu", "operator": "Exists"}]
    assert set(settings["vllm_router"].values()) == {None}
    assert settings["vllm_timeouts"] == {"smoke": 300, "sync": 600, "load": 3600, "answer": 600}
    assert set(settings) == set(SCHEMA) - SECRET_VARIABLES


def test_the_command_line_knows_only_strings() -> None:
    settings, findings = check(site(vllm_smoke_test="false", vllm_download_mb_s="100"), SCHEMA)
    assert findings == []
    assert (settings["vllm_smoke_test"], settings["vllm_download_mb_s"]) == (False, 100)


def test_every_secret_variable_is_part_of_the_contract() -> None:
    assert set(SCHEMA) >= SECRET_VARIABLES


def test_only_our_prefixes_are_looked_at() -> None:
    assert ours({"vllm_x": 1, "ansible_host": 1, "gitops_y": 1, "town": 1}) == {"vllm_x", "gitops_y"}


@pytest.mark.parametrize(
    ("changes", "code", "subject", "text"),
    [
        ({"vllm_modles": []}, "site-variable-unknown", "vllm_modles", "did you mean 'vllm_models'"),
        ({"vllm_gpu_mode": ...}, "site-variable-missing", "vllm_gpu_mode", "is required"),
        ({"vllm_gpu_mode": "bare-metal"}, "site-variable-value", "vllm_gpu_mode", "did you mean 'bare_metal'"),
        ({"vllm_models": "mistral"}, "site-variable-type", "vllm_models", "must be a list, not a string"),
        ({"vllm_models": ["mistral"]}, "site-variable-type", "vllm_models[0]", "must be a mapping, not a string"),
        ({"vllm_models": []}, "site-variable-value", "vllm_models", "nothing to serve"),
        ({"vllm_router": {"tagg": "v1"}}, "site-variable-unknown", "vllm_router.tagg", "'tag'"),
        ({"vllm_router": {"tag": 1}}, "site-variable-type", "vllm_router.tag", "must be a string"),
        ({"vllm_router": {"replicas": 0}}, "site-variable-value", "vllm_router.replicas", "at least 1"),
        ({"vllm_timeouts": {"sync": True}}, "site-variable-type", "vllm_timeouts.sync", "not true or false"),
        ({"vllm_smoke_test": "maybe"}, "site-variable-type", "vllm_smoke_test", "true or false, not a string"),
        ({"vllm_namespace": "Vllm"}, "site-variable-value", "vllm_namespace", "not a Kubernetes name"),
        ({"vllm_application_path": "../x"}, "site-variable-value", "vllm_application_path", "inside the repository"),
        ({"gitops_repo_url": "https://host:group/x"}, "site-variable-value", "gitops_repo_url", "no repository URL"),
        ({"gitops_repo_url": "file:relative"}, "site-variable-value", "gitops_repo_url", "no repository URL"),
        (
            {"gitops_repo_url": "https://u:t0ken@h/x.git"},
            "site-url-credential",
            "gitops_repo_url",
            "user name or token",
        ),
    ],
)
def test_each_defect_has_its_code_and_its_path(changes: dict[str, Any], code: str, subject: str, text: str) -> None:
    found = problems(**changes)
    assert [(c, s) for c, s, _ in found] == [(code, subject)]
    assert text in found[0][2]


@pytest.mark.parametrize(
    "url",
    ["https://h/x.git", "http://127.0.0.1:8080/x", "ssh://git@h:22/x.git", "git@h:town/site.git", "file:///srv/x.git"],
)
def test_every_form_of_repository_url_is_accepted(url: str) -> None:
    assert problems(gitops_repo_url=url) == []


def test_a_refused_url_is_shown_without_its_credential() -> None:
    (found,) = problems(gitops_repo_url="https://user:t0ken@host:group/x")
    assert "t0ken" not in found[2]


@given(
    st.dictionaries(
        st.sampled_from(sorted(SCHEMA)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
        ),
    )
)
def test_whatever_the_inventory_holds_the_answer_is_findings(variables: dict[str, Any]) -> None:
    settings, findings = check(variables, SCHEMA)
    assert findings or settings["vllm_models"]
    assert all(f.severity is Severity.FATAL and f.subject and f.fix for f in findings)
