# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applying a prepared node with ``talosctl``: patch, image, boot, proof; each step only if it is still needed.

There is no Python client for the Talos API, so the program is run, in the node's own minor version. Everything that
is read is compared first, so a second run sends nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..findings import Refusal, finding, refuse
from ..gpu.versions import Version, version
from ..yaml_text import load_all
from .machine_config import MODULES, patch
from .node import PreparedNode, upgrade_flags
from .schematic import canonical

Output = tuple[int, str, str]
Run = Callable[[Sequence[str]], Output]
"""Runs an argument list; returns exit code, standard output and standard error."""

CLIENT_TAG = re.compile(r"v\d+\.\d+\.\d+")
MODULES_LISTED_SINCE: Version = (1, 11)
NVIDIA = "0x10de"
"""The PCI vendor."""

BOOT_SECONDS = 900.0
POLL_SECONDS = 10.0


@dataclass
class Talosctl:
    """One node's ``talosctl``. ``post`` registers a schematic with the factory and returns the ID it gave."""

    address: str
    run: Run
    post: Callable[[str], str]
    progress: Callable[[str], None] = lambda _text: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    budget: float = BOOT_SECONDS
    done: list[str] = field(default_factory=list)

    def apply(self, node: PreparedNode, *, check_mode: bool = False) -> list[str]:
        """Bring the node to its wanted state; returns what was (or would be) done. Raises :class:`Refusal`."""
        self._same_line(node.request.talos)
        self._has_gpu(node)
        self._patch(node, check_mode)
        if self.schematic() != node.schematic_id:
            self._upgrade(node, check_mode)
        if not check_mode:
            self._verify(node)
        return self.done

    def schematic(self) -> str | None:
        """The schematic that the node runs, or None (a vanilla image reports none)."""
        extensions = objects(self._call("get", "extensions", "--output", "json"))
        reported = (item.get("spec", {}).get("metadata", {}) for item in extensions)
        return next((str(data.get("version")) for data in reported if data.get("name") == "schematic"), None)

    def config(self) -> list[dict[str, Any]]:
        """The documents of the node's machine configuration. They hold secrets: never print them."""
        answer = objects(self._call("get", "machineconfig", "v1alpha1", "--output", "json"))
        return [document for item in answer for document in load_all(str(item.get("spec") or ""))]

    def _same_line(self, talos: str) -> None:
        found = CLIENT_TAG.search(self._call("version", "--client", node=False))
        client = version(found[0]) if found else None
        if not client or client[:2] != (version(talos) or ())[:2]:
            raise refuse(
                "talos-talosctl-version", "talosctl", f"is {found[0] if found else 'unknown'}, the node runs {talos}"
            )

    def _has_gpu(self, node: PreparedNode) -> None:
        """Without a GPU the extensions keep the node from booting; a node that does not list its devices may go on."""
        try:
            devices = list(objects(self._call("get", "pcidevices", "--output", "json")))
        except Refusal:
            return
        if devices and not any(NVIDIA in str(device.get("spec") or "").lower() for device in devices):
            message = f"none of its {len(devices)} PCI devices is of vendor {NVIDIA}"
            raise refuse("talos-no-gpu", f"node/{node.request.name}", message)

    def _patch(self, node: PreparedNode, check_mode: bool) -> None:
        missing = patch(version(node.request.talos) or (), self.config())
        if not missing:
            return
        text = "\n---\n".join(json.dumps(document) for document in missing)
        self._call("patch", "machineconfig", "--patch", text, "--dry-run")
        if not check_mode:
            self._call("patch", "machineconfig", "--patch", text)
        self.done.append("patch the machine configuration: kernel modules")

    def _upgrade(self, node: PreparedNode, check_mode: bool) -> None:
        self.done.append(f"upgrade to {node.image}")
        if check_mode:
            return
        given = self.post(canonical(node.schematic))
        if given != node.schematic_id:
            raise refuse(
                "talos-schematic-invalid",
                "schematic",
                f"the factory gave the ID {given}, computed was {node.schematic_id}",
            )
        self._call("upgrade", "--image", node.image, *upgrade_flags(version(node.request.talos) or ()))
        self._wait(node)

    def _wait(self, node: PreparedNode) -> None:
        """Until the node answers with the wanted schematic; one that keeps the old one has rolled back."""
        deadline, said = self.clock() + self.budget, ""
        while True:
            state = self._state(node.schematic_id)
            if state == "":
                return
            if state != said:
                self.progress(f"{node.request.name}: {state}")
                said = state
            if self.clock() >= deadline:
                raise refuse("talos-boot-timeout", f"node/{node.request.name}", f"after {self.budget:.0f} s it {state}")
            self.sleep(POLL_SECONDS)

    def _state(self, wanted: str) -> str:
        try:
            running = self.schematic()
        except Refusal:
            return "does not answer"
        return "" if running == wanted else f"runs schematic {running or 'none'}"

    def _verify(self, node: PreparedNode) -> None:
        loaded = self._modules(version(node.request.talos) or ())
        missing = [module for module in MODULES if module not in loaded]
        if missing:
            raise refuse(
                "talos-command-failed", f"node/{node.request.name}", f"modules not loaded: {', '.join(missing)}"
            )

    def _modules(self, talos: Version) -> set[str]:
        """The kernel modules that are loaded."""
        if talos < MODULES_LISTED_SINCE:
            return {line.split()[0] for line in self._call("read", "/proc/modules").splitlines() if line.strip()}
        listed = objects(self._call("get", "modules", "--output", "json"))
        return {str(item.get("metadata", {}).get("id")) for item in listed}

    def _call(self, *arguments: str, node: bool = True) -> str:
        argv = ["talosctl", *(("--nodes", self.address) if node else ()), *arguments]
        try:
            code, out, err = self.run(argv)
        except FileNotFoundError:
            raise refuse("talos-talosctl-missing", "talosctl", "cannot be started") from None
        if code:
            last = (err.strip().splitlines() or ["no error text"])[-1]
            raise Refusal([finding("talos-command-failed", " ".join(argv[:4]), f"exit code {code}: {last[:300]}")])
        return out


def objects(text: str) -> Iterator[dict[str, Any]]:
    """The objects of ``--output json``: indented objects one after the other, neither an array nor a line each."""
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        try:
            item, position = decoder.raw_decode(text, position)
        except ValueError:
            raise refuse("talos-command-failed", "talosctl", "printed something that is not JSON") from None
        if isinstance(item, dict):
            yield item
