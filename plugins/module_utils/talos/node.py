# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Talos GPU node should be: files for the repository, and the commands that apply them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..findings import Finding, Refusal, fatal
from ..gpu.versions import Version, version
from ..yaml_library import yaml
from .choice import Choice, choose
from .machine_config import patch
from .schematic import canonical, check, installer_image, nvidia, schematic_id

STAGED_BY_ITSELF_SINCE: Version = (1, 13)


@dataclass(frozen=True)
class NodeRequest:
    """One GPU node, as the inventory describes it. ``era`` is the GPU generation where it is known."""

    name: str
    address: str
    talos: str
    flavour: str = "auto"
    channel: str = "auto"
    era: str | None = None
    cuda: str | None = None
    factory: str = "factory.talos.dev"
    platform: str = "metal"
    secure_boot: bool = False
    extensions: tuple[str, ...] = ()
    kernel_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class PreparedNode:
    """The wanted state of a node. ``patch`` is complete; what is sent is what the node lacks."""

    request: NodeRequest
    choice: Choice
    schematic: dict[str, Any]
    schematic_id: str
    image: str
    patch: list[dict[str, Any]]
    findings: tuple[Finding, ...] = field(default=())

    def files(self, folder: str) -> dict[str, str]:
        """Path in the repository: content, byte for byte the same at every run."""
        base = f"{folder}/{self.request.name}"
        return {f"{base}/schematic.yaml": self._schematic_file(), f"{base}/patch.yaml": self._patch_file()}

    def commands(self, folder: str) -> list[str]:
        """What a person types instead of us, in the order that matters: the module patch before the image."""
        node = f"talosctl --nodes {self.request.address}"
        base = f"{folder}/{self.request.name}"
        factory = f"https://{self.request.factory}/schematics"
        return [
            f"{node} patch machineconfig --patch @{base}/patch.yaml --dry-run",
            f"{node} patch machineconfig --patch @{base}/patch.yaml",
            f"curl --fail --data-binary @{base}/schematic.yaml {factory}",
            f"{node} upgrade --image {self.image} {' '.join(upgrade_flags(version(self.request.talos) or ()))}",
            f"{node} get extensions",
        ]

    def _schematic_file(self) -> str:
        head = (
            "# Made by inferops.vllm: the Image Factory schematic of this node.\n"
            f"# Talos {self.request.talos}, {self.choice.flavour} kernel modules, channel {self.choice.channel}\n"
            f"# id: {self.schematic_id}\n"
            f"# installer: {self.image}\n"
        )
        return head + canonical(self.schematic)

    def _patch_file(self) -> str:
        head = (
            "# Made by inferops.vllm: the machine-config patch of this node.\n"
            "# Apply it before the image, and only once: up to Talos 1.13 a second merge lists the modules twice.\n"
        )
        return head + yaml.safe_dump_all(self.patch, sort_keys=False, default_flow_style=False)


def prepare(request: NodeRequest) -> PreparedNode:
    """The wanted state of one node. Raises :class:`Refusal` when no extensions fit it."""
    choice, findings = choose(
        request.talos, flavour=request.flavour, channel=request.channel, era=request.era, cuda=request.cuda
    )
    if choice is None:
        raise Refusal(findings)
    wanted = nvidia(choice.flavour, choice.channel, request.extensions, request.kernel_arguments)
    problems = check(wanted)
    if fatal(problems):
        raise Refusal(problems)
    identifier = schematic_id(wanted)
    talos = version(request.talos)
    if talos is None:
        raise AssertionError("choose() has parsed it")
    return PreparedNode(
        request=request,
        choice=choice,
        schematic=wanted,
        schematic_id=identifier,
        image=installer_image(
            identifier,
            request.talos,
            factory=request.factory,
            platform=request.platform,
            secure_boot=request.secure_boot,
        ),
        patch=patch(talos),
        findings=tuple(findings),
    )


def upgrade_flags(talos: Version) -> list[str]:
    """How ``talosctl upgrade`` is asked to go about it.

    Staged, up to 1.12: the image is written right after a reboot, when no file of it is in use. From 1.13 on the image
    is always pulled first and the node drained, and the flag belongs to a path that goes away.
    """
    return ["--stage", "--wait"] if talos < STAGED_BY_ITSELF_SINCE else ["--wait"]


def labels_and_taints(
    node: Mapping[str, Any], labels: Mapping[str, str], taints: Sequence[Mapping[str, str]]
) -> dict[str, Any] | None:
    """The merge patch that gives a Kubernetes node what it lacks, or None.

    Talos may not set role labels and taints on a worker (one forbidden key blocks all of its labels), so they go
    through the Kubernetes API. A merge patch replaces the whole list of taints, so the existing ones are repeated.
    """
    metadata, spec = node.get("metadata", {}), node.get("spec", {})
    missing = {key: value for key, value in labels.items() if (metadata.get("labels") or {}).get(key) != value}
    present = list(spec.get("taints") or ())
    absent = list(_absent(present, taints))
    change: dict[str, Any] = {"metadata": {"labels": missing}} if missing else {}
    if absent:
        change["spec"] = {"taints": [*present, *absent]}
    return change or None


def _absent(present: Sequence[Mapping[str, str]], taints: Sequence[Mapping[str, str]]) -> Iterator[Mapping[str, str]]:
    def identity(taint: Mapping[str, str]) -> tuple[str, str, str]:
        return taint["key"], taint.get("value", ""), taint["effect"]

    have = {identity(taint) for taint in present}
    return (taint for taint in taints if identity(taint) not in have)
