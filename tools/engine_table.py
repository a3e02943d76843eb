# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The maintainer's command for the table of vLLM's server options (plugins/module_utils/engine/table.json).

    engine_table.py add 0.34.0 [--source DIR]   read the options of one vLLM version and merge them into the table
    engine_table.py import DIR                  rebuild it from combined.json, json_config_keys.json and removed.json
    engine_table.py show [OPTION]               versions, sizes, and the runs of one option
    engine_table.py check                       whether the table is sound and written in its canonical form

``add`` runs vLLM's own argument parser (nothing of vLLM is copied: names, types and choices are facts) from the
installed package or from ``--source``, an unpacked wheel (``pip download --no-deps vllm==X && unzip``; the ``*.py``
files are enough) whose Python dependencies are installed. It needs no GPU: the compiled modules are stood in for.
Versions before 0.10 add options outside that parser and cannot be read this way.
The ``advice`` of the table (what to use instead of a removed option) is written by hand and kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import importlib.machinery
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

TABLE = Path(__file__).resolve().parent.parent / "plugins" / "module_utils" / "engine" / "table.json"
SECTIONS = ("options", "json_keys")

COMPILED = ("_C", "_C_stable_libtorch", "_moe_C", "_rocm_C", "_flashmla_C", "_flashmla_extension_C", "_qutlass_C",
            "cumem_allocator", "vllm_flash_attn._vllm_fa2_C", "vllm_flash_attn._vllm_fa3_C")  # fmt: skip
PARSER_HOMES = ("vllm.utils.argparse_utils", "vllm.utils")
BUILDER_HOMES = (
    "vllm.entrypoints.openai.cli_args",
    "vllm.entrypoints.launchers.cli_args",
    "vllm.entrypoints.common.cli_args",
)
TYPES = (
    ("human_readable_int_or_auto", "hint_auto"),
    ("human_readable_int", "hint"),
    ("parse_dataclass", "json_strict"),
    ("loads", "json"),
    ("union_dict_and_str", "json_or_str"),
    ("json_tip", "json"),
    ("int", "int"),
    ("float", "float"),
)
"""Part of the name of an option's type function, with the table's word for it; the first match counts."""

Spec = dict[str, Any]
Runs = list[list[Any]]
PerVersion = dict[str, dict[str, Spec]]


def order(version: str) -> tuple[int, ...]:
    """The numbers of a version, for sorting."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def expand(runs_by_name: dict[str, Runs], versions: list[str]) -> PerVersion:
    """Runs as a table a version."""
    tables: PerVersion = {version: {} for version in versions}
    for name, runs in runs_by_name.items():
        for first, last, spec in runs:
            stop = versions.index(last) + 1 if last else len(versions)
            for version in versions[versions.index(first) : stop]:
                tables[version][name] = spec
    return tables


def compress(tables: PerVersion, versions: list[str]) -> dict[str, Runs]:
    """A table a version as runs; a run that reaches the newest version stays open (null)."""
    by_name: dict[str, Runs] = {}
    for version in versions:
        previous = versions[versions.index(version) - 1] if version != versions[0] else None
        for name, spec in tables[version].items():
            runs = by_name.setdefault(name, [])
            if runs and runs[-1][1] == previous and runs[-1][2] == spec:
                runs[-1][1] = version
            else:
                runs.append([version, version, spec])
    for runs in by_name.values():
        if runs[-1][1] == versions[-1]:
            runs[-1][1] = None
    return by_name


def text(data: dict[str, Any]) -> str:
    """The canonical form: a line a version list, option and advice, sorted, so that an addition is a small diff."""
    parts = [f' "about": {json.dumps(data["about"])}', f' "versions": {json.dumps(data["versions"])}']
    for section in (*SECTIONS, "advice"):
        rows = [f"  {json.dumps(name)}: {json.dumps(data[section][name])}" for name in sorted(data[section])]
        parts.append(f' "{section}": {{\n' + ",\n".join(rows) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def merge(data: dict[str, Any], version: str, options: dict[str, Spec], json_keys: dict[str, Spec]) -> dict[str, Any]:
    """The table with one version added (or read again)."""
    versions = sorted({*data["versions"], version}, key=order)
    merged: dict[str, Any] = {**data, "versions": versions}
    for section, new in zip(SECTIONS, (options, json_keys), strict=True):
        tables = expand(data[section], data["versions"])
        tables[version] = new
        merged[section] = compress(tables, versions)
    return merged


def read() -> dict[str, Any]:
    """The packaged table."""
    data: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return data


# ------------------------------------------------------------------------------------------ reading vLLM itself


def read_vllm(source: Path | None) -> tuple[dict[str, Spec], dict[str, Spec]]:
    """Options and JSON keys of the vLLM that can be imported."""
    if source:
        sys.path.insert(0, str(source))
    os.environ.update(VLLM_LOGGING_LEVEL="ERROR", VLLM_NO_USAGE_STATS="1", VLLM_PLUGINS="")
    # Some releases leave options out or in by the program's name; under this one they build the whole parser.
    sys.argv = ["mkdocs"]
    for name in COMPILED:
        sys.modules.setdefault(f"vllm.{name}", MagicMock(__spec__=importlib.machinery.ModuleSpec(name, None)))
    platforms = importlib.import_module("vllm.platforms")
    if not platforms.current_platform.device_type:
        type(platforms.current_platform).device_type = "cuda"
    parser = _first(BUILDER_HOMES, "make_arg_parser")(_first(PARSER_HOMES, "FlexibleArgumentParser")(prog="vllm serve"))
    return options_of(parser), json_keys_of(parser)


def options_of(parser: argparse.ArgumentParser) -> dict[str, Spec]:
    """Every option string that a parser accepts; ``_option_string_actions`` is what argparse itself looks in."""
    strings: dict[int, list[str]] = {}
    for string, action in parser._option_string_actions.items():
        strings.setdefault(id(action), []).append(string)
    deprecated = set(getattr(parser, "_deprecated", ()) or ())
    table: dict[str, Spec] = {}
    for action in parser._actions:
        names = strings.get(id(action), [])
        if not names:
            continue
        head = _primary(action, names)
        for name in names:
            spec = _spec(action, deprecated)
            if name != head:
                spec["of"] = head
            if _negates(name, head, action):
                spec["negates"] = True
            table[name] = spec
    return table


def json_keys_of(parser: argparse.ArgumentParser) -> dict[str, Spec]:
    """The keys of every option whose value is parsed into a dataclass."""
    table: dict[str, Spec] = {}
    for action in parser._actions:
        long = [name for name in action.option_strings if name.startswith("--")]
        config = _config_class(action.type)
        if long and config:
            keys = sorted(f.name for f in dataclasses.fields(config) if f.init and not f.name.startswith("_"))
            table[long[0]] = {"closed": _refuses_unknown_key(action.type), "keys": keys}
    return table


def _spec(action: argparse.Action, deprecated: set[Any]) -> Spec:
    kind = "flag" if action.nargs == 0 else {"+": "list", "*": "list", "?": "optional"}.get(str(action.nargs), "value")
    spec: Spec = {"kind": kind}
    if kind != "flag":
        spec["type"] = _type(action.type)
        choices = [choice for choice in action.choices or () if choice is not None]
        if choices:
            spec["choices"] = sorted(choices, key=lambda choice: (isinstance(choice, str), choice))
    if getattr(action, "deprecated", False) or action in deprecated:
        spec["deprecated"] = True
    return spec


def _primary(action: argparse.Action, names: list[str]) -> str:
    by_destination = "--" + action.dest.replace("_", "-")
    return by_destination if by_destination in names else next((n for n in names if n.startswith("--")), names[0])


def _negates(name: str, head: str, action: argparse.Action) -> bool:
    if action.nargs != 0 or name == head:
        return False
    opposite = {f"--no-{head[2:]}", head.replace("--enable-", "--disable-"), head.replace("--disable-", "--enable-")}
    return name in opposite or name.startswith("--no-")


def _type(function: Any) -> str:
    name = _describe(function).lower()
    return next((word for needle, word in TYPES if needle in name), "str")


def _describe(function: Any) -> str:
    """Names of a type function and of what it closes over (vLLM wraps the real one)."""
    if function is None:
        return ""
    inside = [value for value in _closed_over(function) if callable(value)]
    own = getattr(function, "__qualname__", getattr(function, "__name__", str(function)))
    return " ".join([own.split(".<locals>.")[-1], *(_describe(value) for value in inside)])


def _closed_over(function: Any) -> Iterable[Any]:
    for cell in getattr(function, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:
            continue


def _config_class(function: Any) -> Any:
    values = [*(getattr(function, "__defaults__", None) or ()), *_closed_over(function)]
    values += [d for v in list(values) for d in getattr(v, "__defaults__", None) or ()]
    return next((v for v in values if isinstance(v, type) and dataclasses.is_dataclass(v)), None)


def _refuses_unknown_key(convert: Any) -> bool:
    try:
        convert('{"no_such_key_x": 1}')
    except Exception as error:
        message = str(error)
        return "no_such_key_x" in message and any(word in message for word in ("nexpected", "Extra", "not permitted"))
    return False


def _first(homes: Iterable[str], attribute: str) -> Any:
    for home in homes:
        try:
            return getattr(importlib.import_module(home), attribute)
        except ModuleNotFoundError as error:
            if not error.name or not home.startswith(error.name):
                raise
        except AttributeError:
            continue
    raise SystemExit(f"this vLLM has no {attribute}: it moved; add its new home to this command")


# --------------------------------------------------------------------------------------------------- commands


def add(arguments: argparse.Namespace) -> int:
    """Merge one version."""
    options, json_keys = read_vllm(arguments.source)
    TABLE.write_text(text(merge(read(), arguments.version, options, json_keys)), encoding="utf-8")
    print(f"{arguments.version}: {len(options)} option strings, {len(json_keys)} JSON options")
    return 0


def rebuild(arguments: argparse.Namespace) -> int:
    """Make the table from the reference tables of a folder."""
    load: Callable[[str], dict[str, Any]] = lambda name: json.loads((arguments.folder / name).read_text())  # noqa: E731
    combined, keys, removed = load("combined.json"), load("json_config_keys.json"), load("removed.json")
    versions = combined["versions"]
    words = {"k": "kind", "t": "type", "c": "choices", "d": "deprecated", "of": "of", "n": "negates"}
    rename = {
        name: [[a, b, {words[k]: bool(v) if k in "dn" else v for k, v in spec.items()}] for a, b, spec in runs]
        for name, runs in combined["options"].items()
    }
    closed = {
        name: [[a, b, {"closed": s["forbid_unknown"], "keys": s["keys"]}] for a, b, s in runs]
        for name, runs in keys["options"].items()
    }
    data = {
        "about": "option strings that `vllm serve` accepts, as runs of versions; made by tools/engine_table.py",
        "versions": versions,
        "options": compress(expand(rename, versions), versions),
        "json_keys": compress(expand(closed, versions), versions),
        "advice": {
            name: {word: row[word] for word in ("use", "note") if row.get(word)}
            for name, row in removed["options"].items()
            if row.get("use") or row.get("note")
        },
    }
    TABLE.write_text(text(data), encoding="utf-8")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print what the table holds."""
    data = read()
    if arguments.option:
        for first, last, spec in data["options"].get(arguments.option, []):
            print(f"{first} to {last or data['versions'][-1]}: {json.dumps(spec)}")
        return 0 if arguments.option in data["options"] else 1
    tables = expand(data["options"], data["versions"])
    for version in data["versions"]:
        print(f"{version}: {len(tables[version])} option strings")
    return 0


def check(_: argparse.Namespace) -> int:
    """Fail where the table is not what this command would write."""
    data = read()
    again = {**data, **{s: compress(expand(data[s], data["versions"]), data["versions"]) for s in SECTIONS}}
    sound = TABLE.read_text(encoding="utf-8") == text(again) and data["versions"] == sorted(data["versions"], key=order)
    print("sound" if sound else "not canonical: rewrite it with this command")
    return 0 if sound else 1


def main(argv: list[str] | None = None) -> int:
    """Entry point."""
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    adding = commands.add_parser("add")
    adding.add_argument("version")
    adding.add_argument("--source", type=Path)
    adding.set_defaults(run=add)
    importing = commands.add_parser("import")
    importing.add_argument("folder", type=Path)
    importing.set_defaults(run=rebuild)
    showing = commands.add_parser("show")
    showing.add_argument("option", nargs="?")
    showing.set_defaults(run=show)
    commands.add_parser("check").set_defaults(run=check)
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
