# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a site against the inventory contract (``roles/site/meta/argument_specs.yml``).

Ansible lets a misspelt variable pass in silence and accepts a list where a string is meant; an operator
then searches for hours. Here every variable with one of our prefixes is known or refused, and every value
has the stated type, with the path to it in the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..findings import Finding, finding
from ..suggest import did_you_mean

Schema = Mapping[str, Mapping[str, Any]]

PREFIXES = ("vllm_", "gitops_", "argocd_")
"""A variable that starts so is meant for this collection."""

SECRET_VARIABLES = frozenset(
    {
        *("vllm_hf_token", "vllm_api_key", "vllm_sealing_key", "gitops_token", "gitops_ssh_key", "gitops_signing_key"),
        *("argocd_repo_token", "argocd_repo_ssh_key"),
    }
)
"""Never read here, so that their values reach no fact; the modules that need them get them as options."""

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SCP_STYLE = re.compile(r"[\w.-]+@[\w.-]+:(?!//).+")

_TYPES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "str": (str, "a string"),
    "path": (str, "a path"),
    "bool": (bool, "true or false"),
    "int": (int, "a whole number"),
    "float": ((int, float), "a number"),
    "list": (list, "a list"),
    "dict": (dict, "a mapping"),
}


def ours(names: Mapping[str, Any]) -> set[str]:
    """The variable names that are meant for this collection."""
    return {name for name in names if name.startswith(PREFIXES)}


def check(variables: Mapping[str, Any], schema: Schema) -> tuple[dict[str, Any], list[Finding]]:
    """Settings with defaults applied, and what is wrong with ``variables``.

    ``variables`` holds the templated values of :func:`ours`, secrets left out. Settings are complete only
    when no finding is fatal.
    """
    findings = [_unknown(name, schema) for name in sorted(set(variables) - set(schema))]
    settings: dict[str, Any] = {}
    for name, option in schema.items():
        if name in SECRET_VARIABLES:
            continue
        value, problems = _value(name, variables.get(name), option)
        settings[name] = value
        findings += problems
    if not findings:
        findings = [problem for rule in RULES for problem in rule(settings)]
    return settings, findings


def _unknown(name: str, schema: Schema) -> Finding:
    return finding("site-variable-unknown", name, f"is not a variable of this collection{did_you_mean(name, schema)}")


def _value(path: str, value: Any, option: Mapping[str, Any]) -> tuple[Any, list[Finding]]:
    """The value of one option with its defaults, and what is wrong with it."""
    if value is None:
        if option.get("required"):
            return None, [finding("site-variable-missing", path, f"is required: {_first(option)}")]
        value = option.get("default")
        if value is None:
            return None, []
    expected, word = _TYPES[option.get("type", "str")]
    value = _read(value, expected)
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        return value, [finding("site-variable-type", path, f"must be {word}, not {_kind(value)}")]
    if "choices" in option and value not in option["choices"]:
        allowed = ", ".join(option["choices"])
        hint = did_you_mean(str(value), option["choices"])
        return value, [finding("site-variable-value", path, f"must be one of {allowed}, not '{value}'{hint}")]
    if isinstance(value, list):
        return value, [p for i, item in enumerate(value) for p in _item(f"{path}[{i}]", item, option)]
    if isinstance(value, dict) and "options" in option:
        return _mapping(path, value, option["options"])
    return value, []


def _read(value: Any, expected: type | tuple[type, ...]) -> Any:
    """``value``, or what it spells: the command line (``-e name=false``) and the environment know only strings."""
    if not isinstance(value, str):
        return value
    if expected is bool:
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.lower(), value)
    if expected is int and re.fullmatch(r"-?\d{1,9}", value):
        return int(value)
    return value


def _kind(value: Any) -> str:
    """What ``value`` is, in the words of the messages; Ansible's own subclasses are not worth naming."""
    return next((word for kind, word in _TYPES.values() if isinstance(value, kind)), "nothing")


def _first(option: Mapping[str, Any]) -> str:
    text = option.get("description", "")
    return str(text[0] if isinstance(text, list) else text)


def _item(path: str, item: Any, option: Mapping[str, Any]) -> list[Finding]:
    return _value(path, item, {"type": option.get("elements", "str"), "required": True})[1]


def _mapping(path: str, value: Mapping[str, Any], options: Schema) -> tuple[dict[str, Any], list[Finding]]:
    findings = [
        finding("site-variable-unknown", f"{path}.{key}", f"is not a key of {path}{did_you_mean(str(key), options)}")
        for key in value
        if key not in options
    ]
    complete: dict[str, Any] = {}
    for key, option in options.items():
        complete[key], problems = _value(f"{path}.{key}", value.get(key), option)
        findings += problems
    return complete, findings


def _names(settings: Mapping[str, Any]) -> Iterator[Finding]:
    for name in (
        "vllm_namespace",
        "vllm_release",
        "argocd_namespace",
        "argocd_project",
        "argocd_app_of_apps_name",
        "vllm_sealed_secrets_namespace",
    ):
        if not DNS_LABEL.fullmatch(settings[name]):
            yield finding(
                "site-variable-value",
                name,
                f"'{settings[name]}' is not a Kubernetes name (lower-case letters, digits and hyphens, at most 63)",
            )


def _repository(settings: Mapping[str, Any]) -> Iterator[Finding]:
    for name in ("gitops_repo_url", "argocd_repo_url"):
        url = settings[name]
        if url and not _is_repository_url(url):
            yield finding(
                "site-variable-value",
                name,
                f"'{_shown(url)}' is no repository URL (https://host/path.git, ssh://, git@host:path, file:///path)",
            )
        elif "@" in urlsplit(url).netloc and urlsplit(url).scheme in ("http", "https"):
            yield finding(
                "site-url-credential",
                name,
                "holds a user name or token, which would end up in Git's configuration and in error texts",
            )


def _is_repository_url(url: str) -> bool:
    if SCP_STYLE.fullmatch(url):
        return True
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises for "https://host:group/path", a slip seen in the field
    except ValueError:
        return False
    if parts.scheme == "file":
        return parts.path.startswith("/")
    return parts.scheme in ("https", "http", "ssh") and bool(parts.hostname) and len(parts.path) > 1


def _shown(url: str) -> str:
    """A URL without what stands before an ``@``."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def _paths(settings: Mapping[str, Any]) -> Iterator[Finding]:
    for name in ("vllm_application_path", "vllm_runtime_class_path", "argocd_app_of_apps_path"):
        path = settings[name]
        if not path or path.startswith("/") or ".." in path.split("/"):
            yield finding("site-variable-value", name, f"'{path}' must be a path inside the repository")


def _models(settings: Mapping[str, Any]) -> Iterator[Finding]:
    if not settings["vllm_models"]:
        yield finding("site-variable-value", "vllm_models", "is empty: there would be nothing to serve")


def _budgets(settings: Mapping[str, Any]) -> Iterator[Finding]:
    numbers = {
        "vllm_download_mb_s": settings["vllm_download_mb_s"],
        **{f"vllm_timeouts.{key}": value for key, value in settings["vllm_timeouts"].items()},
    }
    if settings["vllm_router"]["replicas"] is not None:
        numbers["vllm_router.replicas"] = settings["vllm_router"]["replicas"]
    for name, value in numbers.items():
        if value < 1:
            yield finding("site-variable-value", name, f"must be at least 1, not {value}")


RULES: tuple[Callable[[Mapping[str, Any]], Iterator[Finding]], ...] = (_names, _repository, _paths, _models, _budgets)
"""What a type cannot say. Each rule sees the complete settings."""
