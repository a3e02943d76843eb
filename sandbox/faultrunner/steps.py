# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks a site. Each step returns how to undo it, so a fault file need not say how it is mended."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.faultrunner.git_steps import commit, hook, race, remove, rewind
from sandbox.runner import lifecycle
from sandbox.runner.api import Api, path_of, write_kubeconfig
from sandbox.runner.errors import SandboxError
from sandbox.runner.programs import HERE
from sandbox.runner.state import State

Undo = Callable[[], object]
VOLATILE = ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink")
POLICY_SECONDS = 20.0
IDENTITY = ("-c", "user.name=Somebody Else", "-c", "user.email=else@site.invalid", "-c", "commit.gpgsign=false")


class Site:
    """A running sandbox, and everything that a step may touch in it."""

    def __init__(self, state: State, work: Path) -> None:
        self.state = state
        self.known: dict[str, Any] = state.read()
        self.work = work
        self.repository = state.repository

    @property
    def api(self) -> Api:
        """A fresh connection: the API server may have been restarted."""
        return Api(self.known["ports"]["kube-apiserver"], self.state.pki)

    @property
    def head(self) -> str:
        """The commit of the branch."""
        return self.git("rev-parse", self.known["git_branch"])

    def git(self, *arguments: str, folder: Path | None = None) -> str:
        """Run git in the bare repository, or in a clone of it."""
        done = subprocess.run(
            ["git", *IDENTITY, *arguments], cwd=folder or self.repository, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def fill(self, value: Any) -> Any:
        """Replace ``$work``, ``$api``, ``$git_url``, ``$charts``, ``$head`` and the like in every text of a value."""
        if isinstance(value, str):
            return Template(value).safe_substitute(
                work=str(self.work),
                api=f"https://127.0.0.1:{self.known['ports']['kube-apiserver']}",
                git_url=self.known["git_url"],
                charts=self.known["chart"]["repository"],
                local_secrets=self.known["local_secrets"],
                kubeconfig=self.known["kubeconfig"],
                head=self.head if "$head" in value else "",
            )
        if isinstance(value, Mapping):
            return {key: self.fill(item) for key, item in value.items()}
        return [self.fill(item) for item in value] if isinstance(value, list) else value

    def take(self, step: Mapping[str, Any]) -> list[Undo]:
        """Do one step; the undo functions are to be called in reverse order."""
        return [ACTIONS[name](self, self.fill(value)) for name, value in step.items()]


def patch(site: Site, wish: Mapping[str, Any]) -> Undo:
    """Merge ``body`` into the object at ``path``."""
    path, body = wish["path"], wish["body"]
    before = site.api.find(path) or {}
    site.api.patch(path, body)
    return lambda: site.api.patch(path, inverse(before, body))


def inverse(before: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch that takes ``body`` back."""
    result: dict[str, Any] = {}
    for key, value in body.items():
        old = before.get(key)
        result[key] = inverse(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else old
    return result


def apply(site: Site, manifest: Mapping[str, Any]) -> Undo:
    """Create or change an object."""
    path = path_of(manifest)
    before = site.api.find(path)
    site.api.apply(path, manifest)
    if before is None:
        return lambda: site.api.delete(f"{path}?gracePeriodSeconds=0")
    return lambda: site.api.patch(path, inverse(before, manifest))


def delete(site: Site, path: str) -> Undo:
    """Delete an object."""
    before = site.api.find(path)
    site.api.delete(path)
    return (lambda: recreate(site, path, before)) if before else (lambda: None)


def recreate(site: Site, path: str, before: Mapping[str, Any]) -> None:
    """Create an object again that was deleted."""
    metadata = {key: value for key, value in before["metadata"].items() if key not in VOLATILE}
    site.api.delete(path)
    parent = path.rpartition("/")[0]
    site.api.create(parent, {**before, "metadata": metadata, "status": {}})


def faults(site: Site, wish: Mapping[str, Any]) -> Undo:
    """Let the served models misbehave."""
    site.state.faults.write_text(json.dumps(wish), "utf-8")
    return lambda: site.state.faults.unlink(missing_ok=True)


def stop(site: Site, names: list[str]) -> Undo:
    """Stop programs of the sandbox."""
    lifecycle.down(site.state, names)
    return lambda: lifecycle.up(site.state, site.known["profile"])


def restart(site: Site, names: list[str]) -> Undo:
    """Stop programs of the sandbox and start them again at once."""
    stop(site, names)()
    return lambda: None


def until(site: Site, wish: Mapping[str, Any]) -> Undo:
    """Wait until the field ``at`` (a list of keys) of the object at ``path`` is one of ``values``."""
    deadline = time.monotonic() + float(wish.get("seconds", 60))
    while time.monotonic() < deadline:
        found: Any = site.api.find(wish["path"])
        for key in wish["at"]:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found in wish["values"]:
            return lambda: None
        time.sleep(0.3)
    raise SandboxError(f"{wish['path']}: {'.'.join(wish['at'])} did not become one of {wish['values']}")


def account(site: Site, wish: Mapping[str, Any]) -> Undo:
    """Write a kubeconfig ``$work/<file>`` for a new ServiceAccount that may do what ``rules`` say, cluster-wide."""
    name, group = wish["name"], "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": wish["rules"]}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
    }
    known = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": "default"}}
    undo = [apply(site, manifest) for manifest in (known, role, binding)]
    path, user = site.work / wish["file"], {"token": site.api.token("default", name)}
    write_kubeconfig(path, site.known["ports"]["kube-apiserver"], site.state.pki, name, user)
    undo.append(lambda: path.unlink(missing_ok=True))
    return lambda: [back() for back in reversed(undo)]


def claims(site: Site, models: list[str]) -> Undo:
    """Delete the volume claims of models with the pods on them, and wait for the new ones that Argo CD makes."""
    path = "/api/v1/namespaces/vllm"
    for model in models:
        old = claim_of(site, model)
        site.api.delete(f"{path}/persistentvolumeclaims/{old['metadata']['name']}")
        deadline = time.monotonic() + POLICY_SECONDS
        while claim_of(site, model)["metadata"].get("uid") in ("", old["metadata"]["uid"]):
            for pod in (site.api.find(f"{path}/pods?labelSelector=model%3D{model}") or {}).get("items", []):
                site.api.delete(f"{path}/pods/{pod['metadata']['name']}?gracePeriodSeconds=0")
            if time.monotonic() > deadline:
                raise SandboxError(f"the claim of {model} was not made anew")
            time.sleep(0.5)
    return lambda: None


def claim_of(site: Site, model: str) -> dict[str, Any]:
    """The volume claim of a model; one without a uid where there is none."""
    found = (site.api.find("/api/v1/namespaces/vllm/persistentvolumeclaims") or {}).get("items", [])
    return next((claim for claim in found if model in claim["metadata"]["name"]), {"metadata": {"uid": ""}})


def pods(site: Site, wish: Mapping[str, Any]) -> Undo:
    """Let every new pod with ``labels`` carry ``annotations``, and make the present ones anew.

    ``event``: a kubelet's word about each of them.
    """
    policy, binding = yaml.safe_load_all((HERE / "manifests" / "fault-policy.yaml").read_text("utf-8"))
    policy["spec"]["matchConstraints"]["objectSelector"] = {"matchLabels": wish["labels"]}
    pairs = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in wish["annotations"].items())
    expression = f"Object{{metadata: Object.metadata{{annotations: {{{pairs}}}}}}}"
    policy["spec"]["mutations"][0]["applyConfiguration"]["expression"] = expression
    for manifest in (policy, binding):
        site.api.apply(path_of_policy(manifest), manifest)
    made = again(site, wish, broken=True)
    if "event" in wish:
        for pod in made:
            tell(site, pod, wish["event"])

    def undo() -> None:
        for manifest in (binding, policy):
            site.api.delete(path_of_policy(manifest))
        again(site, wish, broken=False)

    return undo


def path_of_policy(manifest: Mapping[str, Any]) -> str:
    """The path of an admission policy, whose plural the sandbox's own rule does not know."""
    return re.sub(r"mutatingadmissionpolicy(binding)?s?(ies)?/", _plural, path_of(manifest))


def _plural(found: re.Match[str]) -> str:
    return f"mutatingadmissionpolic{'ybindings' if found[1] else 'ies'}/"


def again(site: Site, wish: Mapping[str, Any], *, broken: bool) -> list[dict[str, Any]]:
    """Delete pods until the new ones are as wanted: the API server learns of a policy a moment later."""
    selector = ",".join(f"{key}%3D{value}" for key, value in wish["labels"].items())
    path = f"/api/v1/namespaces/{wish.get('namespace', 'vllm')}/pods"
    mark = next(iter(wish["annotations"]))
    deadline = time.monotonic() + POLICY_SECONDS
    while time.monotonic() < deadline:
        found = (site.api.find(f"{path}?labelSelector={selector}") or {}).get("items", [])
        live = [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]
        wrong = [pod for pod in live if (mark in pod["metadata"].get("annotations", {})) != broken]
        if live and not wrong:
            return live
        for pod in wrong:
            site.api.delete(f"{path}/{pod['metadata']['name']}?gracePeriodSeconds=0")
        time.sleep(0.3)
    raise SandboxError(f"pods {wish['labels']} did not become as wanted within {POLICY_SECONDS:.0f} s")


def tell(site: Site, pod: Mapping[str, Any], message: str) -> None:
    """An event about a pod, as its kubelet would write it."""
    about = pod["metadata"]
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about['name']}.fault", "namespace": about["namespace"]},
        "involvedObject": {"kind": "Pod", "name": about["name"], "namespace": about["namespace"], "uid": about["uid"]},
        "reason": "Killing",
        "message": message,
        "type": "Warning",
        "lastTimestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    site.api.create(f"/api/v1/namespaces/{about['namespace']}/events", event)


def file(site: Site, wish: Mapping[str, str]) -> Undo:
    """Write files under ``$work``."""
    for name, text in wish.items():
        path = site.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)
    return lambda: remove(site.work / name for name in wish)


def certificate(site: Site, wish: Mapping[str, Any]) -> Undo:
    """Write a sealing certificate to ``$work/<file>``: the cluster's own, or one that is valid for ``days``.

    The latter is self-signed; with negative days it has expired.
    """
    path = site.work / wish["file"]
    if "days" not in wish:
        own = json.loads((site.state.pki / "sealing-key.json").read_text("utf-8"))
        path.write_bytes(base64.b64decode(own["data"]["tls.crt"]))
        return lambda: path.unlink(missing_ok=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([])
    end = datetime.now(UTC) + timedelta(days=wish["days"])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - timedelta(days=3650))
        .not_valid_after(end)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return lambda: path.unlink(missing_ok=True)


def pause(_: Site, seconds: float) -> Undo:
    """Give the cluster a moment."""
    time.sleep(seconds)
    return lambda: None


ACTIONS: dict[str, Callable[[Site, Any], Undo]] = {
    "patch": patch,
    "apply": apply,
    "delete": delete,
    "commit": commit,
    "faults": faults,
    "stop": stop,
    "pods": pods,
    "hook": hook,
    "file": file,
    "certificate": certificate,
    "pause": pause,
    "race": race,
    "rewind": rewind,
    "restart": restart,
    "until": until,
    "account": account,
    "claims": claims,
}
