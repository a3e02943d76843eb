# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the argument list that a pod would start vLLM with, for the exact version of its image.

The list is checked as the chart renders it (chart flags first, then extraArgs), because that is what the parser gets:
a duplicate, a swallowed value or a conflict shows only in the whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..findings import Finding, finding
from ..suggest import did_you_mean
from .commandline import Given, Problem, Reading, read
from .embeddings import compilation_config
from .settings import Fault, faults, number, spans
from .table import Advice, Table, accepted_in, advice, ever, table
from .versions import EngineVersion, order

SENSITIVE = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
VERDICT_CODES = frozenset(
    (
        "engine-argument-unknown",
        "engine-argument-removed",
        "engine-argument-newer",
        "engine-argument-ambiguous",
        "engine-argument-joined",
        "engine-argument-value-missing",
        "engine-argument-value-extra",
        "engine-argument-stray",
        "engine-argument-misread",
        "engine-argument-choice",
        "engine-argument-number",
        "engine-argument-json",
        "engine-argument-json-key",
        "engine-argument-needs",
    )
)
"""Findings with one of these codes (and severity fatal) mean that vLLM's parser ends with an error."""

FAULT_CODES = {
    "choice": "engine-argument-choice",
    "number": "engine-argument-number",
    "json": "engine-argument-json",
    "key": "engine-argument-json-key",
    "ignored-key": "engine-argument-json-key-ignored",
}
"""Kind of a value's fault -> code."""

OWNED = {
    "--model": "the chart passes the model itself",
    "--host": "the chart passes it; the probes need 0.0.0.0",
    "--port": "the chart passes it; the probes and the router use 8000",
    "--api-key": "the key would stand in Git and in the pod's specification; the chart passes it from the Secret",
    "--hf-token": "the token would stand in Git and in the pod's specification; the chart passes it from the Secret",
    "--tensor-parallel-size": "given here, the chart does not enlarge /dev/shm and NCCL fails; set the model's "
    "tensor_parallel_size instead",
    "--fail-on-environ-validation": "Kubernetes makes VLLM_… variables of the chart's Services; the engine would end",
    "--config": "options from a file that nobody can check before the pod starts",
    "--headless": "no API server would run, so no probe would ever succeed",
    "--uds": "the probes and the router talk TCP to port 8000",
    "--ssl-keyfile": "the probes and the router talk plain HTTP to port 8000",
    "--ssl-certfile": "the probes and the router talk plain HTTP to port 8000",
    "--help": "the engine would print its help and end",
    "--version": "the engine would print its version and end",
}
"""Options that extra arguments must not hold, and why."""


@dataclass(frozen=True)
class Argument:
    """One element of the list: its text, where it comes from, and whether a person wrote it (extraArgs)."""

    text: Any
    subject: str
    extra: bool = False


def arguments_of(elements: Sequence[Any], prefix: str = "argument") -> list[Argument]:
    """A bare list as arguments of people, named by index."""
    return [Argument(text, f"{prefix}[{index}]", extra=True) for index, text in enumerate(elements)]


def check_arguments(arguments: Sequence[Argument], engine: EngineVersion) -> list[Finding]:
    """Findings about the list that follows ``vllm serve``; empty where the version is not known."""
    if engine.table is None:
        return []
    check = _Check(arguments, table(engine.table), str(engine))
    return check.run()


class _Check:
    def __init__(self, arguments: Sequence[Argument], known: Table, name: str) -> None:
        self.arguments = arguments
        self.table = known
        self.name = name
        self.found: list[tuple[int, Finding]] = []

    def run(self) -> list[Finding]:
        """All checks; findings in the order of the list."""
        for index, argument in enumerate(self.arguments):
            if not isinstance(argument.text, str):
                kind = type(argument.text).__name__
                self.report("engine-argument-not-text", index, f"is a {kind}, not text; put it in quotes")
        reading = read([_text(argument.text) for argument in self.arguments], self.table)
        for problem in reading.problems:
            self.problem(problem)
        for given in reading.given:
            self.option(given)
        self.whole(reading)
        return [found for _unused, found in sorted(self.found, key=lambda pair: pair[0])]

    def report(self, code: str, index: int, message: str, fix: str | None = None) -> None:
        """A finding about one element."""
        subject = self.arguments[index].subject if index < len(self.arguments) else "arguments"
        self.found.append((index, finding(code, subject, message, fix=fix)))

    # ------------------------------------------------------------------------------------------- problems

    def problem(self, problem: Problem) -> None:
        """Something that the parser stumbles over, in words."""
        name = problem.typed.partition("=")[0].partition(" ")[0]
        if problem.kind == "unknown":
            self.unknown(problem.index, name)
            return
        option = problem.option.name if problem.option else ""
        code, message = {
            "ambiguous": ("engine-argument-ambiguous", f"{name} could mean {', '.join(problem.candidates)}"),
            "joined": (
                "engine-argument-joined",
                f"{name} and its value stand in one element; {self.name} takes the whole for a name",
            ),
            "missing": ("engine-argument-value-missing", f"{name} needs a value"),
            "extra": ("engine-argument-value-extra", f"{name} is a switch and takes no value"),
            "misread": (
                "engine-argument-misread",
                f"begins with '-' and holds a '.', so {self.name} takes it for a JSON key",
            ),
            "stray": ("engine-argument-stray", self.stray(problem, option)),
        }[problem.kind]
        self.report(code, problem.index, message)

    def stray(self, problem: Problem, option: str) -> str:
        """An element that no option takes."""
        shown = "an element" if SENSITIVE.search(option) else f"{problem.typed[:40]!r}"
        behind = f" after {option}" if option else ""
        return f"{shown}{behind} belongs to no option: {self.name} refuses it"

    def unknown(self, index: int, name: str) -> None:
        """An option that this version refuses: removed, newer than the image, or never there."""
        name = "--" + name[2:].replace("_", "-") if name.startswith("--") else name
        runs = accepted_in(name)
        if not runs:
            hint = _suggestion(name, self.table.version)
            self.report("engine-argument-unknown", index, f"{name} is no option of {self.name}{hint}")
            return
        removed = order(runs[0][0]) < order(self.table.version)
        known = f"{name} is refused by {self.name}; it exists in {spans(runs)}"
        code = "engine-argument-removed" if removed else "engine-argument-newer"
        self.report(code, index, known, self.replacement(name, advice(name)) if removed else None)

    def replacement(self, name: str, known: Advice) -> str | None:
        """What to write instead."""
        if known.use and known.use in self.table.options:
            return f"Write {known.use} instead of {name}" + (f" ({known.note})." if known.note else ".")
        if known.use:
            return f"Remove {name}; {known.use} takes its place, in {spans(accepted_in(known.use))}."
        return f"Remove {name} ({known.note})." if known.note else None

    # -------------------------------------------------------------------------------------------- options

    def option(self, given: Given) -> None:
        """One option that the parser knows, with its values."""
        option = given.option
        if given.abbreviated and not given.typed.startswith("-O"):
            message = f"{given.typed} is short for {option.name} in {self.name} and may mean something else in another"
            self.report("engine-argument-abbreviated", given.index, message)
        if given.typed.startswith("-O.") and option.canonical == "--optimization-level":
            self.report("engine-argument-misread", given.index, f"{self.name} reads it as --optimization-level")
        if option.deprecated:
            fix = self.replacement(option.name, advice(option.name))
            self.report("engine-argument-deprecated", given.index, f"{option.name} is deprecated in {self.name}", fix)
        if option.canonical in OWNED and self.written(given.index):
            fix = f"Remove {option.name} from the extra arguments."
            self.report("engine-argument-forbidden", given.index, f"{option.name}: {OWNED[option.canonical]}", fix)
        for fault in faults(option, given.values, self.table):
            self.fault(given, fault)

    def written(self, index: int) -> bool:
        """Whether a person wrote the element."""
        return index < len(self.arguments) and self.arguments[index].extra

    def fault(self, given: Given, fault: Fault) -> None:
        """A value that the version does not take."""
        option = given.option
        value = " ".join(given.values)
        shown = "the value" if SENSITIVE.search(option.name) or len(value) > 60 else repr(value)
        fix = None
        if option.canonical == "--compilation-config" and fault.kind in ("key", "ignored-key", "json", "choice"):
            eager = compilation_config(self.table.version)
            fix = (
                f"To switch CUDA graphs off, write --enforce-eager (or --compilation-config '{eager}') for {self.name}."
            )
        self.report(FAULT_CODES[fault.kind], given.index, f"{option.name}: {shown} {fault.message}", fix)

    # ---------------------------------------------------------------------------------------- the whole list

    def whole(self, reading: Reading) -> None:
        """What only the whole list shows."""
        self.duplicates(reading)
        for index, code, message in (*_model_rules(reading, self.table), *_needs(reading), *_late(reading)):
            self.report(code, index, f"{message} ({self.name})")

    def duplicates(self, reading: Reading) -> None:
        """An option given twice: the last one counts, silently."""
        first: dict[str, Given] = {}
        for given in reading.given:
            name = given.option.canonical
            if name in first and (self.written(given.index) or self.written(first[name].index)):
                before = self.arguments[first[name].index].subject
                message = f"{given.typed} is also given at {before}: the last one counts, here this one"
                self.report("engine-argument-duplicate", given.index, message)
            first[name] = given


@cache
def _suggestion(name: str, version: str) -> str:
    """The option of this version, or else of any, that a misspelt one may mean."""
    return did_you_mean(name, table(version).options) or did_you_mean(name, ever())


Row = tuple[int, str, str]


def _model_rules(reading: Reading, known: Table) -> Iterator[Row]:
    """The model stands first; ``--model`` and a list option in front of it changed their meaning over time."""
    flag = reading.last("--model")

    def at_least(version: str) -> bool:
        return order(known.version) >= order(version)

    if flag and at_least("0.8.3") and (reading.model is not None or not at_least("0.11.1")):
        yield flag.index, "engine-argument-stray", "the model is given as the first element, not with --model"
    elif reading.given and reading.model is None and not flag and at_least("0.17.1"):
        yield reading.given[0].index, "engine-argument-needs", "no model: it must stand before all options"


def _needs(reading: Reading) -> Iterator[Row]:
    choice, parser = reading.last("--enable-auto-tool-choice"), reading.last("--tool-call-parser")
    if choice and not choice.option.negates and not parser:
        yield choice.index, "engine-argument-needs", "--enable-auto-tool-choice needs --tool-call-parser"


LIMITS: tuple[tuple[str, float, float, str], ...] = (
    ("--gpu-memory-utilization", 0.01, 1.0, "a share of the GPU's memory above 0 and at most 1"),
    ("--max-num-seqs", 1, 2**31, "at least 1"),
    ("--max-num-batched-tokens", 1, 2**31, "at least 1"),
    ("--tensor-parallel-size", 1, 4096, "at least 1"),
    ("--pipeline-parallel-size", 1, 4096, "at least 1"),
)


def _late(reading: Reading) -> Iterator[Row]:
    """Values that the parser takes and the engine refuses some seconds later."""
    for name, low, high, words in LIMITS:
        value = _value(reading, name)
        if value is not None and not low <= value <= high:
            yield _index(reading, name), "engine-value-out-of-range", f"{name} must be {words}"
    length = _value(reading, "--max-model-len")
    if length == 0 or (length is not None and length < -1):
        yield _index(reading, "--max-model-len"), "engine-value-out-of-range", "--max-model-len must be at least 1"
    yield from _batch(reading, length)


def _batch(reading: Reading, length: float | None) -> Iterator[Row]:
    tokens, sequences = _value(reading, "--max-num-batched-tokens"), _value(reading, "--max-num-seqs")
    chunked = reading.last("--enable-chunked-prefill")
    whole_prompts = chunked is not None and chunked.option.negates
    index = _index(reading, "--max-num-batched-tokens")
    if tokens and length and whole_prompts and tokens < length:
        message = (
            f"--max-num-batched-tokens {tokens:.0f} is less than --max-model-len {length:.0f} without chunked prefill"
        )
        yield index, "engine-batch-too-small", message
    if tokens and sequences and tokens < sequences:
        message = f"--max-num-batched-tokens {tokens:.0f} is less than --max-num-seqs {sequences:.0f}"
        yield index, "engine-batch-too-small", message


def _value(reading: Reading, name: str) -> float | None:
    given = reading.last(name)
    return number(given.values[0], given.option.type) if given and given.values else None


def _index(reading: Reading, name: str) -> int:
    given = reading.last(name)
    return given.index if given else 0


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)
