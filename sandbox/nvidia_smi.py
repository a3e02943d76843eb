# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``nvidia-smi`` would print on a simulated node, made from the node's GPU labels, marked as simulated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

NOTE = "simulated by the rehearsal sandbox: no GPU was asked"
RESERVED_MIB = 512
BAR = "+" + "-" * 89 + "+"


@dataclass(frozen=True)
class Gpus:
    """The GPUs that a container sees: ``count`` equal ones."""

    product: str
    memory: int  # MiB, total
    count: int
    driver: str
    cuda: str
    virtual: bool
    seed: str  # makes UUIDs that differ between nodes and stay the same

    @property
    def name(self) -> str:
        """The name as the driver prints it; the label has dashes for blanks."""
        return self.product if self.virtual else self.product.replace("-", " ", 1)

    def uuid(self, index: int) -> str:
        """Return the UUID of one GPU."""
        digits = (self.seed.encode().hex() + f"{index:04x}" + "0" * 32)[:32]
        return "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    @staticmethod
    def bus(index: int) -> str:
        """Return the PCI address of one GPU."""
        return f"00000000:{0x17 + index * 0x10:02X}:00.0"


def gpus_of(node: str, labels: Mapping[str, str], count: int) -> Gpus | None:
    """Return ``count`` GPUs of a node as its labels describe them, or None for a node without GPU."""
    product = labels.get("nvidia.com/gpu.product")
    if not product or count < 1:
        return None
    return Gpus(
        product=product,
        memory=int(labels.get("nvidia.com/gpu.memory", "0")),
        count=min(count, int(labels.get("nvidia.com/gpu.count", "1"))),
        driver=labels.get("nvidia.com/cuda.driver-version.full", "580.126.20"),
        cuda=labels.get("nvidia.com/cuda.runtime-version.full", "13.0"),
        virtual=labels.get("nvidia.com/vgpu.present") == "true",
        seed=node,
    )


def output(gpus: Gpus | None, command: Sequence[str]) -> str:
    """Return what ``command`` (the container's words) would print."""
    if gpus is None:
        return "sh: 1: nvidia-smi: not found"
    # Every command of a script succeeds here, so what stands after an || does not run.
    script = " ".join(command).partition("nvidia-smi")
    return "\n".join(_one(gpus, part.partition("||")[0]) for part in "".join(script[1:]).split(";"))


def _one(gpus: Gpus, words: str) -> str:
    """Return what one command of a script would print."""
    if "--query-gpu" in words:
        return csv(gpus, words)
    if " -x" in words or "--xml-format" in words:
        return xml(gpus)
    if "nvidia-smi -L" in words:
        return "\n".join(f"GPU {i}: {gpus.name} (UUID: {gpus.uuid(i)})" for i in range(gpus.count))
    return banner(gpus)


def banner(gpus: Gpus) -> str:
    """Return the table of plain ``nvidia-smi``."""
    mig, ecc = ("N/A", "N/A") if gpus.virtual else ("Disabled", "0")
    rows = [
        "Sat Jan  3 09:00:00 2026",
        BAR,
        f"| NVIDIA-SMI {gpus.driver:<22} Driver Version: {gpus.driver:<14} CUDA Version: {gpus.cuda:<9}|",
        "+-----------------------------------------+------------------------+----------------------+",
        "| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |",
        "| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |",
        "|                                         |                        |               MIG M. |",
        "|=========================================+========================+======================|",
    ]
    for index in range(gpus.count):
        rows += [
            f"| {index:>3}  {gpus.name[:29]:<30} On  |   {gpus.bus(index)} Off | {ecc:>20} |",
            f"| N/A   31C    P0             62W /  400W | {0:>7}MiB / {gpus.memory:>6}MiB |      0%      Default |",
            f"|                                         |                        | {mig:>20} |",
            "+-----------------------------------------+------------------------+----------------------+",
        ]
    rows += ["", BAR, f"| {'Processes:':<88}|", f"|  {'No running processes found':<87}|", BAR, f"# {NOTE}"]
    return "\n".join(rows)


def csv(gpus: Gpus, words: str) -> str:
    """Return ``--query-gpu`` rows; a field that is not known here is refused as the real program does."""
    fields = words.split("--query-gpu=", 1)[-1].split()[0].strip("'\"").split(",")
    rows = []
    for index in range(gpus.count):
        known = {
            "index": str(index),
            "uuid": gpus.uuid(index),
            "name": gpus.name,
            "pci.bus_id": gpus.bus(index),
            "driver_version": gpus.driver,
            "compute_cap": "8.0",
            "memory.total": str(gpus.memory),
            "memory.used": "0",
            "memory.free": str(gpus.memory - RESERVED_MIB),
            "mig.mode.current": "[N/A]" if gpus.virtual else "Disabled",
            "ecc.mode.current": "[N/A]" if gpus.virtual else "Enabled",
            "persistence_mode": "Enabled",
            "compute_mode": "Default",
        }
        for field in fields:
            if field not in known:
                return f'Field "{field}" is not a valid field to query.'
        units = "" if "nounits" in words else " MiB"
        rows.append(", ".join(known[field] + (units if field.startswith("memory.") else "") for field in fields))
    header = [] if "noheader" in words else [", ".join(fields)]
    return "\n".join([*header, *rows])


def xml(gpus: Gpus) -> str:
    """Return ``nvidia-smi -q -x`` with the fields that a preflight reads."""
    mode = "VGPU" if gpus.virtual else "None"
    lines = [
        '<?xml version="1.0" ?>',
        '<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">',
        "<nvidia_smi_log>",
        f"\t<!-- {NOTE} -->",
        "\t<timestamp>Sat Jan  3 09:00:00 2026</timestamp>",
        f"\t<driver_version>{gpus.driver}</driver_version>",
        f"\t<cuda_version>{gpus.cuda}</cuda_version>",
        f"\t<attached_gpus>{gpus.count}</attached_gpus>",
    ]
    for index in range(gpus.count):
        lines += [
            f'\t<gpu id="{gpus.bus(index)}">',
            f"\t\t<product_name>{escape(gpus.name)}</product_name>",
            "\t\t<product_brand>NVIDIA</product_brand>",
            "\t\t<product_architecture>Ampere</product_architecture>",
            "\t\t<persistence_mode>Enabled</persistence_mode>",
            f"\t\t<mig_mode><current_mig>{'N/A' if gpus.virtual else 'Disabled'}</current_mig></mig_mode>",
            "\t\t<mig_devices>None</mig_devices>",
            f"\t\t<uuid>{gpus.uuid(index)}</uuid>",
            f"\t\t<gpu_virtualization_mode><virtualization_mode>{mode}</virtualization_mode></gpu_virtualization_mode>",
            "\t\t<gpu_recovery_action>None</gpu_recovery_action>",
            "\t\t<fb_memory_usage>",
            f"\t\t\t<total>{gpus.memory} MiB</total>",
            f"\t\t\t<reserved>{RESERVED_MIB} MiB</reserved>",
            "\t\t\t<used>0 MiB</used>",
            f"\t\t\t<free>{gpus.memory - RESERVED_MIB} MiB</free>",
            "\t\t</fb_memory_usage>",
            "\t\t<compute_mode>Default</compute_mode>",
            f"\t\t<ecc_mode><current_ecc>{'N/A' if gpus.virtual else 'Enabled'}</current_ecc></ecc_mode>",
            "\t</gpu>",
        ]
    return "\n".join([*lines, "</nvidia_smi_log>"])
