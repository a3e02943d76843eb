# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be there once an Application is done."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.ownership import check_required

WANTED = {"kind": "RuntimeClass", "name": "nvidia", "fields": {"handler": "nvidia"}}


def live(handler: str = "nvidia", owner: str = "runtime-class") -> dict[str, Any]:
    tracking = {"argocd.argoproj.io/tracking-id": f"{owner}:node.k8s.io/RuntimeClass:vllm/nvidia"}
    return {"kind": "RuntimeClass", "metadata": {"name": "nvidia", "annotations": tracking}, "handler": handler}


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        (live(), []),
        (None, ["argocd-required-object-missing"]),
        (live(handler="runc"), ["argocd-required-object-differs"]),
        (live(owner="gpu-operator"), ["argocd-required-object-shared"]),
    ],
)
def test_it_is_there_as_wanted_and_ours(found: Any, codes: list[str]) -> None:
    assert [f.code for f in check_required(WANTED, found, "runtime-class")] == codes
