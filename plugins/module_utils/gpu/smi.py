# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nvidia-smi printed: the XML report, the banner, a CSV query; and what its exit status means.

Nothing here raises on foreign text: what cannot be understood is left out, and :func:`judge` says so.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from ..findings import Finding, Severity, finding
from . import symptoms
from .products import normalise

QUERY = (
    "name",
    "driver_version",
    "memory.total",
    "memory.used",
    "memory.free",
    "mig.mode.current",
    "ecc.mode.current",
    "compute_mode",
)
"""Fields of the fallback query; all of them exist since driver 450."""

SIZE_LIMIT = 4 << 20
"""Characters of output that are looked at; a report of sixteen GPUs is a tenth of it."""

_BANNER = re.compile(r"(?:Driver|KMD) Version\s*:\s*([\d.]+)")
_BANNER_CUDA = re.compile(r"CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)")
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*>")
_XML = re.compile(r"(?:<\?xml[^>]*\?>\s*)?(?:<!DOCTYPE[^>]*>\s*)?<nvidia_smi_log>.*", re.DOTALL)
_NOT_STATED = ("", "N/A", "[N/A]", "[Not Supported]", "Not Supported", "[Unknown Error]")


@dataclass(frozen=True)
class Gpu:
    """One GPU as the driver sees it; None where it does not say. Memory in MiB."""

    product: str | None
    memory_mib: int | None = None
    used_mib: int | None = None
    free_mib: int | None = None
    mig: str | None = None
    ecc: str | None = None
    uncorrected: int = 0
    compute_mode: str | None = None
    virtualization: str | None = None
    recovery: str | None = None
    licence: str | None = None


@dataclass(frozen=True)
class Report:
    """Everything that could be read from one run."""

    driver: str | None = None
    cuda: str | None = None
    gpus: tuple[Gpu, ...] = ()


def parse(text: str) -> Report:
    """Read any mixture of banner, XML report and CSV: XML wins, CSV is next, the banner fills what is left."""
    text = text[:SIZE_LIMIT]
    report = parse_xml(text) or parse_csv(text) or Report()
    banner, cuda = _BANNER.search(text), _BANNER_CUDA.search(text)
    return Report(
        driver=report.driver or (banner[1] if banner else None),
        cuda=report.cuda or (cuda[1] if cuda else None),
        gpus=report.gpus,
    )


def parse_xml(text: str) -> Report | None:
    """The report of ``nvidia-smi -q -x``, wherever in ``text`` it starts; None when there is no whole one.

    The DTD is never fetched; a document that declares entities is not read at all.
    """
    found = _XML.search(text)
    end = found[0].find("</nvidia_smi_log>") if found else -1
    if found is None or end < 0 or "<!ENTITY" in found[0]:
        return None
    try:
        root = ElementTree.fromstring(_DOCTYPE.sub("", found[0][: end + len("</nvidia_smi_log>")], count=1))  # noqa: S314 - no DTD is left
    except (ElementTree.ParseError, ValueError):
        return None
    cuda = _stated(root.findtext("cuda_version")) or _stated(root.findtext("cuda_umd_version"))
    return Report(
        driver=_stated(root.findtext("driver_version")) or _stated(root.findtext("kmd_version")),
        cuda=cuda,
        gpus=tuple(_gpu(element) for element in root.iter("gpu")),
    )


def _gpu(element: ElementTree.Element) -> Gpu:
    def text(path: str) -> str | None:
        return _stated(element.findtext(path))

    licence = text("vgpu_software_licensed_product/license_status")
    return Gpu(
        product=normalise(text("product_name")),
        memory_mib=_mib(text("fb_memory_usage/total")),
        used_mib=_mib(text("fb_memory_usage/used")),
        free_mib=_mib(text("fb_memory_usage/free")),
        mig=text("mig_mode/current_mig"),
        ecc=text("ecc_mode/current_ecc"),
        uncorrected=sum(_uncorrected(element)),
        compute_mode=text("compute_mode"),
        virtualization=text("gpu_virtualization_mode/virtualization_mode"),
        recovery=text("gpu_recovery_action"),
        licence=licence,
    )


def _uncorrected(element: ElementTree.Element) -> Iterator[int]:
    for counter in element.findall("ecc_errors/volatile/*"):
        if "uncorrectable" in counter.tag and (counter.text or "").strip().isdecimal():
            yield min(int((counter.text or "").strip()[:12]), 1 << 40)


def parse_csv(text: str) -> Report | None:
    """The answer to ``--query-gpu=… --format=csv`` (with its header line); None when there is none."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if "," in line and _column(line.split(",")[0]) in _FIELDS), None)
    if start is None:
        return None
    header = [_column(name) for name in lines[start].split(",")]
    try:
        rows = [
            dict(zip(header, map(str.strip, row), strict=False))
            for row in csv.reader(lines[start + 1 :])
            if len(row) == len(header)
        ]
    except csv.Error:
        return None
    drivers = [driver for row in rows if (driver := _stated(row.get("driver_version")))]
    return Report(driver=drivers[0] if drivers else None, gpus=tuple(_from_row(row) for row in rows))


_FIELDS = (*QUERY, "index", "uuid", "pci.bus_id")


def _column(name: str) -> str:
    return name.partition("[")[0].strip()


def _from_row(row: Mapping[str, str]) -> Gpu:
    return Gpu(
        product=normalise(_stated(row.get("name"))),
        memory_mib=_mib(row.get("memory.total")),
        used_mib=_mib(row.get("memory.used")),
        free_mib=_mib(row.get("memory.free")),
        mig=_stated(row.get("mig.mode.current")),
        ecc=_stated(row.get("ecc.mode.current")),
        compute_mode=_stated(row.get("compute_mode")),
    )


def _stated(text: str | None) -> str | None:
    stripped = (text or "").strip()
    return None if stripped in _NOT_STATED else stripped


def _mib(text: str | None) -> int | None:
    matched = re.fullmatch(r"(\d{1,12})(?: MiB)?", (text or "").strip(), re.ASCII)
    return int(matched[1]) if matched else None


def judge(text: str, exit_code: int, subject: str, asked: int = 1) -> tuple[Report, list[Finding]]:
    """What a test run shows: the report, and what is wrong with it.

    ``asked`` is the number of GPUs that the pod asked for. A run that shows no GPU is never good, whatever
    its exit status.
    """
    report = parse(text)
    if exit_code != 0:
        return report, [_failed(text, exit_code, subject)]
    if not report.gpus:
        return report, [_nothing_shown(text, report, subject)]
    return report, [f for gpu in report.gpus for f in _health(gpu, subject)] + list(_isolation(report, asked, subject))


def _failed(text: str, exit_code: int, subject: str) -> Finding:
    code = symptoms.match(text, symptoms.OUTPUT, symptoms.START) or symptoms.EXIT.get(exit_code, "gpu-smoke-failed")
    said = symptoms.quoted(text[-2000:])
    return finding(
        code, subject, f"nvidia-smi ended with exit status {exit_code}" + (f": {said}" if said else " and no output")
    )


def _nothing_shown(text: str, report: Report, subject: str) -> Finding:
    """Exit status 0 and no GPU: said in the output, reported as a count of zero, or not understood."""
    code = symptoms.match(text, symptoms.OUTPUT)
    if code is None:
        understood = parse_xml(text) is not None or not text.strip()
        code = "gpu-smi-silent" if understood else "gpu-smi-unreadable"
    said = f"driver {report.driver}, no GPU" if report.driver else symptoms.quoted(text[:2000]) or "no output at all"
    return finding(code, subject, f"exit status 0, but no GPU is shown: {said}")


def _isolation(report: Report, asked: int, subject: str) -> Iterator[Finding]:
    if len(report.gpus) > asked:
        message = f"asked for {asked} GPU and sees {len(report.gpus)}"
        yield finding("gpu-smi-not-isolated", subject, message)


def _health(gpu: Gpu, subject: str) -> Iterator[Finding]:
    name = gpu.product or "GPU"
    if gpu.licence and gpu.licence.startswith("Unlicensed"):
        yield finding("gpu-vgpu-unlicensed", subject, f"{name}: licence status {gpu.licence}")
    if gpu.uncorrected:
        yield finding(
            "gpu-smi-ecc-errors", subject, f"{name}: {gpu.uncorrected} uncorrected ECC errors since the last reset"
        )
    if gpu.recovery and gpu.recovery != "None":
        yield finding("gpu-smi-recovery-needed", subject, f"{name}: the driver asks for {gpu.recovery}")
    if gpu.compute_mode in ("Exclusive_Process", "Prohibited"):
        severity = Severity.FATAL if gpu.compute_mode == "Prohibited" else None
        yield finding("gpu-smi-compute-mode", subject, f"{name}: compute mode is {gpu.compute_mode}", severity=severity)
    if gpu.used_mib and gpu.memory_mib and gpu.used_mib > gpu.memory_mib // 50:
        yield finding(
            "gpu-smi-memory-used", subject, f"{name}: {gpu.used_mib} of {gpu.memory_mib} MiB are in use already"
        )
