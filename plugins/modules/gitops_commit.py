# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation and argument specification of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gitops_commit
short_description: Brings files into the Git repository that Argo CD follows
version_added: 0.1.0
description:
  - Compares the files with the branch byte by byte and makes one commit of what differs; a converged run commits
    nothing and reports the branch's head.
  - Works in a private temporary clone. Only the named paths change, no hook or filter runs, nothing is merged; when
    somebody else pushes first, the change is worked out anew against the newest commit.
  - Refuses paths that C(.gitignore) excludes, paths outside the repository or over symbolic links, plaintext secrets,
    empty files and unresolved merges.
  - In check mode the difference is shown and nothing is pushed.
options:
  files:
    description: The desired files. An empty list is refused. Exclusive with O(revert).
    type: list
    elements: dict
    suboptions:
      path:
        description: Path relative to the repository's root, with forward slashes.
        type: str
        required: true
      content:
        description:
          - The whole file, as it is to be; no newline is added.
          - Each path has exactly one of O(files[].content), O(files[].app), O(files[].project) and
            O(files[].state=absent).
        type: str
      app:
        description:
          - Makes sure of one entry in the list C(apps) of an app-of-apps values file that people own. Scalars are set,
            list items are added, every other byte stays. A new entry goes to the end of the list.
        type: dict
        suboptions:
          name: {description: Name of the Application., type: str, required: true}
          project: {description: Its AppProject., type: str}
          namespace: {description: Its destination namespace., type: str}
          automated: {description: Whether Argo CD syncs it by itself., type: bool}
          path: {description: Folder under applications/ when it is not the name., type: str}
          releaseName: {description: Name of the Helm release., type: str}
          valueFiles: {description: Value files that must be listed., type: list, elements: str}
          syncOptions: {description: Sync options that must be listed., type: list, elements: str}
      project:
        description:
          - Makes sure of rules in an AppProject manifest or Helm template that people own; every other byte stays.
        type: dict
        suboptions:
          name: {description: Name of the AppProject; needed where the file holds several., type: str}
          namespace:
            description: Sets C(metadata.namespace) where there is none.
            type: str
          cluster_resources:
            description: Cluster-scoped kinds that must be allowed.
            type: list
            elements: dict
            suboptions:
              group: {description: API group; empty for the core group., type: str, default: ""}
              kind: {description: Kind., type: str, required: true}
          destinations:
            description: Destinations that must be allowed.
            type: list
            elements: dict
            suboptions:
              namespace: {description: Namespace., type: str, required: true}
              server: {description: URL of the API server., type: str, default: "https://kubernetes.default.svc"}
              name: {description: Name of the cluster., type: str}
      state:
        description: Whether the file is to exist.
        type: str
        choices: [present, absent]
        default: present
      mode:
        description: File mode. Unset keeps the present one, and means V(0644) for a new file.
        type: str
        choices: ["0644", "0755"]
  base_revision:
    description:
      - The commit (full id) that O(files) were made from, as M(inferops.vllm.gitops_read) returned it. Whole files that
        somebody changed since are refused instead of overwritten. Empty means that nothing was read before.
    type: str
    default: ""
  revert:
    description:
      - Takes back one commit of this collection by a new commit. V(last) is the newest one of O(stage) and O(site);
        otherwise a full commit id. A commit that was taken back already changes nothing.
    type: str
  mode:
    description:
      - V(direct) pushes to the branch. V(pull_request) pushes to a branch of its own, named after the change, and opens
        a pull request (merge request); the task then succeeds with RV(pending_merge=true) until somebody has merged it.
    type: str
    choices: [direct, pull_request]
    default: direct
  provider:
    description: API for O(mode=pull_request). V(auto) tells it from the host's name.
    type: str
    choices: [auto, github, gitlab, gitea]
    default: auto
  api_url:
    description: Base URL of that API. Unset means the usual place, such as V(https://host/api/v4) for GitLab.
    type: str
  message:
    description: Subject of the commit, optionally followed by an empty line and a body.
    type: str
    required: true
  stage:
    description: Name of the stage, recorded as trailer C(Inferops-Stage).
    type: str
  site:
    description: Name of the site, recorded as trailer C(Inferops-Site).
    type: str
  trailers:
    description: More trailers, key to one line of text.
    type: dict
    default: {}
  author_name:
    description: Author and committer. Empty means C(inferops.vllm).
    type: str
  author_email:
    description: E-mail address of author and committer. Empty means C(inferops.vllm@localhost).
    type: str
  retries:
    description: How often a push is tried when others push first, 1 to 10.
    type: int
    default: 10
  sign_key:
    description: Armoured private GnuPG key without passphrase to sign the commit with. Needs gpg.
    type: str
extends_documentation_fragment:
  - inferops.vllm.gitops
  - inferops.vllm.findings
author:
  - The inferops.vllm maintainers (@inferops)
"""

EXAMPLES = r"""
- name: The RuntimeClass is in Git
  inferops.vllm.gitops_commit:
    repo_url: "{{ gitops_repo_url }}"
    branch: "{{ gitops_branch }}"
    token: "{{ gitops_token }}"
    message: Add RuntimeClass nvidia
    stage: runtime_class
    site: "{{ inventory_hostname }}"
    files:
      - path: k8s/manifests/runtimeclass-nvidia.yaml
        content: "{{ runtime_class_manifest }}"
  register: runtime_class_commit

- name: The app-of-apps lists vllm, and its project allows RuntimeClass
  inferops.vllm.gitops_commit:
    repo_url: git@git.example.org:odense/site.git
    ssh_key: /etc/inferops/deploy-key
    known_hosts: /etc/inferops/known_hosts
    message: Switch on vllm
    files:
      - path: applications/argo-cd-resources/values.yaml
        app: {name: vllm, project: vllm, namespace: vllm, automated: true, valueFiles: [values.yaml]}
      - path: applications/argo-cd-resources/templates/projects/cluster-resources.yaml
        project: {cluster_resources: [{group: node.k8s.io, kind: RuntimeClass}]}

- name: The last commit of the application stage is taken back
  inferops.vllm.gitops_commit:
    repo_url: "{{ gitops_repo_url }}"
    token: "{{ gitops_token }}"
    message: Take the application back
    stage: application
    site: "{{ inventory_hostname }}"
    revert: last
"""

RETURN = r"""
revision:
  description: Full id of the branch's head after the task; in check mode and in mode pull_request its present head.
  returned: success
  type: str
content_revision:
  description: The newest commit that touched the named paths. Empty when it lies further back than the newest 20.
  returned: success
  type: str
branch:
  description: The branch, resolved when it was left empty.
  returned: success
  type: str
paths:
  description: The paths that changed (in check mode, would change).
  returned: success
  type: list
  elements: str
diff:
  description: One item for each changed path, in the form that C(--diff) prints.
  returned: success
  type: list
  elements: dict
pushed_at:
  description: When this task began to push, in UTC; empty when it pushed nothing to the branch.
  returned: success
  type: str
pending_merge:
  description: Whether a pull request waits to be merged. The play should stop here; a run after the merge goes on.
  returned: success
  type: bool
url:
  description: Where a person finds that pull request; otherwise empty.
  returned: success
  type: str
"""
