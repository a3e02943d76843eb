# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of the sandbox as data: program, arguments, environment, how one knows that it is ready."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.runner.binaries import Binaries
from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import HERE
from sandbox.runner.state import State

NAMESPACE = "argocd"
LOOPBACK = "127.0.0.1"
PORTS = (
    "etcd",
    "etcd-peer",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "sealed-secrets",
    "sealed-secrets-metrics",
    "redis",
    "argocd-repo-server",
    "argocd-repo-server-metrics",
    "argocd-controller-metrics",
    "charts",
    "router",
)


@dataclass(frozen=True)
class Context:
    """What the arguments of a process depend on."""

    state: State
    ports: Mapping[str, int]
    binaries: Binaries
    kwok_config: tuple[Path, ...] = ()

    def address(self, port: str) -> str:
        """Return ``127.0.0.1:<port>``."""
        return f"{LOOPBACK}:{self.ports[port]}"


@dataclass(frozen=True)
class Probe:
    """A ready check: GET ``path`` on a loopback port (``scheme`` http or https), or PING (``redis``)."""

    scheme: str
    port: str
    path: str = "/"


@dataclass(frozen=True)
class Component:
    """One process. Processes of a phase start together, when the gates of the earlier phases are ready."""

    name: str
    phase: int
    argv: Callable[[Context], list[str]]
    ready: Probe
    env: Callable[[Context], dict[str, str]] = field(default=lambda _context: {})
    gate: bool = False  # the next phase waits for it; the end of the start waits for all


def etcd(context: Context) -> list[str]:
    """Run etcd without fsync: the data is a rehearsal's."""
    client, peer = (f"http://{context.address(port)}" for port in ("etcd", "etcd-peer"))
    return [
        context.binaries["etcd"],
        f"--data-dir={context.state.root / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--heartbeat-interval=10",  # a cluster of one needs no second to elect itself
        "--election-timeout=100",
        "--log-level=warn",
    ]


def apiserver(context: Context) -> list[str]:
    """Run the API server with RBAC, the default admission plugins and an audit log of every request."""
    pki = context.state.pki
    return [
        context.binaries["kube-apiserver"],
        f"--etcd-servers=http://{context.address('etcd')}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={context.ports['kube-apiserver']}",
        f"--cert-dir={context.state.root / 'certs'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--kubelet-preferred-address-types=InternalIP",  # the names of simulated nodes resolve nowhere
        "--endpoint-reconciler-type=none",
        "--profiling=false",
        f"--audit-policy-file={HERE / 'manifests' / 'audit-policy.yaml'}",
        f"--audit-log-path={context.state.root / 'logs' / 'audit.log'}",
        "--audit-log-maxsize=200",
        "--audit-log-maxbackup=1",
    ]


def controller_manager(context: Context) -> list[str]:
    """Run kube-controller-manager as administrator: with an account per controller, pods could start 5 s later."""
    pki = context.state.pki
    return [
        context.binaries["kube-controller-manager"],
        *control_plane_client(context, "admin"),
        f"--secure-port={context.ports['kube-controller-manager']}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
    ]


def scheduler(context: Context) -> list[str]:
    """Run kube-scheduler with its own identity."""
    return [
        context.binaries["kube-scheduler"],
        *control_plane_client(context, "scheduler"),
        f"--secure-port={context.ports['kube-scheduler']}",
    ]


def control_plane_client(context: Context, client: str) -> list[str]:
    """Return the flags that kube-controller-manager and kube-scheduler share."""
    kubeconfig = context.state.root / f"{client}.kubeconfig"
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--authentication-skip-lookup=true",
        f"--bind-address={LOOPBACK}",
        "--leader-elect=false",
    ]


def kwok(context: Context) -> list[str]:
    """Run kwok: every node and kubelet of the sandbox."""
    configs = [f"--config={path}" for path in context.kwok_config]
    return [context.binaries["kwok"], f"--kubeconfig={context.state.root / 'admin.kubeconfig'}", *configs]


def redis(context: Context) -> list[str]:
    """Run redis as a pure cache: nothing on disk."""
    return [
        context.binaries["redis-server"],
        "--set-proc-title",
        "no",
        "--save",
        "",
        "--appendonly",
        "no",
        "--bind",
        LOOPBACK,
        "--port",
        str(context.ports["redis"]),
    ]


def repo_server(context: Context) -> list[str]:
    """Run Argo CD's repo-server (its role comes from ARGOCD_BINARY_NAME)."""
    return [
        context.binaries["argocd"],
        f"--address={LOOPBACK}",
        f"--port={context.ports['argocd-repo-server']}",
        f"--metrics-address={LOOPBACK}",
        f"--metrics-port={context.ports['argocd-repo-server-metrics']}",
        f"--redis={context.address('redis')}",
        "--disable-tls",
    ]


def application_controller(context: Context) -> list[str]:
    """Run Argo CD's application controller. A real site polls its repository every 180 s; here it is 10 s."""
    return [
        context.binaries["argocd"],
        f"--namespace={NAMESPACE}",
        f"--redis={context.address('redis')}",
        f"--repo-server={context.address('argocd-repo-server')}",
        "--repo-server-plaintext",
        "--app-resync=10",
        "--app-resync-jitter=0",
        f"--metrics-port={context.ports['argocd-controller-metrics']}",
    ]


def argocd_environment(role: str) -> Callable[[Context], dict[str, str]]:
    """Return a function that gives the environment of an Argo CD process."""

    def environment(context: Context) -> dict[str, str]:
        home = context.state.root / "argocd"
        for folder in ("tls", "ssh", "cmp", "tmp", "bin"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "ssh" / "ssh_known_hosts").touch()
        link(home / "bin" / "argocd", context.binaries["argocd"])  # git asks it for passwords by this name
        link(home / "bin" / "helm", context.binaries["helm"])
        return {
            "ARGOCD_BINARY_NAME": role,
            "KUBECONFIG": str(context.state.root / "admin.kubeconfig"),
            "ARGOCD_FAKE_IN_CLUSTER": "true",  # https://kubernetes.default.svc is the cluster of KUBECONFIG
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_TLS_DATA_PATH": str(home / "tls"),
            "ARGOCD_SSH_DATA_PATH": str(home / "ssh"),
            "ARGOCD_PLUGINSOCKFILEPATH": str(home / "cmp"),
            "ARGOCD_ASK_PASS_SOCK": str(home / "askpass.sock"),
            "ARGOCD_SYNC_WAVE_DELAY": "0",
            "TMPDIR": str(home / "tmp"),
            "HOME": str(home),
            "HELM_CACHE_HOME": str(home / "helm" / "cache"),
            "HELM_CONFIG_HOME": str(home / "helm" / "config"),
            "HELM_DATA_HOME": str(home / "helm" / "data"),
            "PATH": f"{home / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        }

    return environment


def link(path: Path, target: str) -> None:
    """Make ``path`` a symbolic link to ``target``."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def sealed_secrets(context: Context) -> list[str]:
    """Run the sealed-secrets controller.

    It knows in-cluster configuration only, whose files have a fixed place below /var/run: a private mount
    namespace gives it that place without touching the machine's.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        raise SandboxError("sealed-secrets: the program unshare (package util-linux) is not on PATH")
    account = context.state.root / "service-account"
    mounted = "/run/secrets/kubernetes.io/serviceaccount"
    script = f'mount -t tmpfs tmpfs /run && mkdir -p {mounted} && cp "$0"/* {mounted}/ && exec "$@"'
    return [
        unshare,
        "--user",
        "--map-root-user",
        "--mount",
        "/bin/sh",
        "-c",
        script,
        str(account),
        context.binaries["sealed-secrets-controller"],
        f"--listen-addr={context.address('sealed-secrets')}",
        f"--listen-metrics-addr={context.address('sealed-secrets-metrics')}",
        "--key-renew-period=0",
    ]


def sealed_secrets_environment(context: Context) -> dict[str, str]:
    """Return what the kubelet would put into the controller's environment."""
    return {
        "KUBERNETES_SERVICE_HOST": LOOPBACK,
        "KUBERNETES_SERVICE_PORT": str(context.ports["kube-apiserver"]),
        "POD_NAMESPACE": "kube-system",
    }


def chart_server(context: Context) -> list[str]:
    """Serve the chart repository."""
    return [
        sys.executable,
        "-m",
        "http.server",
        str(context.ports["charts"]),
        "--bind",
        LOOPBACK,
        "--directory",
        str(context.state.charts),
    ]


def models(context: Context) -> list[str]:
    """Run the simulated workloads: pod logs and model servers."""
    return [sys.executable, "-m", "sandbox.workloads", "--state", str(context.state.root)]


COMPONENTS = (
    Component("etcd", 1, etcd, Probe("http", "etcd", "/health")),
    Component("kube-apiserver", 1, apiserver, Probe("https", "kube-apiserver", "/readyz"), gate=True),
    Component("redis", 1, redis, Probe("redis", "redis")),
    Component("charts", 1, chart_server, Probe("http", "charts", "/index.yaml")),
    Component("kube-controller-manager", 2, controller_manager, Probe("https", "kube-controller-manager", "/healthz")),
    Component("kube-scheduler", 2, scheduler, Probe("https", "kube-scheduler", "/healthz")),
    Component(
        "argocd-repo-server",
        2,
        repo_server,
        Probe("http", "argocd-repo-server-metrics", "/healthz"),
        argocd_environment("argocd-repo-server"),
    ),
    # a gate, because the nodes come next: kwok can miss a pod that was there before it
    Component("kwok", 3, kwok, Probe("http", "kwok", "/readyz"), gate=True),
    Component(
        "sealed-secrets",
        3,
        sealed_secrets,
        Probe("http", "sealed-secrets", "/v1/cert.pem"),
        sealed_secrets_environment,
    ),
    Component(
        "models",
        3,
        models,
        Probe("http", "router", "/version"),
        lambda _context: {"PYTHONPATH": str(HERE.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    ),
    Component(
        "argocd-application-controller",
        4,
        application_controller,
        Probe("http", "argocd-controller-metrics", "/healthz"),
        argocd_environment("argocd-application-controller"),
    ),
)
STOP_ORDER = (
    ("argocd-application-controller", "argocd-repo-server", "sealed-secrets", "models", "kwok"),
    ("kube-scheduler", "kube-controller-manager"),
    ("kube-apiserver", "charts", "redis"),
    ("etcd",),
)
"""etcd last: without it the API server lingers."""
