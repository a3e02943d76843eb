# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell around every core: options are checked, refusals become results, secrets never come out."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.api_error import ApiError
from ansible_collections.inferops.vllm.plugins.module_utils.findings import finding, refuse
from ansible_collections.inferops.vllm.plugins.plugin_utils import action as shell

ROOT = Path(__file__).parents[3]


def run(perform: Any, args: dict[str, Any], secret: str = "", module: str = "gitops_commit") -> dict[str, Any]:
    class Action(shell.FindingsAction):
        MODULE = module
        SECRET_OPTIONS = frozenset({secret} if secret else ())

        def perform(self, options: dict[str, Any]) -> dict[str, Any]:
            return dict(perform(options))

    task = SimpleNamespace(args=args, check_mode=True, diff=False, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    action = Action(task, connection, SimpleNamespace(), None, None, None)
    return action.run(task_vars={"inventory_hostname": "town"})


def documented() -> list[str]:
    return sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {
        "name": {"type": "str", "required": True},
        "token": {"type": "str", "no_log": True},
        "items": {"type": "list", "elements": "dict", "options": {"value": {"type": "str", "no_log": True}}},
    }
    monkeypatch.setattr(shell, "_argument_spec", lambda module, secrets: spec)


@pytest.mark.usefixtures("page")
def test_an_outcome_is_returned_with_its_duration_and_its_findings() -> None:
    result = run(lambda o: {"changed": True, "findings": [finding("internal-error", "x", "y")]}, {"name": "a"})
    assert result["changed"] is True
    assert result["seconds"] >= 0
    assert result["findings"][0]["anchor"] == "docs/findings.md#internal-error"
    assert result["msg"].startswith("× internal-error: x: y")


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("args", [{}, {"name": "a", "nmae": 1}, {"name": "a", "items": "x: y"}])
def test_wrong_options_are_findings(args: dict[str, Any]) -> None:
    result = run(lambda o: {}, args)
    assert result["failed"]
    assert {f["code"] for f in result["findings"]} == {"options-invalid"}


@pytest.mark.usefixtures("page")
def test_a_refusal_and_an_api_error_fail_with_their_findings() -> None:
    def refusing(options: dict[str, Any]) -> dict[str, Any]:
        raise refuse("site-variable-missing", "vllm_models", "is required")

    def failing(options: dict[str, Any]) -> dict[str, Any]:
        raise ApiError(403, "Forbidden", "no", "GET /api/v1/nodes")

    assert [f["code"] for f in run(refusing, {"name": "a"})["findings"]] == ["site-variable-missing"]
    assert [f["code"] for f in run(failing, {"name": "a"})["findings"]] == ["cluster-forbidden"]


@pytest.mark.usefixtures("page")
def test_an_unexpected_error_names_the_place_and_never_the_value() -> None:
    def broken(options: dict[str, Any]) -> dict[str, Any]:
        raise ValueError(f"cannot use {options['token']}")

    result = run(broken, {"name": "a", "token": "hf_canary"}, "token")
    assert result["failed"]
    assert result["findings"][0]["code"] == "internal-error"
    assert result["findings"][0]["subject"].startswith("test_action.py:")
    assert "hf_canary" not in json.dumps(result)


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("items", [["canary"], [["canary"]], "canary", {"canary": 1}, [{"value": "a"}, "canary"]])
def test_an_entry_of_the_wrong_shape_is_named_by_its_place_and_not_quoted(items: Any) -> None:
    result = run(lambda o: {}, {"name": "a", "items": items})
    assert {f["code"] for f in result["findings"]} == {"options-invalid"}
    assert "canary" not in json.dumps(result)


def test_what_cannot_hold_a_secret_is_not_damaged_by_a_short_one() -> None:
    masked = shell._finish({"revision": "ab" * 20, "text": "ab"}, {"ab"}, frozenset({"revision"}))
    assert masked["revision"] == "ab" * 20
    assert "ab" not in masked["text"]


@pytest.mark.usefixtures("page")
def test_secrets_are_masked_at_any_depth() -> None:
    def echo(options: dict[str, Any]) -> dict[str, Any]:
        return {"deep": [{"text": f"{options['token']} and {options['items'][0]['value']}"}]}

    result = run(echo, {"name": "a", "token": "canary-1", "items": [{"value": "canary-2"}]})
    assert "canary" not in json.dumps(result)


@pytest.mark.parametrize("module", documented())
def test_the_documentation_of_every_module_is_its_argument_specification(module: str) -> None:
    spec = shell._argument_spec(module, frozenset())
    for name, option in spec.items():
        assert option.get("type"), (module, name)
        assert not (option.get("required") and "default" in option), (module, name)
    assert (ROOT / "plugins" / "action" / f"{module}.py").exists()
