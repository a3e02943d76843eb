# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that reaches a Git repository."""

from __future__ import annotations


class ModuleDocFragment:
    """Which repository and branch, and with what credentials."""

    DOCUMENTATION = r"""
options:
  repo_url:
    description:
      - The repository, as V(https://host/group/name.git), V(git@host:group/name.git), V(ssh://…), V(file://…) or an
        absolute path. It must not hold credentials.
    type: str
    required: true
  branch:
    description: The branch that Argo CD follows. Empty means the remote's default branch.
    type: str
    default: ""
  username:
    description: User name that goes with O(token). Empty means C(x-access-token), which GitHub, GitLab and Gitea take.
    type: str
  token:
    description:
      - Access token or password for HTTPS. Git gets it in its environment, never in a URL, an argument or a file.
    type: str
  ssh_key:
    description: Unencrypted private SSH key, or the path of one on the controller. Empty means the agent.
    type: str
  known_hosts:
    description: Text of a known_hosts file, or the path of one on the controller. Required for SSH.
    type: str
"""
