#!/usr/bin/python
# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: argocd_application
short_description: Bring an Argo CD Application to a revision, or say why it does not get there
version_added: "0.1.0"
author:
  - The inferops.vllm maintainers (@inferops)
description:
  - Applies an AppProject and an Application by server-side apply (O(registration=direct)), or follows those that an
    app-of-apps writes from Git (O(registration=app_of_apps)).
  - Then waits until the Application was compared at O(revision), is synced and healthy, and the objects of O(requires)
    exist. C(Synced) and C(Healthy) of an older revision never pass.
  - Un-sticks what Argo CD does not retry by itself, a bounded number of times. These are a sync that failed on the same
    commit, an operation on an older revision, and a cached manifest error.
  - When the Application does not get there, the first cause is named, from the Application's conditions down to the
    last log lines of a pod. A cause that no waiting mends ends the wait at once.
  - Talks to the Kubernetes API only, never to Argo CD's own API.
extends_documentation_fragment:
  - inferops.vllm.kubernetes
  - inferops.vllm.findings
options:
  state:
    description:
      - V(absent) deletes the Application with what it manages, waits until it is gone, and then deletes the project.
    type: str
    choices: [present, absent]
    default: present
  namespace:
    description: Namespace in which Argo CD runs.
    type: str
    default: argocd
  registration:
    description:
      - V(direct) applies the objects. V(app_of_apps) only follows and checks them, because a parent Application writes
        them.
      - An object that another Application tracks is never applied directly.
    type: str
    choices: [direct, app_of_apps]
    default: direct
  parent:
    description:
      - With O(registration=app_of_apps), the Application that writes O(application). It is brought to O(revision)
        first.
      - Empty means that it is not looked at.
    type: str
  project:
    description:
      - The AppProject. Empty means that the project is left alone.
      - With O(registration=app_of_apps) the live project must permit at least this.
    type: dict
    suboptions:
      name:
        description: Name of the project.
        type: str
        required: true
      description:
        description: What people read about it.
        type: str
      source_repos:
        description: Repository URLs that its Applications may read. Patterns work as in Argo CD.
        type: list
        elements: str
        default: []
      destinations:
        description: Where its Applications may write.
        type: list
        elements: dict
        default: []
        suboptions:
          server: {description: URL of the API server., type: str}
          name: {description: "Name of the cluster, instead.", type: str}
          namespace: {description: The namespace., type: str}
      cluster_resources:
        description: Cluster-scoped kinds that its Applications may write.
        type: list
        elements: dict
        default: []
        suboptions:
          group: {description: API group; empty for the core group., type: str, default: ""}
          kind: {description: The kind., type: str, required: true}
  application:
    description: The Application. Empty means that only the project is applied.
    type: dict
    suboptions:
      name:
        description: Name of the Application.
        type: str
        required: true
      project:
        description: Its project. Required for O(registration=direct).
        type: str
      repo_url:
        description: URL of the Git repository, without credentials. Required for O(registration=direct).
        type: str
      path:
        description: Folder of the repository. Required for O(registration=direct).
        type: str
      target_revision:
        description: Branch, tag or commit that Argo CD follows. V(HEAD) is the default branch of the remote.
        type: str
        default: HEAD
      namespace:
        description: Namespace to deploy to. Required for O(registration=direct).
        type: str
      server:
        description: API server to deploy to.
        type: str
        default: https://kubernetes.default.svc
      release_name:
        description: Helm release name. Empty means the name of the Application.
        type: str
      value_files:
        description: Helm values files, relative to O(application.path).
        type: list
        elements: str
        default: []
      directory:
        description: Options of a folder of plain manifests, C(recurse), C(include) and C(exclude) as in Argo CD.
        type: dict
      automated:
        description: Whether Argo CD syncs by itself when Git changes.
        type: bool
        default: true
      prune:
        description:
          - Whether Argo CD deletes objects that left Git. A model that is renamed then loses its cache.
        type: bool
        default: false
      self_heal:
        description: Whether Argo CD reverts changes made by hand.
        type: bool
        default: true
      sync_options:
        description: Sync options, for example V(CreateNamespace=true).
        type: list
        elements: str
        default: []
      sync_wave:
        description: Wave of the Application inside a parent Application.
        type: int
      cascade:
        description: Whether deleting the Application deletes what it manages, whoever deletes it.
        type: bool
        default: false
  adopt:
    description: Whether objects without this collection's label may be taken over.
    type: bool
    default: false
  revision:
    description:
      - The commit (full SHA) that must be reached.
      - Empty means whatever O(application.target_revision) is when Argo CD compares again.
    type: str
  accepted_revisions:
    description: Further commits that are known to contain O(revision). With O(git) they need not be listed.
    type: list
    elements: str
    default: []
  wait:
    description: Whether to wait. V(false) only applies and compares.
    type: bool
    default: true
  refresh_timeout:
    description: Seconds until Argo CD has compared at the revision.
    type: int
    default: 60
  sync_timeout:
    description: Seconds until the sync has succeeded, or until a removal is done.
    type: int
    default: 600
  health_timeout:
    description: Seconds until everything is healthy. Engines download tens of gigabytes before they are.
    type: int
    default: 3600
  requires:
    description: Objects that must exist afterwards.
    type: list
    elements: dict
    default: []
    suboptions:
      kind: {description: The kind., type: str, required: true}
      name: {description: The name., type: str, required: true}
      namespace: {description: The namespace., type: str}
      fields: {description: Dotted paths and the values that they must have., type: dict, default: {}}
  contents:
    description:
      - Manifests that the revision renders to; apiVersion, kind, name and namespace are enough. Those that the
        Application does not manage yet are compared with the project, with the kinds of the cluster, and with what
        other Applications manage, before anything is applied. Empty skips this check.
      - With O(registration=app_of_apps) and in check mode, the rules of O(project) count as added to the live project.
    type: list
    elements: dict
    default: []
  check_repository:
    description:
      - Whether a new Application's repository is read with the credential that Argo CD has for it, before anything is
        applied. Where the credential may not be read, a finding says so and the run goes on.
    type: bool
    default: true
  git:
    description:
      - How to ask the repository whether a commit that Argo CD compared contains O(revision), because somebody pushed
        after it. Empty means that only O(accepted_revisions) are known to.
    type: dict
    suboptions:
      repo_url: {description: "The repository, as M(inferops.vllm.gitops_read) takes it.", type: str, required: true}
      branch: {description: The branch. Empty means the default branch., type: str}
      username: {description: User name that goes with the token., type: str}
      token: {description: Access token for HTTPS., type: str}
      ssh_key: {description: "Private SSH key, or the path of one.", type: str}
      known_hosts: {description: "Text of a known_hosts file, or the path of one.", type: str}
  purge:
    description: With O(state=absent), whether volume claims and RuntimeClasses are deleted too.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Asks the API server for a dry run and waits for nothing.
  diff_mode:
    support: full
    description: Shows labels, annotations and spec of what changes.
"""

EXAMPLES = r"""
- name: The RuntimeClass is applied by its own Application
  inferops.vllm.argocd_application:
    project:
      name: cluster-resources
      source_repos: ["https://git.example.org/town/site.git"]
      destinations: [{server: "https://kubernetes.default.svc", namespace: kube-system}]
      cluster_resources: [{group: node.k8s.io, kind: RuntimeClass}]
    application:
      name: runtimeclass-nvidia
      project: cluster-resources
      repo_url: https://git.example.org/town/site.git
      path: k8s/manifests
      target_revision: main
      namespace: kube-system
    revision: "{{ gitops_commit.revision }}"
    requires:
      - {kind: RuntimeClass, name: nvidia, fields: {handler: nvidia}}

- name: The vllm Application of an app-of-apps is at our commit
  inferops.vllm.argocd_application:
    namespace: argo-cd
    registration: app_of_apps
    parent: argo-cd-resources
    application: {name: vllm}
    revision: "{{ gitops_commit.revision }}"
    health_timeout: 5400
"""

RETURN = r"""
changed:
  description: Whether the project or the Application was written. A refresh or a sync alone is no change.
  returned: always
  type: bool
revision:
  description: The commit that the Application was compared at.
  returned: success
  type: str
sync:
  description: Sync status of the Application.
  returned: success
  type: str
  sample: Synced
health:
  description: Health of the Application.
  returned: success
  type: str
  sample: Healthy
resources:
  description: The Application's objects by sync status.
  returned: success
  type: dict
  sample: {Synced: ["RuntimeClass/nvidia"]}
unstuck:
  description: What was done to Argo CD to make it move, in order; with O(state=absent), what was kept.
  returned: success
  type: list
  elements: str
argocd_version:
  description: What the installed Application definition says about Argo CD's version.
  returned: success
  type: str
  sample: ">= 3.2"
findings:
  description: What is wrong or worth knowing.
  returned: always
  type: list
  elements: dict
seconds:
  description: How long it took.
  returned: always
  type: float
"""
