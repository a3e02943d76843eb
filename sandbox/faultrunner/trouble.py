# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surroundings that misbehave while a play runs: the API server, disks, the home directory, the clock."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.faultrunner.kills import proxied
from sandbox.faultrunner.playing import Played, play
from sandbox.faultrunner.proxy import Rule
from sandbox.faultrunner.steps import Site, restart
from sandbox.runner.programs import HERE

ALWAYS = 10**6
NODES, PODS = "^GET /api/v1/nodes", "^GET /api/v1/pods"
APPLICATION = "^{} .*/applications/vllm"
SHIM = HERE / "faultrunner" / "clock.c"


class NotHere(Exception):
    """The trouble cannot be brought about on this machine; the text says why."""


@dataclass(frozen=True)
class Trouble:
    """A kind of trouble. ``survived``: the play must end verified all the same, else it may refuse, with a finding.

    ``code`` is the finding that it must refuse with, where that is certain.
    """

    name: str
    kind: str
    rules: Sequence[Rule] = ()
    survived: bool = False
    code: str = ""
    value: str = ""


def every() -> list[Trouble]:
    """All of them. Rules count their hits, so each call makes new ones."""
    read, write = APPLICATION.format("GET"), APPLICATION.format("PATCH")
    api = [
        ("429 with Retry-After, three times, on a read", [Rule(NODES, status=429, retry_after=1, times=3)], True, ""),
        ("429 with Retry-After, twice, on a write", [Rule(write, status=429, retry_after=1, times=2)], True, ""),
        ("429 for good", [Rule(".", status=429, retry_after=1, times=ALWAYS)], False, ""),
        ("500 once, on a read of the preflight", [Rule(NODES)], False, ""),
        ("500 three times, while a sync is waited for", [Rule(read, times=3, skip=2)], True, ""),
        ("500 once, on a write", [Rule(write)], False, ""),
        ("500 for good, from the middle on", [Rule(".", times=ALWAYS, skip=25)], False, ""),
        ("503 once, on the list of pods", [Rule(PODS, status=503)], False, ""),
        ("no answer, on a read of the preflight", [Rule(NODES, kind="hang")], False, ""),
        ("no answer, while a sync is waited for", [Rule(read, kind="hang", skip=2)], True, ""),
        ("an answer that breaks off, on a list", [Rule(NODES, kind="cut")], False, ""),
        ("an answer breaks off, twice, during a sync", [Rule(read, kind="cut", times=2, skip=2)], True, ""),
        ("a write that is done, and its answer breaks off", [Rule(write, kind="cut")], False, ""),
        ("409 once, on a write", [Rule(write, status=409)], False, ""),
        ("409 for good, on every write", [Rule("^(PATCH|POST|PUT)", status=409, times=ALWAYS)], False, ""),
        ("500 for good, on port-forwards", [Rule("/portforward", times=ALWAYS)], False, ""),
    ]  # fmt: skip
    return [
        *(Trouble(name, "api", rules, survived, code) for name, rules, survived, code in api),
        Trouble("the API server restarts, and every watch is cut", "restart", survived=True),
        Trouble("the disk of temporary files is full", "disk", code="gitops-no-space", value="tmp"),
        Trouble("the disk of reports is full", "disk", code="serving-report-unwritable", value="report"),
        Trouble("HOME is read-only", "home", survived=True),
        Trouble("HOME does not exist", "nohome", survived=True),
        Trouble("the clock is an hour fast", "clock", survived=True, value="3600"),
        Trouble("the clock is an hour slow", "clock", value="-3600"),
        Trouble("the clock is two days slow", "clock", value=str(-2 * 86400)),
        Trouble("the clock is twenty years fast", "clock", value=str(20 * 365 * 86400)),
    ]


def run(site: Site, trouble: Trouble, variables: Mapping[str, Any], environment: Mapping[str, str]) -> Played:
    """A play in trouble; raises :class:`NotHere`."""
    with MAKERS[trouble.kind](site, trouble) as (extra, more, wrap, seen):
        return play(site, {**variables, **extra}, {**environment, **more}, seen, wrap)


Setting = tuple[dict[str, Any], dict[str, str], Sequence[str], Any]
"""Variables, environment, command in front of the play's, and what sees its lines."""


@contextmanager
def through_proxy(site: Site, trouble: Trouble) -> Iterator[Setting]:
    """The API server through a proxy with the rules."""
    with proxied(site, trouble.rules) as (extra, _):
        yield extra, {}, (), None
    if not all(rule.hits for rule in trouble.rules):
        raise NotHere("the play made no such request")


@contextmanager
def restarted(site: Site, _trouble: Trouble) -> Iterator[Setting]:
    """The API server restarts while Argo CD is waited for."""
    left = ["once"]

    def seen(line: str) -> None:
        if "Commit the application" in line and left:
            left.clear()
            restart(site, ["kube-apiserver"])

    yield {}, {}, (), seen


@contextmanager
def full_disk(site: Site, trouble: Trouble) -> Iterator[Setting]:
    """A file system with next to no room, in a mount namespace of the play's own."""
    place = site.work / "full"
    place.mkdir(exist_ok=True)
    taken = "24k" if trouble.value == "tmp" else "1M"  # without any room, Python takes another folder of the machine
    script = f'mount -t tmpfs -o size=48k tmpfs "{place}"; head -c {taken} /dev/zero > "{place}/fill"; exec "$@"'
    extra = {"vllm_report_directory": str(place)} if trouble.value == "report" else {}
    more = {"TMPDIR": str(place)} if trouble.value == "tmp" else {}
    yield extra, more, namespace(script), None


@contextmanager
def read_only_home(site: Site, _trouble: Trouble) -> Iterator[Setting]:
    """A HOME that nobody may write to, root neither."""
    home = site.work / "home"
    home.mkdir(exist_ok=True)
    yield {}, {"HOME": str(home)}, namespace(f'mount -t tmpfs -o ro,size=4k tmpfs "{home}"; exec "$@"'), None


@contextmanager
def no_home(_site: Site, _trouble: Trouble) -> Iterator[Setting]:
    """A HOME that is not there and cannot be made."""
    yield {}, {"HOME": "/proc/no-such-home"}, (), None


@contextmanager
def wrong_clock(site: Site, trouble: Trouble) -> Iterator[Setting]:
    """The play, its git and its TLS see another time."""
    yield {}, {"LD_PRELOAD": str(shim(site.work)), "CLOCK_SKEW_SECONDS": trouble.value}, (), None


def namespace(script: str) -> list[str]:
    """The command that runs ``script`` with the play's command as its arguments, in a mount namespace."""
    options = ["--mount"] if os.getuid() == 0 else ["--mount", "--map-root-user"]
    program = shutil.which("unshare")
    if not program or subprocess.run([program, *options, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).returncode:
        raise NotHere("this machine allows no mount namespaces")
    return [program, *options, "sh", "-c", script, "sh"]


def shim(folder: Path) -> Path:
    """The compiled library that shifts the clock."""
    compiler, library = shutil.which("cc"), folder / "clock.so"
    if not compiler:
        raise NotHere("there is no C compiler")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SHIM), "-ldl"], check=True)
    return library


MAKERS: dict[str, Any] = {
    "api": through_proxy,
    "restart": restarted,
    "disk": full_disk,
    "home": read_only_home,
    "nohome": no_home,
    "clock": wrong_clock,
}
