# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a commit contains ours: with the real git, and never asked more often than needed."""

from __future__ import annotations

import shutil

from ansible_collections.inferops.vllm.plugins.module_utils.gitops.descent import ASK_AGAIN_SECONDS, Descent
from ansible_collections.inferops.vllm.plugins.module_utils.gitops.remote import Credentials


def descent(origin, commit: str, branch: str = "", clock=lambda: 0.0) -> Descent:
    return Descent(origin.url, Credentials(), branch, commit, clock)


def test_a_later_commit_contains_ours_and_an_earlier_one_does_not(origin):
    before = origin.head()
    ours = origin.seed({"a.yaml": "1"})
    later = origin.seed({"b.yaml": "1"})
    contains = descent(origin, ours)
    assert contains(later)
    assert contains(ours)
    assert not contains(before)
    assert not contains("main")
    assert not contains("1" * 40)
    assert not descent(origin, "")(later)


def test_a_commit_far_back_and_one_of_another_branch(origin):
    ours = origin.seed({"a.yaml": "1"})
    for number in range(30):
        later = origin.seed({"b.yaml": str(number)})
    assert descent(origin, ours)(later)
    side = origin.git("commit-tree", "-m", "side", f"{ours}^{{tree}}")
    origin.git("update-ref", "refs/heads/side", side)
    assert not descent(origin, ours)(side)


def test_an_answer_is_final_and_no_answer_is_asked_for_again_after_a_while(origin, tmp_path):
    ours, later = origin.seed({"a.yaml": "1"}), origin.seed({"b.yaml": "1"})
    now = [0.0]
    contains = descent(origin, ours, clock=lambda: now[0])
    hidden = tmp_path / "hidden.git"
    shutil.move(origin.path, hidden)
    assert not contains(later)
    shutil.move(hidden, origin.path)
    assert not contains(later), "asked a moment ago"
    now[0] = ASK_AGAIN_SECONDS
    assert contains(later)
    shutil.move(origin.path, hidden)
    now[0] *= 10
    assert contains(later), "history does not change"
