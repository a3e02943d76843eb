# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of one candidate node: state, taints, labels, Talos extensions, driver."""

from __future__ import annotations

from collections.abc import Iterator

from ..findings import Finding, Severity, finding
from .cuda import Support, oldest_driver, support
from .facts import NodeFacts
from .products import generation
from .scene import NodeCheck, Scene, subject
from .scheduling import untolerated
from .talos_rules import LABELLED_SINCE, channels_for, flavour_refused, generation_dropped
from .versions import version


def ready(_unused: Scene, node: NodeFacts) -> Iterator[Finding]:
    """A node that is down or cordoned runs nothing new."""
    if node.ready != "True":
        reason = f" ({node.ready_reason})" if node.ready_reason else ""
        yield finding("gpu-node-not-ready", subject(node), f"condition Ready is {node.ready or 'absent'}{reason}")
    if node.unschedulable:
        yield finding("gpu-node-cordoned", subject(node), "scheduling is disabled")


def taints(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """Every taint needs a toleration."""
    for taint in untolerated(node.taints, scene.tolerations):
        shown = f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"
        operator = f"operator: Equal, value: {taint.value}" if taint.value else "operator: Exists"
        yield finding(
            "gpu-taint-not-tolerated",
            subject(node),
            f"taint {shown} is not tolerated",
            fix=f"Add {{key: {taint.key}, {operator}}} to vllm_tolerations, or remove the taint.",
        )


def hostname(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """A pin needs the label that it compares."""
    if scene.settings.gpu_mode == "bare_metal" and "kubernetes.io/hostname" not in node.labels:
        yield finding("gpu-hostname-label-missing", subject(node), "has no label kubernetes.io/hostname to pin to")


def vgpu(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """The value of nvidia.com/vgpu.present must agree with the GPU mode."""
    state = scene.by_name[node.name].vgpu
    if scene.settings.gpu_mode == "bare_metal":
        if state:
            yield finding("gpu-mode-differs", subject(node), "is a vGPU guest, but vllm_gpu_mode is bare_metal")
        return
    if state is False:
        yield finding("gpu-vgpu-absent", subject(node), 'nvidia.com/vgpu.present is "false": a physical GPU')
    elif state is None:
        held = node.labels.get("nvidia.com/vgpu.present")
        shown = "is absent" if held is None else f"is {held!r}"
        yield finding(
            "gpu-vgpu-label-missing", subject(node), f"nvidia.com/vgpu.present {shown}, so no selector can ask for it"
        )
    if scene.talos(node):
        yield finding("gpu-vgpu-on-talos", subject(node), f"runs {node.os_image} in vgpu mode")


def talos_version(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """Before 1.8 Talos does not say which extensions a node has."""
    release = scene.talos(node)
    if release and release < LABELLED_SINCE:
        yield finding("gpu-talos-too-old", subject(node), f"runs {node.os_image}, which publishes no extension labels")


def extensions(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """One kernel module extension and the toolkit of the same driver."""
    release, found = scene.talos(node), scene.extensions(node)
    if release is None or release < LABELLED_SINCE:
        return
    works = bool(node.offers_any(scene.settings.resources)) or "nvidia" in (node.handlers or ())
    if not found.labelled and works:
        yield finding("gpu-extension-labels-missing", subject(node), "publishes no extensions.talos.dev label")
    elif found.missing and not works:
        yield finding("gpu-extension-missing", subject(node), f"no NVIDIA extension for {' and '.join(found.missing)}")
    if len(found.modules) > 1:
        names = " and ".join(module.name for module in found.modules)
        yield finding("gpu-extension-duplicate", subject(node), f"has {names}; exactly one may be installed")
    elif found.modules and found.toolkits:
        module, toolkit = found.modules[0], found.toolkits[0]
        known = module.driver and toolkit.driver
        if (module.driver != toolkit.driver) if known else (module.channel != toolkit.channel):
            pair = f"{module.name} {module.driver} with {toolkit.name} {toolkit.driver}"
            yield finding("gpu-extension-mismatch", subject(node), f"{pair}: two driver channels on one node")


def flavour(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """The kernel module must know the GPU's generation."""
    product = node.labels.get("nvidia.com/gpu.product")
    era = generation(product, node.labels.get("nvidia.com/gpu.family"))
    modules = scene.extensions(node).modules
    refused = flavour_refused(modules[0].flavour, era) if len(modules) == 1 else None
    driver = scene.extensions(node).driver or scene.by_name[node.name].driver
    if refused:
        yield finding("gpu-flavour-wrong", subject(node), f"{product} with {modules[0].name}: {refused}")
    elif generation_dropped(driver, era):
        severity = None if era == "pascal" else Severity.WARNING
        message = f"{product} ({era}) with driver {driver}: 580 is the last driver for it"
        yield finding("gpu-driver-drops-gpu", subject(node), message, severity=severity)


def compute(_unused: Scene, node: NodeFacts) -> Iterator[Finding]:
    """An engine needs compute capability 7.0, bfloat16 8.0."""
    major, minor = (node.labels.get(f"nvidia.com/gpu.compute.{part}", "") for part in ("major", "minor"))
    have = version(f"{major}.{minor or 0}")
    if have and have < (8, 0):
        limit = "vLLM needs at least 7.0" if have < (7, 0) else "bfloat16 needs at least 8.0"
        yield finding("gpu-compute-capability-low", subject(node), f"compute capability {major}.{minor or 0}; {limit}")


def driver(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """The driver must carry the CUDA of the pinned image."""
    cuda, have = scene.settings.required_cuda, scene.by_name[node.name].driver
    if not cuda:
        return
    verdict = support(have, cuda)
    if verdict is Support.NONE:
        message = f"driver {have} cannot run CUDA {cuda}, which needs at least {oldest_driver(cuda)}"
        yield finding("gpu-driver-too-old", subject(node), message, fix=_newer(scene, node, cuda))
    elif verdict is Support.MINOR:
        message = (
            f"driver {have} runs CUDA {cuda} by minor-version compatibility only; native from {oldest_driver(cuda)}"
        )
        yield finding("gpu-driver-minor-compatibility", subject(node), message, fix=_newer(scene, node, cuda))
    elif verdict is Support.UNKNOWN:
        what = f"driver {have} against CUDA {cuda}" if have else "no label states the driver version"
        yield finding("gpu-driver-unknown", subject(node), f"not known whether it fits: {what}")


def _newer(scene: Scene, node: NodeFacts, cuda: str) -> str:
    """The way to a newer driver, which is another one on Talos, on a vGPU guest and elsewhere."""
    release = scene.talos(node)
    if scene.settings.gpu_mode == "vgpu":
        return "Have the hypervisor and guest vGPU drivers upgraded together, or pin an older vLLM image."
    if release is None:
        return f"Install driver {oldest_driver(cuda)} or newer on the node, or pin an older vLLM image."
    minor = f"{release[0]}.{release[1]}"
    if fitting := channels_for(release, cuda):
        return f"Use the -{' or -'.join(fitting)} extensions, which fit on Talos {minor}, or pin an older vLLM image."
    return f"No extension channel of Talos {minor} has that driver: upgrade Talos, or pin an older vLLM image."


def driver_labels(scene: Scene, node: NodeFacts) -> Iterator[Finding]:
    """The driver that runs must be the one that is installed."""
    measured, installed = scene.by_name[node.name].driver, scene.extensions(node).driver
    if measured and installed and version(measured) != version(installed):
        message = f"GPU feature discovery measured driver {measured}, the extension is {installed}"
        yield finding("gpu-driver-labels-differ", subject(node), message)


def architecture(_unused: Scene, node: NodeFacts) -> Iterator[Finding]:
    """Images are built for two architectures, and not all of them for both."""
    if node.architecture not in ("amd64", ""):
        yield finding("gpu-architecture", subject(node), f"architecture {node.architecture}")


NODE_CHECKS: tuple[NodeCheck, ...] = (
    ready,
    taints,
    hostname,
    vgpu,
    talos_version,
    extensions,
    flavour,
    compute,
    driver,
    driver_labels,
    architecture,
)
