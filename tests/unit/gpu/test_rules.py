# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small rules: quantities, versions, CUDA, products, Talos, taints, affinity."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.cuda import NATIVE, Support, oldest_driver, support
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.nodes import Taint
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.products import generation, mig_profile, normalise
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.quantity import mebibytes, millis, quantity
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.scheduling import matches_terms, tolerates, untolerated
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.talos_rules import (
    channels_for,
    documented_stack,
    extensions,
    flavour_refused,
    generation_dropped,
    talos_version,
)
from ansible_collections.inferops.vllm.plugins.module_utils.gpu.versions import version
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2),
        ("1500m", Decimal("1.5")),
        ("1Ki", 1024),
        ("1e3", 1000),
        ("2k", 2000),
        ("-1", -1),
        (".5", Decimal("0.5")),
        (3, 3),
    ],
)
def test_quantity(text: object, number: object) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "two", "1ki", "1 Gi", None, [], "1e99999", "0x10", "١"])
def test_no_quantity(text: object) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        quantity(text)


def test_quantity_units() -> None:
    assert (mebibytes("262144Ki"), millis("7950m"), millis("2")) == (256, 7950, 2000)


@pytest.mark.parametrize(
    ("driver", "cuda", "verdict"),
    [
        ("580.126.20", "12.9", Support.NATIVE),
        ("580.65.06", "13.0", Support.NATIVE),
        ("580.65.05", "13.0", Support.MINOR),
        ("570.211.01", "12.9", Support.MINOR),
        ("575.51.03", "12.9", Support.NATIVE),
        ("535.247.01", "12.7", Support.MINOR),
        ("595.71.05", "12.7", Support.MINOR),
        ("595.71.05", "13.2", Support.MINOR),
        ("520.61.05", "12.0", Support.NONE),
        ("570.211.01", "13.0", Support.NONE),
        ("580.126.20", "14.0", Support.UNKNOWN),
        ("580.126.20", "11.8", Support.UNKNOWN),
        (None, "12.9", Support.UNKNOWN),
        ("unknown", "12.9", Support.UNKNOWN),
        ("580.126.20", None, Support.UNKNOWN),
    ],
)
def test_support(driver: str | None, cuda: str | None, verdict: Support) -> None:
    assert support(driver, cuda) is verdict


@given(st.tuples(st.integers(400, 700), st.integers(0, 300), st.integers(0, 99)), st.sampled_from(sorted(NATIVE)))
def test_a_newer_driver_never_supports_less(driver: tuple[int, int, int], cuda: tuple[int, ...]) -> None:
    order = [Support.NONE, Support.MINOR, Support.NATIVE]
    wanted = ".".join(map(str, cuda))
    older, newer = (support(".".join(map(str, v)), wanted) for v in (driver, (driver[0] + 1, *driver[1:])))
    assert order.index(older) <= order.index(newer)


def test_oldest_driver() -> None:
    assert (oldest_driver("12.9"), oldest_driver("13.2"), oldest_driver("x")) == ("575.51.03", "580", "unknown")


@pytest.mark.parametrize(
    ("label", "product", "era"),
    [
        ("NVIDIA-H100-80GB-HBM3", "H100-80GB-HBM3", "hopper"),
        ("NVIDIA H100 80GB HBM3", "H100-80GB-HBM3", "hopper"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "A100-SXM4-80GB", "ampere"),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb-SHARED", "A100-SXM4-80GB", "ampere"),
        ("NVIDIA-GeForce-RTX-4090-SHARED", "GeForce-RTX-4090", "ada"),
        ("GRID-A100D-80C", "GRID-A100D-80C", "ampere"),
        ("NVIDIA-L40S", "L40S", "ada"),
        ("Tesla-T4", "Tesla-T4", "turing"),
        ("Tesla-V100-SXM2-32GB", "Tesla-V100-SXM2-32GB", "volta"),
        ("Tesla-P40", "Tesla-P40", "pascal"),
        ("NVIDIA-B200", "B200", "blackwell"),
        ("NVIDIA-GB200", "GB200", "blackwell"),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX-PRO-6000-Blackwell-Server-Edition", "blackwell"),
        ("NVIDIA-GB10", "GB10", "gb10"),
        ("NVIDIA-RTX-6000-Ada-Generation", "RTX-6000-Ada-Generation", "ada"),
        ("Tesla-M60", "Tesla-M60", "maxwell"),
        ("Something", "Something", None),
        ("NVIDIA-", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_products(label: str | None, product: str | None, era: str | None) -> None:
    assert normalise(label) == product
    assert generation(label) == era


def test_family_label_wins_over_the_name() -> None:
    assert generation("NVIDIA-X1", "ada-lovelace") == "ada"
    assert generation("NVIDIA-H100", "undefined") == "hopper"
    assert generation("NVIDIA-GB10", "blackwell") == "gb10"


def test_mig_profile() -> None:
    assert mig_profile("NVIDIA-H100-80GB-HBM3-MIG-3g.40gb") == "3g.40gb"
    assert mig_profile("X-MIG-INVALID") == "INVALID"
    assert mig_profile(None) is None


@pytest.mark.parametrize(
    ("image", "release"),
    [
        ("Talos (v1.13.9)", (1, 13, 9)),
        ("Talos (v1.14.0-rc.1)", (1, 14, 0)),
        ("Ubuntu 24.04.3 LTS", None),
        ("", None),
        (None, None),
    ],
)
def test_talos_version(image: str | None, release: tuple[int, ...] | None) -> None:
    assert talos_version(image) == release


def test_documented_stack() -> None:
    assert (documented_stack((1, 12, 11)), documented_stack((1, 13, 0))) == ("device_plugin", "gpu_operator")


@pytest.mark.parametrize(
    ("talos", "cuda", "channels"),
    [
        ((1, 12, 6), "12.9", ["lts"]),
        ((1, 12, 6), "13.0", ["lts"]),
        ((1, 13, 9), "13.0", ["lts", "production"]),
        ((1, 13, 9), "13.1", ["production"]),
        ((1, 11, 6), "12.9", []),
        ((1, 8, 0), "12.4", ["production"]),
        ((2, 0, 0), "12.9", []),
    ],
)
def test_channels(talos: tuple[int, ...], cuda: str, channels: list[str]) -> None:
    assert channels_for(talos, cuda) == channels


def test_extensions_of_labels() -> None:
    found = extensions(
        {
            "extensions.talos.dev/nonfree-kmod-nvidia": "535.183.06-v1.7.0",
            "extensions.talos.dev/nvidia-container-toolkit": "odd",
            "extensions.talos.dev/nvidia-fabricmanager-lts": "580.126.20",
            "extensions.talos.dev/modules.dep": "6.18.0-talos",
        }
    )
    assert [(m.flavour, m.channel, m.driver) for m in found.modules] == [("nonfree", "lts", "535.183.06")]
    assert [(t.channel, t.driver) for t in found.toolkits] == [("lts", None)]
    assert (found.missing, found.labelled) == ([], True)
    assert extensions({}).missing == ["kernel modules", "container toolkit"]


def test_flavours_by_generation() -> None:
    assert flavour_refused("nonfree", "blackwell")
    assert flavour_refused("open", "pascal")
    for era in ("turing", "ampere", "ada", "hopper", "gb10", None):
        assert flavour_refused("open", era) is None
        assert flavour_refused("nonfree", era) is None
    assert generation_dropped("595.71.05", "pascal")
    assert not generation_dropped("580.178.04", "pascal")
    assert not generation_dropped(None, "pascal")
    assert not generation_dropped("595.71.05", "turing")


def test_version() -> None:
    assert (version("v1.13.9"), version("580.159.04"), version("580-x"), version(None)) == (
        (1, 13, 9),
        (580, 159, 4),
        None,
        None,
    )


GPU = Taint("node-role.kubernetes.io/gpu", "NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "covers"),
    [
        ({"key": GPU.key, "operator": "Exists"}, True),
        ({"operator": "Exists"}, True),
        ({"key": GPU.key}, True),
        ({"key": GPU.key, "operator": "Equal", "value": ""}, True),
        ({"key": GPU.key, "value": "x"}, False),
        ({"key": GPU.key, "operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"key": GPU.key, "operator": "Sometimes"}, False),
        ({}, False),
    ],
)
def test_tolerations(toleration: dict[str, str], covers: bool) -> None:
    assert tolerates(toleration, GPU) is covers


def test_soft_taints_and_those_of_kubernetes_itself_do_not_count() -> None:
    assert (
        untolerated([Taint("a", "PreferNoSchedule"), Taint("node.kubernetes.io/unschedulable", "NoSchedule")], []) == []
    )
    assert untolerated([GPU], []) == [GPU]


@pytest.mark.parametrize(
    ("operator", "values", "holds"),
    [
        ("In", ["3"], True),
        ("In", ["4"], False),
        ("NotIn", ["4"], True),
        ("NotIn", ["3"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
        ("Gt", ["2"], True),
        ("Gt", ["3"], False),
        ("Lt", ["4"], True),
        ("Gt", ["many"], False),
        ("Gt", [], False),
        ("Near", ["3"], False),
    ],
)
def test_affinity(operator: str, values: list[str], holds: bool) -> None:
    term = {"matchExpressions": [{"key": "gpus", "operator": operator, "values": values}]}
    assert matches_terms({"gpus": "3"}, [term]) is holds


def test_affinity_terms_are_ored() -> None:
    assert matches_terms({}, [])
    never = {"matchExpressions": [{"key": "a", "operator": "Exists"}]}
    assert not matches_terms({}, [never])
    assert matches_terms({}, [never, {}])
