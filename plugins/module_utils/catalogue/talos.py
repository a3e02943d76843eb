# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: what preparing a Talos GPU node can run into (stage 1)."""

from __future__ import annotations

from ..findings import Entry, Severity

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="talos-version-unknown",
        severity=Severity.FATAL,
        title="The Talos version is not one that we know drivers for",
        symptom="No schematic is made for the node.",
        cause="A typing error, or a Talos line older or newer than the collection's table.",
        fix="Write it as vMAJOR.MINOR.PATCH (v1.12.6); for a newer line, update the collection.",
    ),
    Entry(
        code="talos-flavour-refused",
        severity=Severity.FATAL,
        title="These kernel modules cannot drive this GPU",
        symptom="With the wrong flavour nvidia-smi finds no device, sometimes without any error text.",
        cause="Blackwell GPUs need the open modules, GPUs before Turing the proprietary ones.",
        fix="Set vllm_talos.flavour to auto, or to the flavour that the message names.",
    ),
    Entry(
        code="talos-driver-unsupported",
        severity=Severity.FATAL,
        title="No driver of this Talos version supports the GPU",
        symptom="The kernel log says that the driver will ignore this GPU.",
        cause="Driver branches after 580 dropped GPUs before Turing.",
        fix="Use channel lts of Talos 1.12 or 1.13 (driver 580), or a newer GPU.",
    ),
    Entry(
        code="talos-driver-compatibility",
        severity=Severity.WARNING,
        title="The driver fits the vLLM image only by minor-version compatibility",
        symptom="It usually works; kernels that must be compiled on the node (PTX) do not.",
        cause="The driver is older than the CUDA toolkit of the image, but of the same major version.",
        fix="Prefer a Talos version or channel with a newer driver; docs/talos.md has the table.",
    ),
    Entry(
        code="talos-schematic-invalid",
        severity=Severity.FATAL,
        title="The Image Factory would refuse the schematic",
        symptom="A field is unknown or has the wrong shape.",
        cause="A typing error in vllm_talos.extensions, or in a schematic given to talos_node.",
        fix="Compare it with the fields that the message names.",
    ),
    Entry(
        code="talos-talosctl-missing",
        severity=Severity.FATAL,
        title="talosctl is needed and not there",
        symptom="vllm_talos.apply is on, and the program cannot be started.",
        cause="It is not installed on the machine that runs the play, or not on its PATH.",
        fix="Install the node's talosctl, or set vllm_talos.talosctl; or leave apply off and run the commands.",
    ),
    Entry(
        code="talos-talosctl-version",
        severity=Severity.FATAL,
        title="talosctl and Talos are of different lines",
        symptom="Flags and document kinds differ, so that a patch could be refused half-way.",
        cause="The talosctl on PATH belongs to another Talos minor version.",
        fix="Install talosctl of the node's minor version.",
    ),
    Entry(
        code="talos-command-failed",
        severity=Severity.FATAL,
        title="talosctl refused a command",
        symptom="A command ends with an error text, which the message holds.",
        cause="Often an expired client certificate (they live one year), a wrong address, or a refused patch.",
        fix="Run the command by hand; renew the talosconfig if it has expired.",
    ),
    Entry(
        code="talos-boot-timeout",
        severity=Severity.FATAL,
        title="The node did not come back after the upgrade",
        symptom="The wait ends; the node does not answer, or answers with the old schematic again and again.",
        cause="A GPU image on a node without the module patch or without a GPU hangs for 70 minutes and rolls back.",
        fix="Look at the node's console; apply the module patch first, and never the GPU image to a node without GPU.",
    ),
    Entry(
        code="talos-no-gpu",
        severity=Severity.FATAL,
        title="The node has no NVIDIA GPU",
        symptom="Refused before anything is sent: with these extensions the node would wait 70 minutes and roll back.",
        cause="No PCI device of vendor 0x10de: a wrong address, or the GPU is not passed through to the machine.",
        fix="Correct vllm_talos.nodes, or pass the GPU through; talosctl get pcidevices shows what the node sees.",
    ),
    Entry(
        code="talos-stack-owner",
        severity=Severity.FATAL,
        title="The GPU stack and the RuntimeClass's owner do not fit",
        symptom="Two would write the RuntimeClass, or nobody would.",
        cause="The GPU operator makes RuntimeClasses of its own and corrects them; the device plugin makes none.",
        fix="gpu_operator: set vllm_runtime_class_owner to gpu_operator; device_plugin: to argocd or collection.",
    ),
    Entry(
        code="talos-stack-undocumented",
        severity=Severity.WARNING,
        title="The GPU stack is not the one that this Talos version documents",
        symptom="It may work; field reports say so for the device plugin on 1.13.",
        cause="Up to 1.12 the guide uses the device plugin and a RuntimeClass, from 1.13 the GPU operator and CDI.",
        fix="Set vllm_talos.gpu_stack to auto, or go on knowingly: the GPU test pod will tell.",
    ),
    Entry(
        code="talos-apply-off",
        severity=Severity.INFO,
        title="Talos files were written, nothing was applied",
        symptom="The commands that apply them are listed.",
        cause="vllm_talos.apply is off, which is the default: nodes are changed only when asked.",
        fix="Run the commands, or set vllm_talos.apply to true.",
    ),
)
