# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talos GPU nodes: schematics against known IDs, choices with their reasons, patches that are never sent twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from ansible_collections.inferops.vllm.plugins.module_utils.findings import Refusal, Severity
from ansible_collections.inferops.vllm.plugins.module_utils.talos.choice import choose
from ansible_collections.inferops.vllm.plugins.module_utils.talos.machine_config import MODULES, patch
from ansible_collections.inferops.vllm.plugins.module_utils.talos.node import (
    NodeRequest,
    labels_and_taints,
    prepare,
)
from ansible_collections.inferops.vllm.plugins.module_utils.talos.schematic import (
    canonical,
    check,
    installer_image,
    nvidia,
    schematic_id,
)
from ansible_collections.inferops.vllm.plugins.module_utils.talos.talosctl import Talosctl, objects
from hypothesis import given
from hypothesis import strategies as st

from tests.shared_data import shared_data

KNOWN = {
    ("nonfree", "lts"): "af8eb82417d3deaa94d2ef19c3b590b0dac1b2549d0b9b35b3da2bc325de75f7",
    ("nonfree", "production"): "26124abcbd408be693df9fe852c80ef1e6cc178e34d7d7d8430a28d1130b4227",
    ("open", "production"): "1deaeeb1ea2e7901c21c109368a7261f52dfd9a91e9d7eea83cfd0f0e1b7d488",
}


@pytest.mark.parametrize(("flavour", "channel"), sorted(KNOWN))
def test_ids_that_are_in_use_elsewhere(flavour: str, channel: str) -> None:
    assert schematic_id(nvidia(flavour, channel)) == KNOWN[flavour, channel]


def test_all_reference_vectors() -> None:
    data = json.loads(shared_data("talos/schematic-vectors.json").read_text())
    vectors = data["vectors"] + data["computed_only"]["vectors"]
    assert len(vectors) == 20
    for vector in vectors:
        schematic = yaml.safe_load(vector["input"])
        assert check(schematic) == [], vector["name"]
        assert canonical(schematic) == vector["canonical"], vector["name"]
        assert schematic_id(schematic) == vector["id"], vector["name"]


def test_empty_fields_and_key_order_do_not_change_the_id() -> None:
    assert schematic_id({}) == schematic_id({"customization": {"extraKernelArgs": [], "secureboot": {}}})
    assert schematic_id(nvidia("open", "lts", ["siderolabs/a"])) != schematic_id(nvidia("open", "lts"))


@given(st.lists(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1), min_size=1))
def test_whatever_the_kernel_arguments_they_read_back_as_they_are(arguments: list[str]) -> None:
    text = canonical({"customization": {"extraKernelArgs": arguments}})
    assert yaml.safe_load(text)["customization"]["extraKernelArgs"] == arguments


@pytest.mark.parametrize(
    ("schematic", "subject", "text"),
    [
        ([], "schematic", "must be a mapping"),
        ({"customisation": {}}, "schematic.customisation", "did you mean 'customization'"),
        ({"customization": {"extraKernelArgs": "a"}}, "schematic.customization.extraKernelArgs", "must be a list"),
        ({"customization": {"meta": [{"kee": 1}]}}, "schematic.customization.meta[0].kee", "did you mean 'key'"),
    ],
)
def test_what_the_factory_would_refuse(schematic: Any, subject: str, text: str) -> None:
    (found,) = check(schematic)
    assert (found.code, found.subject) == ("talos-schematic-invalid", subject)
    assert text in found.message


def test_installer_images() -> None:
    assert installer_image("i", "v1.12.6", factory="f") == "f/metal-installer/i:v1.12.6"
    assert installer_image("i", "v1.12.6", factory="f", secure_boot=True) == "f/metal-installer-secureboot/i:v1.12.6"


@pytest.mark.parametrize(
    ("talos", "flavour", "channel", "era", "cuda", "expected", "codes"),
    [
        ("v1.12.6", "auto", "auto", "ampere", "12.9", ("open", "lts"), []),
        ("v1.13.9", "auto", "auto", "blackwell", "12.9", ("open", "lts"), []),
        ("v1.13.9", "auto", "auto", "pascal", "12.9", ("nonfree", "lts"), []),
        ("v1.11.0", "auto", "auto", "ampere", "12.9", ("open", "production"), ["talos-driver-compatibility"]),
        ("v1.12.6", "auto", "production", None, "12.9", ("open", "production"), ["talos-driver-compatibility"]),
        ("v1.12.6", "auto", "lts", None, None, ("open", "lts"), []),
        ("v1.12.6", "nonfree", "auto", "blackwell", "12.9", None, ["talos-flavour-refused"]),
        ("v1.12.6", "open", "auto", "pascal", "12.9", None, ["talos-flavour-refused"]),
        ("v1.13.9", "auto", "production", "pascal", "12.9", None, ["talos-driver-unsupported"]),
        ("1.7.0", "auto", "auto", None, "12.9", None, ["talos-version-unknown"]),
        ("v1.x", "auto", "auto", None, None, None, ["talos-version-unknown"]),
    ],
)
def test_the_extensions_follow_talos_the_gpu_and_cuda(
    talos: str, flavour: str, channel: str, era: str | None, cuda: str | None, expected: Any, codes: list[str]
) -> None:
    choice, findings = choose(talos, flavour=flavour, channel=channel, era=era, cuda=cuda)
    assert (choice and (choice.flavour, choice.channel)) == expected
    assert [f.code for f in findings] == codes


def merged(current: dict[str, Any], change: list[dict[str, Any]]) -> dict[str, Any]:
    """What a strategic merge makes of it: maps are merged, lists appended."""
    result = json.loads(json.dumps(current))
    for document in change:
        machine = result.setdefault("machine", {})
        kernel = document["machine"].get("kernel", {})
        machine.setdefault("kernel", {}).setdefault("modules", []).extend(kernel.get("modules", []))
        machine.setdefault("sysctls", {}).update(document["machine"].get("sysctls", {}))
    return result


def test_a_stale_patch_sent_twice_yields_no_second_entry() -> None:
    current = {"machine": {"kernel": {"modules": [{"name": "nvidia"}]}}}
    once = merged(current, patch((1, 12, 6), [current]))
    assert [module["name"] for module in once["machine"]["kernel"]["modules"]] == list(MODULES)
    assert once["machine"]["sysctls"] == {"net.core.bpf_jit_harden": "1"}
    assert patch((1, 12, 6), [once]) == []


def test_the_sysctl_goes_with_talos_1_13() -> None:
    assert patch((1, 13, 0)) == [{"machine": {"kernel": {"modules": [{"name": name} for name in MODULES]}}}]


def test_from_1_14_every_module_is_a_document() -> None:
    first = patch((1, 14, 0))
    assert [(d["kind"], d["name"]) for d in first] == [("KernelModuleConfig", name) for name in MODULES]
    assert patch((1, 14, 0), first) == []


REQUEST = NodeRequest(name="gpu-1", address="10.0.0.11", talos="v1.12.6", era="ampere", cuda="12.9")


def test_files_and_commands_of_a_node() -> None:
    node = prepare(REQUEST)
    files = node.files("talos")
    assert sorted(files) == ["talos/gpu-1/patch.yaml", "talos/gpu-1/schematic.yaml"]
    assert f"# id: {node.schematic_id}" in files["talos/gpu-1/schematic.yaml"]
    assert yaml.safe_load(files["talos/gpu-1/schematic.yaml"]) == node.schematic
    assert list(yaml.safe_load_all(files["talos/gpu-1/patch.yaml"])) == node.patch
    commands = node.commands("talos")
    assert commands[0].endswith("--dry-run")
    assert commands.index(next(c for c in commands if "upgrade" in c)) > 1, "the module patch comes before the image"


def test_a_node_that_nothing_fits_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        prepare(NodeRequest(name="n", address="a", talos="v1.13.9", era="blackwell", flavour="nonfree"))
    assert [f.code for f in caught.value.findings] == ["talos-flavour-refused"]


def test_labels_and_taints_only_where_they_lack() -> None:
    taint = {"key": "node-role.kubernetes.io/gpu", "effect": "NoSchedule"}
    node = {"metadata": {"labels": {"a": "1"}}, "spec": {"taints": [{"key": "x", "effect": "NoExecute"}]}}
    change = labels_and_taints(node, {"a": "1", "nvidia.com/gpu.present": "true"}, [taint])
    assert change == {
        "metadata": {"labels": {"nvidia.com/gpu.present": "true"}},
        "spec": {"taints": [{"key": "x", "effect": "NoExecute"}, taint]},
    }
    assert (
        labels_and_taints({"metadata": {"labels": {"a": "1"}}, "spec": {"taints": [taint]}}, {"a": "1"}, [taint])
        is None
    )


class FakeNode:
    """A Talos node behind a fake talosctl that prints what the real one prints."""

    def __init__(self, schematic: str | None = None, client: str = "v1.12.6", boots: bool = True) -> None:
        self.schematic_id, self.client, self.boots = schematic, client, boots
        self.config: dict[str, Any] = {"machine": {}}
        self.calls: list[list[str]] = []
        self.silent = 0
        self.said: list[str] = []
        self.loaded = list(MODULES)
        self.devices = ["0x8086", "0x10DE"]
        self.time = 0.0

    def run(self, argv: Any) -> tuple[int, str, str]:
        self.calls.append(list(argv))
        words = [word for word in argv if not word.startswith("-")]
        if "version" in words:
            return 0, f"Client:\n\tTag:         {self.client}\n", ""
        if self.silent:
            self.silent -= 1
            return 1, "", "error: rpc error: code = Unavailable desc = connection refused\n"
        if "extensions" in words:
            return 0, self._extensions(), ""
        if "pcidevices" in words:
            pci = [{"node": "10.0.0.11", "spec": {"vendor_id": v, "class": "Display controller"}} for v in self.devices]
            return 0, "\n".join(json.dumps(device, indent=4) for device in pci), ""
        if "read" in words:
            return 0, "".join(f"{name} 1679360 2 - Live 0x0000000000000000 (O)\n" for name in self.loaded), ""
        if "machineconfig" in words and "get" in words:
            return 0, json.dumps({"node": "10.0.0.11", "spec": yaml.safe_dump(self.config)}, indent=4), ""
        if "patch" in words and "--dry-run" not in argv:
            self.config = merged(self.config, [json.loads(argv[argv.index("--patch") + 1])])
            return 0, "", "patched MachineConfigs.config.talos.dev/v1alpha1 at the node 10.0.0.11\n"
        if "upgrade" in words:
            self.silent = 2
            if self.boots:
                self.schematic_id = argv[argv.index("--image") + 1].split("/")[-1].split(":")[0]
        if "modules" in words:
            return 0, "".join(json.dumps({"metadata": {"id": name}}, indent=4) + "\n" for name in self.loaded), ""
        return 0, "", ""

    def _extensions(self) -> str:
        data = [{"node": "10.0.0.11", "spec": {"metadata": {"name": "iscsi-tools", "version": "v0.2.0"}}}]
        if self.schematic_id:
            data.append(
                {"node": "10.0.0.11", "spec": {"metadata": {"name": "schematic", "version": self.schematic_id}}}
            )
        return "\n".join(json.dumps(item, indent=4) for item in data)

    def tool(self, post: Any = None) -> Talosctl:
        return Talosctl(
            "10.0.0.11",
            self.run,
            post or (lambda text: schematic_id(yaml.safe_load(text))),
            self.said.append,
            sleep=self._sleep,
            clock=lambda: self.time,
        )

    def _sleep(self, seconds: float) -> None:
        self.time += seconds


def test_a_bare_node_is_patched_upgraded_awaited_and_proven_once() -> None:
    node, fake = prepare(REQUEST), FakeNode()
    assert [step.split(":")[0].split(" ")[0] for step in fake.tool().apply(node)] == ["patch", "upgrade"]
    verbs = [" ".join(call[3:5]) for call in fake.calls]
    assert verbs.index("patch machineconfig") < verbs.index("upgrade --image")
    assert len(fake.config["machine"]["kernel"]["modules"]) == len(MODULES)
    before = len(fake.calls)
    assert fake.tool().apply(node) == []
    assert not {"patch", "upgrade"} & {word for call in fake.calls[before:] for word in call}


def test_check_mode_sends_only_the_dry_run() -> None:
    fake = FakeNode()
    assert len(fake.tool().apply(prepare(REQUEST), check_mode=True)) == 2
    changing = [call for call in fake.calls if {"patch", "upgrade"} & set(call)]
    assert changing
    assert all("--dry-run" in call for call in changing)


def refused(fake: FakeNode, post: Any = None) -> str:
    with pytest.raises(Refusal) as caught:
        fake.tool(post).apply(prepare(REQUEST))
    (found,) = caught.value.findings
    assert found.severity is Severity.FATAL
    return found.code


def test_a_node_that_rolls_back_for_ever_ends_the_wait_with_a_reason() -> None:
    fake = FakeNode(schematic="old", boots=False)
    assert refused(fake) == "talos-boot-timeout"
    assert fake.time >= 900
    assert fake.said == ["gpu-1: does not answer", "gpu-1: runs schematic old"], "progress on change only"


def test_a_talosctl_of_another_line_is_refused_before_anything_is_sent() -> None:
    fake = FakeNode(client="v1.10.3")
    assert refused(fake) == "talos-talosctl-version"
    assert len(fake.calls) == 1


def test_a_factory_that_computes_another_id_is_not_trusted() -> None:
    assert refused(FakeNode(), lambda text: "0" * 64) == "talos-schematic-invalid"


def test_modules_that_do_not_load_are_named() -> None:
    fake = FakeNode()
    fake.loaded = ["nvidia"]
    assert refused(fake) == "talos-command-failed"


def test_a_node_without_a_gpu_is_refused_before_anything_is_sent() -> None:
    fake = FakeNode()
    fake.devices = ["0x8086", "0x1af4"]
    assert refused(fake) == "talos-no-gpu"
    assert not {"patch", "upgrade"} & {word for call in fake.calls for word in call}
    fake.devices = []
    assert fake.tool().apply(prepare(REQUEST)), "a node that lists no device at all is not judged"


@pytest.mark.parametrize(("talos", "staged"), [("v1.10.9", True), ("v1.12.6", True), ("v1.13.9", False)])
def test_the_upgrade_is_staged_where_talos_does_not_do_so_itself(talos: str, staged: bool) -> None:
    node = prepare(NodeRequest(name="gpu-1", address="10.0.0.11", talos=talos, era="ampere"))
    fake = FakeNode(client=talos)
    fake.tool().apply(node)
    (upgrade,) = [call for call in fake.calls if "upgrade" in call]
    (typed,) = [command for command in node.commands("talos") if " upgrade " in command]
    assert ("--stage" in upgrade, "--stage" in typed) == (staged, staged)
    assert "--wait" in upgrade
    assert any("/proc/modules" in call for call in fake.calls) == (talos == "v1.10.9")


def test_no_talosctl_and_a_node_that_does_not_answer() -> None:
    def absent(argv: Any) -> Any:
        raise FileNotFoundError

    with pytest.raises(Refusal) as caught:
        Talosctl("a", absent, str).schematic()
    assert caught.value.findings[0].code == "talos-talosctl-missing"
    fake = FakeNode()
    fake.silent = 5
    assert refused(fake) == "talos-command-failed"


def test_output_is_read_object_by_object_and_garbage_is_a_finding() -> None:
    assert list(objects('{"a": 1}\n{\n  "b": 2\n}\n')) == [{"a": 1}, {"b": 2}]
    assert list(objects("")) == []
    with pytest.raises(Refusal):
        list(objects("NODE   NAMESPACE"))
