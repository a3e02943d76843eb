# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key pairs, made once for the whole area."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.sealing.fakes import NOW, Pair, make_pair


@pytest.fixture(scope="session")
def pair() -> Pair:
    return make_pair()


@pytest.fixture(scope="session")
def newer() -> Pair:
    return make_pair(NOW - timedelta(days=1))
