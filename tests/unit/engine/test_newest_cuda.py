# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight compares the drivers with."""

from __future__ import annotations

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.engine.cuda import newest_cuda


@pytest.mark.parametrize(
    ("tags", "cuda"),
    [
        (["v0.12.0", "v0.12.0"], "12.9"),
        (["v0.12.0", "v0.33.0"], "13.0"),
        (["v0.33.0-cu129"], "12.9"),
        (["nightly", "v0.8.0"], "12.4"),
        (["nightly"], None),
        ([], None),
    ],
)
def test_the_newest_image_decides(tags: list[str], cuda: str | None) -> None:
    assert newest_cuda(tags) == cuda
