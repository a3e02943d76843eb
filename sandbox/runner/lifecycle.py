# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Up, down, reset, status."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.runner import (
    accounts,
    charts,
    gitrepo,
    kwok,
    localsecrets,
    objects,
    pki,
    ports,
    probes,
    processes,
    snapshot,
)
from sandbox.runner.api import Api, certificate_user, write_kubeconfig
from sandbox.runner.binaries import resolve
from sandbox.runner.components import COMPONENTS, NAMESPACE, PORTS, STOP_ORDER, Component, Context
from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import HERE
from sandbox.runner.state import State
from sandbox.runner.waiting import wait_for

START_BUDGET = 90.0
DISPOSABLE = ("etcd", "logs", "run", "argocd", "repo.git", "service-account", "kwok", "kubelet")
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of the caller that reach the processes: no proxy, no credential, no other cluster."""


def up(state: State, profile: str) -> str:
    """Start the sandbox and return what was done, in words; one that runs and answers is left alone.

    Where only some processes are gone (crashed, or stopped by ``down --only``), only those are started.
    """
    with state.lock():
        known = state.read()
        complete = bool(known.get("complete")) and known.get("profile") == profile
        rows = status(state) if complete else []
        gone = [row.component for row in rows if row.pid is None]
        if rows and all(row.ready for row in rows):
            return f"already running ({state.root})"
        if complete and 0 < len(gone) < len(rows):
            repair(state, known, gone)
            return f"started again: {', '.join(component.name for component in gone)}"
        stop_all(state)
        return start(state, profile, known if known.get("profile") == profile else {})


def repair(state: State, known: dict[str, Any], gone: list[Component]) -> None:
    """Start the processes that are gone; the others keep running."""
    context = Context(state, known["ports"], resolve(), tuple(sorted((state.root / "kwok").glob("*.yaml"))))
    if any(component.name == "kwok" for component in gone):
        objects.release_nodes(Api(known["ports"]["kube-apiserver"], state.pki))
    launch(context, gone)
    for component in COMPONENTS:
        await_ready(component, context)


def start(state: State, profile: str, known: dict[str, Any]) -> str:
    """Start everything from whatever the state directory holds: nothing, or the data of an earlier run."""
    binaries = resolve()
    began = time.monotonic()
    for folder in ("run", "logs", "etcd"):
        (state.root / folder).mkdir(parents=True, exist_ok=True)
    (state.root / "etcd").chmod(0o700)
    pki.create(state.pki)
    numbers = ports.allocate(PORTS, state.root, known.get("ports"))
    name = f"sandbox-{profile.replace('_', '-')}"
    for path, client in kubeconfigs(state):
        write_kubeconfig(path, numbers["kube-apiserver"], state.pki, name, certificate_user(state.pki, client))
    gitrepo.initialise(state.repository)
    content = {
        "complete": False,
        "profile": profile,
        "context": name,
        "kubeconfig": str(state.kubeconfig),
        "accounts": accounts.kubeconfigs(state),
        "git_url": state.repository.as_uri(),
        "git_branch": gitrepo.BRANCH,
        "local_secrets": str(localsecrets.write(state.root)),
        "argocd_namespace": NAMESPACE,
        "chart": charts.publish(state.charts, numbers["charts"], known.get("chart", {}).get("source", "")),
        "ports": numbers,
        "binaries": {key: str(path) for key, path in binaries.programs.items()},
        "logs": str(state.root / "logs"),
    }
    state.write(content)
    copy = snapshot.key(state, profile, binaries)
    empty = not (state.root / "etcd" / "member").exists()
    fresh = empty and not snapshot.restore(state, copy)
    bring_up(Context(state, numbers, binaries), profile)
    api = Api(numbers["kube-apiserver"], state.pki)
    accounts.write_kubeconfigs(api, state, numbers["kube-apiserver"], name)
    if empty:
        objects.await_base_pods(api)
    if fresh:
        snapshot.save(state, copy)
    state.write({**content, "complete": True})
    return f"up in {time.monotonic() - began:.1f} s"


def kubeconfigs(state: State) -> tuple[tuple[Path, str], ...]:
    """Return the kubeconfig files and whose they are. People may edit the first one; the processes use their own."""
    return (
        (state.kubeconfig, "admin"),
        (state.root / "admin.kubeconfig", "admin"),
        (state.root / "scheduler.kubeconfig", "scheduler"),
    )


def bring_up(context: Context, profile: str) -> None:
    """Start phase after phase, with the cluster objects that each needs in between."""
    state, numbers = context.state, context.ports
    files = kwok.write_config(
        state.root / "kwok",
        context.binaries.assets["kwok-stages"],
        dict(numbers),
        HERE / "kwok" / "logs" / "default.log",
    )
    context = replace(context, kwok_config=tuple(files))
    for phase in (1, 2):
        launch(context, members_of(phase))
    api = Api(numbers["kube-apiserver"], state.pki)
    kinds = objects.create_kinds(api, context.binaries)
    objects.apply_base(api)
    accounts.apply(api)
    objects.release_nodes(api)
    objects.write_service_account(api, state.pki, state.root / "service-account")
    objects.restore_sealing_key(api, state.pki / "sealing-key.json")
    launch(context, members_of(3))
    objects.await_kinds(api, kinds)
    objects.apply_project(api)
    launch(context, members_of(4))
    objects.apply_nodes(api, profile, numbers["kwok"])
    for component in COMPONENTS:
        await_ready(component, context)
    objects.save_sealing_key(api, state.pki / "sealing-key.json")
    account = "/api/v1/namespaces/default/serviceaccounts/default"  # before it is there, pods are refused
    wait_for("ServiceAccount default/default", lambda: "" if api.find(account) else "not created yet", 30)


def members_of(phase: int) -> list[Component]:
    """Return the components of a phase."""
    return [component for component in COMPONENTS if component.phase == phase]


def launch(context: Context, group: Sequence[Component]) -> None:
    """Start processes and wait for the gates among them."""
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    for component in group:
        env = {**inherited, **component.env(context)}
        processes.start(component.name, component.argv(context), context.state.root, env)
    for component in group:
        if component.gate:
            await_ready(component, context)


def await_ready(component: Component, context: Context) -> None:
    """Wait for one process; one that has ended fails the wait at once, with the end of its log."""
    state = context.state
    seen = False

    def check() -> str:
        nonlocal seen
        running = processes.pid_of(component.name, state.root) is not None
        if seen and not running:
            raise died(component, state)
        seen = seen or running
        return probes.check(component.ready, context.ports[component.ready.port], state.pki)

    wait_for(component.name, check, START_BUDGET, lambda: processes.log_tail(component.name, state.root))


def died(component: Component, state: State) -> SandboxError:
    """Return the error of a process that ended while it was waited for."""
    log = state.root / "logs" / f"{component.name}.log"
    return SandboxError(
        f"{component.name}: ended during the start; the end of {log}:\n{processes.log_tail(component.name, state.root)}"
    )


def down(state: State, only: Sequence[str] = ()) -> int:
    """Stop everything (or the processes ``only``), keep the data; return how many processes were running."""
    with state.lock():
        if not only:
            return stop_all(state)
        running = sum(1 for name in only if processes.pid_of(name, state.root))
        processes.stop(only, state.root)
        return running


def stop_all(state: State, *, kill: bool = False) -> int:
    """Stop in the right order, then end whatever still carries this sandbox's marker."""
    running = sum(1 for _ in processes.members(state.root))
    if running:
        for group in STOP_ORDER:
            processes.stop(group, state.root, first=signal.SIGKILL if kill else signal.SIGTERM)
        processes.sweep(state.root)
    return running


def reset(state: State, profile: str) -> str:
    """Throw the cluster and the repository away and start afresh, on the same ports with the same keys."""
    with state.lock():
        known = state.read()
        stop_all(state, kill=True)
        for name in DISPOSABLE:
            shutil.rmtree(state.root / name, ignore_errors=True)
        state.faults.unlink(missing_ok=True)
        return start(state, profile, known)


class Row:
    """One line of ``status``."""

    def __init__(self, component: Component, state: State, numbers: Mapping[str, int]) -> None:
        self.component = component
        self.name = component.name
        self.port = numbers.get(component.ready.port, 0)
        self.pid = processes.pid_of(component.name, state.root)
        self.rss = processes.rss(self.pid) if self.pid else 0
        self.missing = probes.check(component.ready, self.port, state.pki) if self.pid else "not running"
        self.ready = not self.missing


def status(state: State) -> list[Row]:
    """Return a row a process."""
    numbers = state.read().get("ports", {})
    return [Row(component, state, numbers) for component in COMPONENTS]
