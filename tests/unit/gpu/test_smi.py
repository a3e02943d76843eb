# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nvidia-smi: real captures, layouts we have not seen, exit statuses, and any text at all."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Severity
from ansible_collections.inferops.vllm.plugins.module_utils.gpu import smi
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared_data import shared_data


def capture(name: str) -> str:
    return shared_data(f"nvidia-smi/{name}").read_text(encoding="utf-8")


XML = """<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">
<nvidia_smi_log>
 <driver_version>580.159.04</driver_version><cuda_version>13.0</cuda_version><attached_gpus>1</attached_gpus>
 <gpu id="0"><product_name>NVIDIA H100 80GB HBM3</product_name>
  <mig_mode><current_mig>Disabled</current_mig></mig_mode>
  <fb_memory_usage><total>81559 MiB</total><used>0 MiB</used><free>81079 MiB</free></fb_memory_usage>
  <ecc_mode><current_ecc>Enabled</current_ecc></ecc_mode>
  <ecc_errors><volatile><dram_uncorrectable>0</dram_uncorrectable></volatile></ecc_errors>
  <gpu_virtualization_mode><virtualization_mode>VGPU</virtualization_mode></gpu_virtualization_mode>
  <vgpu_software_licensed_product>
   <license_status>Licensed (Expiry: 2027-1-1)</license_status>
  </vgpu_software_licensed_product>
  <gpu_recovery_action>None</gpu_recovery_action><compute_mode>Default</compute_mode></gpu>
</nvidia_smi_log>
"""
"""Synthetic, in the layout of driver 580."""

BANNER_610 = "| NVIDIA-SMI 610.43.02   KMD Version: 610.43.02   CUDA UMD Version: 13.3 |"
"""Synthetic, after the wording that driver 610 introduced."""


@pytest.mark.parametrize(("folder", "count"), [("h100-x1", 1), ("h100-x2", 2), ("h100-x2-b", 2)])
def test_real_report(folder: str, count: int) -> None:
    report, findings = smi.judge(capture(f"{folder}/banner.txt") + capture(f"{folder}/query.xml"), 0, "pod", count)
    assert (report.driver, report.cuda, len(report.gpus)) == ("580.159.04", "13.0", count)
    assert {(g.product, g.memory_mib, g.used_mib, g.free_mib) for g in report.gpus} == {
        ("H100-80GB-HBM3", 81559, 0, 81079)
    }
    assert report.gpus[0].virtualization == "Pass-Through"
    assert findings == []


@pytest.mark.parametrize("folder", ["h100-x1", "h100-x2", "h100-x2-b"])
def test_real_csv_says_what_the_xml_says(folder: str) -> None:
    rows, report = smi.parse_csv(capture(f"{folder}/query.csv")), smi.parse_xml(capture(f"{folder}/query.xml"))
    assert rows is not None and report is not None
    assert rows.driver == report.driver
    for row, gpu in zip(rows.gpus, report.gpus, strict=True):
        assert (row.product, row.memory_mib, row.free_mib, row.mig, row.ecc) == (
            gpu.product,
            gpu.memory_mib,
            gpu.free_mib,
            gpu.mig,
            gpu.ecc,
        )


@pytest.mark.parametrize(
    ("name", "code"),
    [("h100-x2/no_such_gpu.txt", "gpu-smi-no-device"), ("h100-x2-b/bad_field.txt", "gpu-smi-unreadable")],
)
def test_real_failures(name: str, code: str) -> None:
    text, _, status = capture(name).rpartition("rc=")
    assert [f.code for f in smi.judge(text, int(status), "pod")[1]] == [code]
    assert [f.code for f in smi.judge("", int(status), "pod")[1]] == [code]


def test_real_banner_alone_gives_the_versions_but_is_no_proof() -> None:
    report, findings = smi.judge(capture("h100-x1/banner.txt"), 0, "pod")
    assert (report.driver, report.cuda) == ("580.159.04", "13.0")
    assert [f.code for f in findings] == ["gpu-smi-unreadable"]


def test_version_page_of_real_host() -> None:
    assert smi.parse(capture("h100-x2-b/version.txt")).cuda == "13.0"


def test_banner_of_driver_610() -> None:
    report = smi.parse(BANNER_610)
    assert (report.driver, report.cuda) == ("610.43.02", "13.3")


def test_renamed_elements_of_driver_610() -> None:
    text = XML.replace("driver_version", "kmd_version").replace("cuda_version", "cuda_umd_version")
    report = smi.parse(text)
    assert (report.driver, report.cuda, len(report.gpus)) == ("580.159.04", "13.0", 1)


def test_banner_fills_what_the_report_lacks() -> None:
    report = smi.parse(BANNER_610 + XML.replace("<cuda_version>13.0</cuda_version>", ""))
    assert (report.driver, report.cuda) == ("580.159.04", "13.3")


@pytest.mark.parametrize(
    ("change", "code", "severity"),
    [
        (("Licensed (Expiry", "Unlicensed (Expiry"), "gpu-vgpu-unlicensed", Severity.WARNING),
        (("<dram_uncorrectable>0", "<dram_uncorrectable>7"), "gpu-smi-ecc-errors", Severity.WARNING),
        (("action>None<", "action>Drain and Reset<"), "gpu-smi-recovery-needed", Severity.WARNING),
        (("Default", "Exclusive_Process"), "gpu-smi-compute-mode", Severity.WARNING),
        (("Default", "Prohibited"), "gpu-smi-compute-mode", Severity.FATAL),
        (("<used>0 MiB", "<used>40000 MiB"), "gpu-smi-memory-used", Severity.WARNING),
    ],
)
def test_health(change: tuple[str, str], code: str, severity: Severity) -> None:
    findings = smi.judge(XML.replace(*change), 0, "pod")[1]
    assert [(f.code, f.severity) for f in findings] == [(code, severity)]


def test_healthy_report_has_no_findings() -> None:
    assert smi.judge(XML, 0, "pod")[1] == []


def test_more_gpus_than_asked_for() -> None:
    twice = XML.replace(
        "</nvidia_smi_log>", XML[XML.index("<gpu id") : XML.index("</nvidia_smi_log>")] + "</nvidia_smi_log>"
    )
    assert [f.code for f in smi.judge(twice, 0, "pod")[1]] == ["gpu-smi-not-isolated"]


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (2, "", "gpu-smi-unreadable"),
        (6, "No devices were found", "gpu-smi-no-device"),
        (
            9,
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
            "gpu-smi-driver-not-loaded",
        ),
        (9, "", "gpu-smi-driver-not-loaded"),
        (12, "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.", "gpu-smi-no-library"),
        (17, "Failed to initialize NVML: GPU access blocked by the operating system", "gpu-smi-blocked"),
        (18, "Failed to initialize NVML: Driver/library version mismatch", "gpu-smi-version-mismatch"),
        (255, "Failed to initialize NVML: Unknown Error", "gpu-smi-access-lost"),
        (15, "Unable to determine the device handle: GPU is lost.", "gpu-device-lost"),
        (127, "sh: 1: nvidia-smi: not found", "gpu-smi-not-found"),
        (127, "nvidia-container-cli: error while loading shared libraries: x", "gpu-toolkit-broken"),
        (139, "", "gpu-toolkit-broken"),
        (1, "NVRM: requires use of the NVIDIA open kernel modules", "gpu-flavour-wrong"),
        (1, "supported through the NVIDIA 580.xx Legacy drivers", "gpu-driver-drops-gpu"),
        (1, "Error 803: system has unsupported display driver / cuda driver combination", "gpu-cuda-library-shadowed"),
        (1, "The NVIDIA driver on your system is too old (found version 12080)", "gpu-driver-too-old"),
        (1, "who knows", "gpu-smoke-failed"),
    ],
)
def test_exit_status_and_text(status: int, text: str, code: str) -> None:
    findings = smi.judge(text, status, "pod")[1]
    assert [(f.code, f.severity) for f in findings] == [(code, Severity.FATAL)]
    assert f"exit status {status}" in findings[0].message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "gpu-smi-silent"),
        ("   \n", "gpu-smi-silent"),
        (XML[: XML.index("<gpu ")] + "</nvidia_smi_log>", "gpu-smi-silent"),
        ("No devices found.", "gpu-smi-no-device"),
        ("hello", "gpu-smi-unreadable"),
        (XML[:400], "gpu-smi-unreadable"),
    ],
)
def test_success_without_a_gpu_is_none(text: str, code: str) -> None:
    findings = smi.judge(text, 0, "pod")[1]
    assert [(f.code, f.severity) for f in findings] == [(code, Severity.FATAL)]


def test_entities_are_never_expanded() -> None:
    bomb = '<!DOCTYPE nvidia_smi_log [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    text = XML.replace('<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">', bomb).replace("580.159.04", "&b;")
    assert smi.parse_xml(text) is None
    assert smi.parse_xml(XML.replace("580.159.04", "&b;")) is None


def test_csv_with_missing_values() -> None:
    report = smi.parse("name, driver_version, memory.total [MiB]\nTesla T4, [N/A], [Not Supported]\nbroken line\n")
    assert report.driver is None
    assert [(g.product, g.memory_mib) for g in report.gpus] == [("Tesla-T4", None)]


def test_csv_that_is_none() -> None:
    assert smi.parse_csv("name, with, commas") is not None
    assert smi.parse_csv("no header at all") is None
    assert smi.parse_csv('name, driver_version\n"' + "x" * 200_000 + '", 580') is None


@given(st.text(max_size=400), st.integers(-1, 300))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_findings_and_never_a_green(text: str, status: int) -> None:
    report, findings = smi.judge(text, status, "pod")
    assert report.gpus or any(f.severity is Severity.FATAL for f in findings)


@given(st.lists(st.tuples(st.integers(0, len(XML)), st.integers(0, 60), st.text(max_size=10)), max_size=4))
@settings(max_examples=60, deadline=None)
def test_damaged_reports_never_raise(damage: list[tuple[int, int, str]]) -> None:
    text = XML
    for start, length, filler in damage:
        text = text[:start] + filler + text[start + length :]
    smi.judge(text, 0, "pod")
