# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module with any options: it answers with findings that can be printed, never with an internal error.

``tests/corpus/options`` holds what the site play gave to the modules on the rehearsal cluster. Nothing can be reached
from here: no API server, no repository, no name resolution.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import _argument_spec
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "corpus" / "options"
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
ODD = ["", " ", "\n", "{{ x }}", "null", "true", "-1", "0", "1e400", "../..", "/", "a/b", "--x", "€", "\x00", "\ud800"]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**70),
    st.floats(),
    st.sampled_from(ODD),
    st.text(max_size=20),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
TYPED = {
    "str": st.sampled_from(ODD) | st.text(max_size=20),
    "path": st.just("/nowhere/file"),
    "int": st.integers(-(2**40), 2**70),
    "float": st.floats(),
    "bool": st.booleans(),
    "list": st.lists(ANYTHING, max_size=3),
    "dict": st.dictionaries(st.text(max_size=8), ANYTHING, max_size=3),
}
FIXED = {"host": "http://127.0.0.1:1", "api_key": "not-a-token"}
"""Options that decide whom a module talks to."""

OUTWARD = ("kubeconfig", "context", "ca_cert", "repo_url", "hub_url", "hub_token", "repository_url", "url", "apply")


HANDED_OVER = ("models", "nodes", "own", "plan", "existing_files", "old_files", "new_files", "gpu_preflight", "results")
"""Options that another module made. They are replaced as a whole; nobody writes the facts of a node by hand."""


@pytest.fixture(autouse=True, scope="module")
def nowhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No connection but to a closed port of this machine, a home and a temporary folder of our own."""
    home = str(tmp_path_factory.mktemp("home"))

    def refused(*_arguments: Any, **_options: Any) -> Any:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refused)
        patch.setattr(socket, "create_connection", refused)
        patch.setattr("time.sleep", lambda _seconds: None)
        patch.setenv("HOME", home)
        patch.setenv("TMPDIR", home)
        patch.chdir(home)
        yield


def filled(value: Any) -> Any:
    """A sample with its placeholders replaced."""
    if isinstance(value, dict):
        return {key: filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item) for item in value]
    return value.replace("$here", str(SAMPLES)) if isinstance(value, str) else value


def sample(module: str) -> dict[str, Any]:
    """What the play gave to the module; nothing for one that it does not use."""
    path = SAMPLES / f"{module}.json"
    found: dict[str, Any] = filled(json.loads(path.read_text("utf-8"))) if path.exists() else {}
    return found


def answer(module: str, options: dict[str, Any]) -> dict[str, Any]:
    """Run the action plugin in check mode."""
    plugin = import_module(f"ansible_collections.inferops.vllm.plugins.action.{module}")
    task = SimpleNamespace(args=options, check_mode=True, diff=True, async_val=0)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    templar = SimpleNamespace(template=lambda value: value)
    action = plugin.ActionModule(task, connection, SimpleNamespace(), None, templar, None)
    result: dict[str, Any] = action.run(task_vars={"inventory_hostname": "town"})
    return result


def is_sound(result: dict[str, Any]) -> None:
    """Printable, and nothing that nobody expected."""
    json.dumps(result)
    for found in result["findings"]:
        assert found["code"] != "internal-error", found
        assert found["message"]
        assert found["fix"]
    assert result.get("failed", False) in (True, False)


def options_of(module: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any options: of the documented type, or of any other."""
    spec = _argument_spec(module, frozenset())
    optional = {
        name: (TYPED.get(option.get("type", "str"), ANYTHING) | ANYTHING)
        for name, option in spec.items()
        if name not in (*FIXED, *OUTWARD)
    }
    fixed = {name: value for name, value in FIXED.items() if name in spec}
    fixed |= {name: value for name, value in sample(module).items() if name in OUTWARD}
    return st.fixed_dictionaries({}, optional=optional).map(lambda given: {**given, **fixed})


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a nested value."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any, how: str) -> Any:
    """A copy with one place replaced, removed, doubled or turned to text."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    copy = value.copy()
    if rest:
        copy[key] = changed(value[key], rest, new, how)
    elif how == "remove":
        copy.pop(key)
    elif how == "double" and isinstance(copy, list):
        copy.insert(key, copy[key])
    else:
        copy[key] = str(copy[key]) if how == "text" else new
    return copy


def deep(module: str, path: tuple[Any, ...]) -> bool:
    """Whether a place lies inside of what another module made. Models are the operator's, until they become values."""
    made = path[0] in HANDED_OVER and (path[0] != "models" or module == "vllm_values")
    return made and len(path) > 1


@st.composite
def nearly_right(draw: st.DrawFn, module: str) -> dict[str, Any]:
    """The play's options with a few places changed."""
    options = sample(module)
    for _ in range(draw(st.integers(1, 3))):
        places = [path for path in paths(options) if path[0] not in (*FIXED, *OUTWARD) and not deep(module, path)]
        how = draw(st.sampled_from(["replace", "replace", "remove", "double", "text"]))
        options = changed(options, draw(st.sampled_from(places)), draw(ANYTHING), how)
    return options


@pytest.mark.parametrize("module", MODULES)
@given(data=st.data())
def test_any_options(module: str, data: st.DataObject) -> None:
    is_sound(answer(module, data.draw(options_of(module))))


@pytest.mark.parametrize("module", [module for module in MODULES if sample(module)])
@given(data=st.data())
def test_options_that_are_nearly_right(module: str, data: st.DataObject) -> None:
    is_sound(answer(module, data.draw(nearly_right(module))))


@pytest.mark.parametrize(
    "odd", ["\x00", "a\x00b", "\ud800", "\udc80", "€", "~nobody-of-this-name/x", "", "/", " "], ids=ascii
)
@pytest.mark.parametrize("module", MODULES)
def test_text_that_no_file_and_no_header_can_hold(module: str, odd: str) -> None:
    """In every option that is text or a path, one at a time: drawn at random, it is rarely alone."""
    texts = [name for name, option in _argument_spec(module, frozenset()).items() if option["type"] in ("str", "path")]
    for name in texts:
        is_sound(answer(module, {**sample(module), name: odd}))


@pytest.mark.parametrize("module", [module for module in MODULES if sample(module)])
def test_the_sample_is_right(module: str) -> None:
    """Else its neighbours would test nothing but the option check."""
    result = answer(module, sample(module))
    assert "options-invalid" not in {found["code"] for found in result["findings"]}, result["findings"]
