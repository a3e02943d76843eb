# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Up, down, reset, status."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterable
from dataclasses import replace

from sandbox.runner import charts, gitrepo, kwok, objects, pki, ports, probes, processes
from sandbox.runner.api import Api, write_kubeconfig
from sandbox.runner.binaries import resolve
from sandbox.runner.components import COMPONENTS, PORTS, STOP_ORDER, Component, Context
from sandbox.runner.programs import HERE
from sandbox.runner.state import State
from sandbox.runner.waiting import wait_for

START_BUDGET = 90.0
PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of the caller that reach the processes: no proxy, no credential, no other cluster."""


def up(state: State, profile: str) -> bool:
    """Start the sandbox; return False when it was running already and every process answered."""
    with state.lock():
        known = state.read()
        if known.get("profile") == profile and healthy(state, known):
            return False
        stop_all(state)
        start(state, profile, known if known.get("profile") == profile else {})
        return True


def healthy(state: State, known: dict[str, object]) -> bool:
    """Tell whether every process runs and is ready."""
    return bool(known.get("complete")) and all(row.ready for row in status(state))


def start(state: State, profile: str, known: dict[str, object]) -> None:
    """Start everything from whatever the state directory holds: nothing, or the data of an earlier run."""
    began = time.monotonic()
    binaries = resolve()
    began_warm = time.monotonic()
    for folder in ("run", "logs", "etcd"):
        (state.root / folder).mkdir(parents=True, exist_ok=True)
    (state.root / "etcd").chmod(0o700)
    pki.create(state.pki)
    numbers = ports.allocate(PORTS, state.root, known.get("ports"))  # type: ignore[arg-type]
    context = name = f"sandbox-{profile.replace('_', '-')}"
    for path, client in ((state.kubeconfig, "admin"), (state.root / "admin.kubeconfig", "admin"), (state.root / "scheduler.kubeconfig", "scheduler")):
        write_kubeconfig(path, numbers["kube-apiserver"], state.pki, client, context)
    gitrepo.initialise(state.repository)
    source = charts.publish(state.charts, numbers["charts"], (known.get("chart") or {}).get("source", ""))  # type: ignore[attr-defined]
    content = {
        "complete": False,
        "profile": profile,
        "context": name,
        "kubeconfig": str(state.kubeconfig),
        "git_url": state.repository.as_uri(),
        "git_branch": gitrepo.BRANCH,
        "ports": numbers,
        "chart": source,
        "argocd_namespace": "argocd",
        "binaries": {key: str(path) for key, path in binaries.programs.items()},
        "logs": str(state.root / "logs"),
    }
    state.write(content)
    bring_up(Context(state, numbers, binaries), profile)
    state.write({**content, "complete": True})
    build = began_warm - began
    print(f"sandbox {profile}: up in {time.monotonic() - began_warm:.1f} s" + (f" (programs: {build:.0f} s)" if build > 1 else ""), flush=True)


def bring_up(context: Context, profile: str) -> None:
    """Start phase after phase, with the cluster objects that each needs in between."""
    state, numbers = context.state, context.ports
    files = kwok.write_config(state.root / "kwok", context.binaries.assets["kwok-stages"], dict(numbers), HERE / "kwok" / "logs" / "default.log")
    context = replace(context, kwok_config=tuple(files))
    for phase in (1, 2, 3):
        launch(context, phase)
    api = Api(numbers["kube-apiserver"], state.pki)
    objects.apply_kinds(api, context.binaries)
    objects.apply_base(api)
    objects.apply_project(api)
    objects.write_service_account(api, state.pki, state.root / "service-account")
    launch(context, 4)
    objects.apply_nodes(api, profile, numbers["kwok"])
    for component in COMPONENTS:
        await_ready(component, context)
    account = "/api/v1/namespaces/default/serviceaccounts/default"  # before it is there, pods are refused
    wait_for("ServiceAccount default/default", lambda: "" if api.find(account) else "not created yet", 30)


def launch(context: Context, phase: int) -> None:
    """Start the processes of a phase and wait for those that the next phase needs."""
    inherited = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    group = [component for component in COMPONENTS if component.phase == phase]
    for component in group:
        env = {**inherited, **component.env(context)}
        processes.start(component.name, component.argv(context), context.state.root, env)
    for component in group:
        if component.needed:
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


def died(component: Component, state: State) -> Exception:
    """Return the error of a process that ended while it was waited for."""
    from sandbox.runner.errors import SandboxError

    tail = processes.log_tail(component.name, state.root)
    return SandboxError(f"{component.name}: ended during the start; the end of {state.root}/logs/{component.name}.log:\n{tail}")


def down(state: State) -> int:
    """Stop everything, keep the data; return how many processes were running."""
    with state.lock():
        return stop_all(state)


def stop_all(state: State, *, kill: bool = False) -> int:
    """Stop in the right order, then end whatever still carries this sandbox's marker."""
    running = sum(1 for _ in processes.members(state.root))
    if running:
        for group in STOP_ORDER:
            processes.stop(group, state.root, first=signal.SIGKILL if kill else signal.SIGTERM)
        processes.sweep(state.root)
    return running


def reset(state: State, profile: str) -> None:
    """Throw the cluster and the repository away and start afresh, on the same ports with the same certificates."""
    with state.lock():
        known = state.read()
        stop_all(state, kill=True)
        for name in ("etcd", "logs", "run", "argocd", "repo.git", "service-account", "kwok", "kubelet"):
            shutil.rmtree(state.root / name, ignore_errors=True)
        state.faults.unlink(missing_ok=True)
        start(state, profile, known)


class Row:
    """One line of ``status``."""

    def __init__(self, component: Component, state: State, numbers: dict[str, int]) -> None:
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


def names(rows: Iterable[Row]) -> str:
    """Return the names of the rows that are not ready."""
    return ", ".join(row.name for row in rows if not row.ready)
