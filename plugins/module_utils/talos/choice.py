# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which NVIDIA extensions a node should have: the channel and the flavour, or why there is no right one."""

from __future__ import annotations

from dataclasses import dataclass

from ..findings import Finding, finding
from ..gpu.talos_rules import DRIVERS, channels_for, flavour_refused
from ..gpu.versions import Version, version

SUPPORTED_FROM: Version = (1, 8)
LEGACY = ("pascal", "volta", "maxwell")
LEGACY_DRIVER = 580
"""The last driver branch for GPUs before Turing."""


@dataclass(frozen=True)
class Choice:
    """The NVIDIA extensions of a node. ``driver`` is the oldest version that this Talos minor ships in that channel."""

    flavour: str
    channel: str
    driver: str


def choose(
    talos: str, *, flavour: str, channel: str, era: str | None, cuda: str | None
) -> tuple[Choice | None, list[Finding]]:
    """The extensions for a Talos version (``v1.12.6``), a GPU generation and the CUDA of the vLLM image.

    ``flavour`` is open, nonfree or auto; ``channel`` lts, production or auto. A channel is chosen by its driver,
    never by its name: on all of Talos 1.12 "lts" carries the newer one.
    """
    parsed = version(talos)
    if not parsed or parsed[:2] not in DRIVERS:
        known = ", ".join(f"1.{minor}" for _unused, minor in DRIVERS)
        return None, [finding("talos-version-unknown", talos or "talos version", f"is none of the known lines {known}")]
    picked, findings = _channel(parsed, channel, era, cuda)
    modules = _flavour(flavour, era)
    refused = flavour_refused(modules, era)
    if refused:
        findings.append(finding("talos-flavour-refused", f"flavour {modules}", refused))
    if not picked or refused:
        return None, findings
    return Choice(modules, picked, DRIVERS[parsed[:2]][picked]), findings


def _flavour(flavour: str, era: str | None) -> str:
    if flavour != "auto":
        return flavour
    return "nonfree" if era in LEGACY else "open"


def _channel(talos: Version, channel: str, era: str | None, cuda: str | None) -> tuple[str | None, list[Finding]]:
    drivers = DRIVERS[talos[:2]]
    fitting = channels_for(talos, cuda) if cuda else list(drivers)
    usable = [name for name in fitting if not _too_new(drivers[name], era)]
    if channel != "auto":
        return _given(channel, drivers, usable, era, cuda)
    if usable:
        return usable[0], []
    possible = [name for name in drivers if not _too_new(drivers[name], era)]
    if not possible:
        return None, [_no_driver(era, drivers)]
    newest = max(possible, key=lambda name: version(drivers[name]) or (0,))
    return newest, [_compatibility(newest, drivers[newest], cuda)]


def _given(
    channel: str, drivers: dict[str, str], usable: list[str], era: str | None, cuda: str | None
) -> tuple[str | None, list[Finding]]:
    if _too_new(drivers[channel], era):
        return None, [_no_driver(era, {channel: drivers[channel]})]
    return channel, [] if channel in usable else [_compatibility(channel, drivers[channel], cuda)]


def _too_new(driver: str, era: str | None) -> bool:
    return era in LEGACY and (version(driver) or (0,))[0] > LEGACY_DRIVER


def _no_driver(era: str | None, drivers: dict[str, str]) -> Finding:
    listed = ", ".join(f"{name} {driver}" for name, driver in drivers.items())
    return finding("talos-driver-unsupported", f"{era} GPU", f"no driver after {LEGACY_DRIVER} supports it ({listed})")


def _compatibility(channel: str, driver: str, cuda: str | None) -> Finding:
    return finding(
        "talos-driver-compatibility",
        f"channel {channel}",
        f"driver {driver} runs CUDA {cuda} only by minor-version compatibility",
    )
