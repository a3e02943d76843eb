# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Talos version means for GPUs: extensions, drivers, the documented stack.

Source of the figures: Talos' NVIDIA guides of each release and siderolabs/extensions at each tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .cuda import Support, support
from .versions import Version, version

LABEL = "extensions.talos.dev/"
_OS_IMAGE = re.compile(r"Talos \((v\d+\.\d+\.\d+)[^)]*\)")
_KMOD = re.compile(
    r"nvidia-open-gpu-kernel-modules(?:-(?P<open>lts|production))?|nonfree-kmod-nvidia(?:-(?P<nonfree>lts|production))?"
)
_TOOLKIT = re.compile(r"nvidia-container-toolkit(?:-(?P<channel>lts|production))?")

LABELLED_SINCE: Version = (1, 8)
"""First Talos that publishes its extensions as node labels."""

OPERATOR_SINCE: Version = (1, 13)
"""First Talos whose guide uses CDI and the GPU operator instead of a RuntimeClass and the device plugin."""

DRIVERS: dict[Version, dict[str, str]] = {
    (1, 8): {"lts": "535.183.06", "production": "550.90.07"},
    (1, 9): {"lts": "535.216.03", "production": "550.127.08"},
    (1, 10): {"lts": "535.230.02", "production": "570.124.06"},
    (1, 11): {"lts": "535.247.01", "production": "570.172.08"},
    (1, 12): {"lts": "580.105.08", "production": "570.195.03"},
    (1, 13): {"lts": "580.126.20", "production": "595.58.03"},
    (1, 14): {"lts": "580.178.04", "production": "595.91.07"},
}
"""Talos minor: channel: the oldest driver of that minor. On 1.12 ``lts`` is the NEWER of the two."""


@dataclass(frozen=True)
class Extension:
    """One NVIDIA extension of a node."""

    name: str
    flavour: str
    channel: str
    driver: str | None


@dataclass(frozen=True)
class Extensions:
    """The NVIDIA extensions that a node's labels name."""

    modules: tuple[Extension, ...] = ()
    toolkits: tuple[Extension, ...] = ()
    labelled: bool = False
    """Whether the node has any extension label at all."""

    @property
    def driver(self) -> str | None:
        """The kernel module's driver version."""
        return next((module.driver for module in self.modules if module.driver), None)

    @property
    def missing(self) -> list[str]:
        """What a GPU node lacks, in words."""
        absent = [] if self.modules else ["kernel modules"]
        return absent if self.toolkits else [*absent, "container toolkit"]


def talos_version(os_image: str | None) -> Version | None:
    """``(1, 13, 9)`` for the osImage "Talos (v1.13.9)"; None for another operating system."""
    matched = _OS_IMAGE.fullmatch(os_image or "")
    return version(matched[1]) if matched else None


def extensions(labels: Mapping[str, str]) -> Extensions:
    """The NVIDIA extensions among a node's labels."""
    found = {key.removeprefix(LABEL): value for key, value in labels.items() if key.startswith(LABEL)}
    modules, toolkits = [], []
    for name, value in sorted(found.items()):
        driver = value.partition("-")[0]
        known = driver if version(driver) else None
        if matched := _KMOD.fullmatch(name):
            flavour = "open" if name.startswith("nvidia-open") else "nonfree"
            modules.append(Extension(name, flavour, matched["open"] or matched["nonfree"] or "lts", known))
        elif matched := _TOOLKIT.fullmatch(name):
            toolkits.append(Extension(name, "toolkit", matched["channel"] or "lts", known))
    return Extensions(tuple(modules), tuple(toolkits), bool(found))


def documented_stack(talos: Version) -> str:
    """``device_plugin`` or ``gpu_operator``: what the guide of this Talos version installs."""
    return "gpu_operator" if talos >= OPERATOR_SINCE else "device_plugin"


def channels_for(talos: Version, cuda: str) -> list[str]:
    """The extension channels of this Talos minor whose driver runs ``cuda`` natively."""
    return [
        channel for channel, driver in DRIVERS.get(talos[:2], {}).items() if support(driver, cuda) is Support.NATIVE
    ]


def flavour_refused(flavour: str, era: str | None) -> str | None:
    """Why a kernel module flavour cannot drive a GPU of this generation, or None.

    GB10 is left out on purpose: the guides and field reports contradict each other.
    """
    if era == "blackwell" and flavour == "nonfree":
        return "Blackwell GPUs need the open kernel modules"
    if era in ("pascal", "volta", "maxwell") and flavour == "open":
        return f"{era.capitalize()} GPUs need the proprietary (nonfree) kernel modules"
    return None


def generation_dropped(driver: str | None, era: str | None) -> bool:
    """Whether the driver no longer supports GPUs of this generation (580 is the last for Pascal and older)."""
    have = version(driver)
    return bool(have and have[0] > 580 and era in ("pascal", "volta", "maxwell"))
