# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shell around every core: options in, an outcome or findings out.

A module of this collection is three files: the documentation (``plugins/modules/<name>.py``, which is
also its argument specification), the core (``plugins/module_utils``), and an action plugin that derives
from :class:`FindingsAction` and joins the two in a dozen lines.
"""

from __future__ import annotations

import time
import traceback
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.api_error import ApiError
from ..module_utils.cluster import forget_credentials
from ..module_utils.findings import Finding, Refusal, finding, refuse, render
from ..module_utils.yaml_text import load

Read = TypeVar("Read")
display = Display()

PLUGINS = __name__.rpartition(".plugin_utils.")[0]
SPEC_KEYS = ("type", "elements", "required", "default", "choices", "aliases", "no_log")

CONNECTION_SECRETS = frozenset({"api_key"})
"""Secret options of the kubernetes documentation fragment."""


class FindingsAction(ActionBase):
    """Base of all action plugins of this collection.

    Subclasses set :attr:`MODULE` and implement :meth:`perform`.
    """

    TRANSFERS_FILES = False
    _requires_connection = False

    MODULE: ClassVar[str]
    """Name of the documentation file in plugins/modules."""

    SECRET_OPTIONS: ClassVar[frozenset[str]] = frozenset()
    """Names (at any depth) of options whose values must never be shown."""

    PUBLIC_RESULTS: ClassVar[frozenset[str]] = frozenset()
    """Results that cannot hold a secret (commit ids, ciphertext); masking one like ``git`` would damage them."""

    _spec: ClassVar[dict[str, Any]]

    SPEC_RULES: ClassVar[dict[str, Any]] = {}
    """mutually_exclusive, required_together, required_one_of, required_if of the module."""

    def __init_subclass__(cls, **more: Any) -> None:
        """Read the documentation before Ansible forks: its workers would do so for every task of every site."""
        super().__init_subclass__(**more)
        cls._spec = _argument_spec(cls.MODULE, cls.SECRET_OPTIONS | CONNECTION_SECRETS)

    @abstractmethod
    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Do the module's work and return its result (without ``failed`` and ``seconds``).

        ``findings`` in the result may hold :class:`Finding` objects. Raise :class:`Refusal` to fail.
        """

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be written."""
        return bool(self._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        """Whether the result should hold a diff."""
        return bool(self._task.diff)

    def progress(self, text: str) -> None:
        """Tell the operator what a wait is waiting for. Call it on change only."""
        host = self._task_vars.get("inventory_hostname", "localhost")
        display.display(f"    {host}: {text}")

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry point."""
        super().run(tmp, task_vars)
        self._task_vars = task_vars or {}
        self._secrets: set[str] = set()
        started = time.monotonic()
        try:
            outcome = self.perform(self._options())
        except Refusal as refusal:
            outcome = {"failed": True, "findings": refusal.findings}
        except ApiError as error:
            outcome = {"failed": True, "findings": [error.finding()]}
        except Exception as error:
            outcome = {"failed": True, "findings": [_unexpected(error)]}
            display.vvv(_without(traceback.format_exc(), self._secrets))
        finally:
            forget_credentials()
        outcome["seconds"] = round(time.monotonic() - started, 3)
        return _finish(outcome, self._secrets, self.PUBLIC_RESULTS)

    def _options(self) -> dict[str, Any]:
        spec, given = self._spec, _plain(self._task.args)
        if misshapen := list(_misshapen(spec, given)):
            # Ansible's own refusal would quote the entry, and with it a value
            raise Refusal(finding("options-invalid", f"module {self.MODULE}", message) for message in misshapen)
        try:
            checked = ArgumentSpecValidator({**spec}, **self.SPEC_RULES).validate(given)
        except OverflowError:  # from a number that no machine word holds, inside of a list
            raise refuse("options-invalid", f"module {self.MODULE}", "holds a number that is too large") from None
        self._secrets = set(checked._no_log_values)
        if checked.error_messages:
            raise Refusal(
                finding("options-invalid", f"module {self.MODULE}", message) for message in checked.error_messages
            )
        return checked.validated_parameters


def handed_over(option: str, maker: str, read: Callable[[], Read]) -> Read:
    """``read`` an option that another module made; a finding where somebody else did."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        detail = f"{type(error).__name__}: {error}"[:120]
        raise refuse("options-invalid", option, f"is not what {maker} returns ({detail})") from None


def text_files(option: str, files: Mapping[str, Any]) -> dict[str, str]:
    """Committed files by path, less those that are not there (null)."""
    odd = [str(path) for path, text in files.items() if text is not None and not isinstance(text, str)]
    if odd:
        raise refuse("options-invalid", option, f"holds what is not text: {', '.join(odd)[:120]}")
    return {str(path): text for path, text in files.items() if text is not None}


def _plain(value: Any) -> Any:
    """``value`` in Python's own types: Ansible tags what it templates, and YAML emitters refuse its subclasses."""
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _misshapen(spec: Mapping[str, Any], given: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Options that are to be mappings, lists of them, paths or text, and are not. Ansible reads what is text."""
    for name, option in spec.items():
        value = given.get(name)
        # a file's content is further in, and may be bytes that were no UTF-8 when Ansible read them
        if isinstance(value, str) and not _is_text(value, errors="surrogateescape" if path else "strict"):
            yield f"{path}{name} holds half of a character (a lone surrogate)"
        elif isinstance(value, str) and option.get("type") == "path" and not _names_a_file(value):
            yield f"{path}{name} is not a path that this machine can have"
        if "options" not in option or value is None or isinstance(value, str):
            continue
        listed = option["type"] == "list"
        entries = value if isinstance(value, list) else [value]
        if isinstance(value, list) != listed or not all(isinstance(entry, Mapping) for entry in entries):
            yield f"{path}{name} must be a {'list of mappings' if listed else 'mapping'}"
            continue
        for entry in entries:
            yield from _misshapen(option["options"], entry, f"{path}{name}.")


def _is_text(value: str, errors: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        value.encode("utf-8", errors)
    except UnicodeEncodeError:
        return False
    return True


def _names_a_file(text: str) -> bool:
    """Whether a file could have this name: not blank, no NUL, and no home of a user who is not there."""
    try:
        return not text.isspace() and "\0" not in str(Path(text).expanduser())
    except RuntimeError:
        return False


def _finish(outcome: dict[str, Any], secrets: set[str], public: frozenset[str]) -> dict[str, Any]:
    """The Ansible form of an outcome: findings as dicts, one readable msg, no secret."""
    findings: list[Finding] = outcome.get("findings", [])
    result: dict[str, Any] = {"changed": False, **outcome}
    result["findings"] = [f.to_dict() for f in findings]
    if findings and "msg" not in result:
        result["msg"] = "\n".join(render(findings))
    if not secrets:
        return result
    # Ansible looks for every secret in every text: what holds none is left out, or 1,000 items take four times as long.
    kept = {name: result.pop(name) for name in public & result.keys()}
    return {**remove_values(result, secrets), **kept}


def _unexpected(error: Exception) -> Finding:
    """An internal error, by type and place only: its text could hold an option's value."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "unknown"
    return finding("internal-error", place, f"unexpected {type(error).__name__}")


def _without(text: str, secrets: set[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "********")
    return text


@cache
def _argument_spec(module: str, secret_options: frozenset[str]) -> dict[str, Any]:
    """The argument specification that the module's documentation states."""
    page = load(import_module(f"{PLUGINS}.modules.{module}").DOCUMENTATION)
    options: dict[str, Any] = {}
    for fragment in page.get("extends_documentation_fragment", []):
        name = fragment.rpartition(".")[2]
        text = import_module(f"{PLUGINS}.doc_fragments.{name}").ModuleDocFragment.DOCUMENTATION
        options.update(load(text).get("options", {}))
    options.update(page.get("options", {}))
    return _spec(options, secret_options)


def _spec(options: dict[str, Any], secret_options: frozenset[str]) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    for name, documented in options.items():
        spec[name] = {key: documented[key] for key in SPEC_KEYS if key in documented}
        spec[name]["no_log"] = name in secret_options
        if "suboptions" in documented:
            spec[name]["options"] = _spec(documented["suboptions"], secret_options)
    return spec
