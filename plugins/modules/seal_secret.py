#!/usr/bin/python
# Copyright (c) 2026, The inferops.vllm maintainers (@inferops)
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: seal_secret
short_description: Seal Secrets for the Sealed Secrets controller, and only what changed
version_added: "0.1.0"
author:
  - The inferops.vllm maintainers (@inferops)
description:
  - Makes SealedSecret manifests, byte for byte in kubeseal's form, without kubeseal and without a cluster where a
    certificate is given.
  - An item that is already sealed is kept as it is unless its value, or the place that it is bound to, changed.
    The same input gives the same bytes, so that a converged run has nothing to commit. C(docs/sealing.md)
    explains how this is known without putting anything into Git that could be used to guess values.
  - Plaintext is in the memory of the controller process only. Give all Secrets in one task as a list; do not
    loop, because Ansible shows the item of a loop.
extends_documentation_fragment:
  - inferops.vllm.kubernetes
  - inferops.vllm.findings
options:
  certificate:
    description:
      - The sealing certificate; PEM text, the path of a file, or an https URL.
      - Unset or empty, it is fetched from the controller of the cluster.
    type: str
  certificate_fingerprint:
    description:
      - SHA-256 fingerprint that the certificate must have (hex; colons and case do not matter). It also
        chooses one of several certificates in O(certificate).
    type: str
  controller_namespace:
    description:
      - Namespace of the Sealed Secrets controller. Unset means V(kube-system).
    type: str
  controller_name:
    description:
      - Name of the controller's Service. Unset tries V(sealed-secrets-controller) and V(sealed-secrets).
    type: str
  secrets:
    description:
      - The Secrets to seal, each into a file of its own.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the Secret and of the SealedSecret.
        type: str
        required: true
      namespace:
        description: Namespace of both.
        type: str
        required: true
      scope:
        description: What the items are bound to.
        type: str
        choices: [strict, namespace-wide, cluster-wide]
        default: strict
      type:
        description: Type of the Secret. Unset keeps what the file has, or V(Opaque).
        type: str
      immutable:
        description: Whether the Secret is immutable. Unset keeps what the file has.
        type: bool
      string_data:
        description:
          - Values as text. Checked for what usually goes wrong; empty, padded with white space, ending
            with a line break, placeholders.
          - V(null) as a value means "not given this time"; the item that is sealed stays.
        type: dict
      data:
        description: Values in base64, taken as they are.
        type: dict
      from_file:
        description:
          - Path of a plaintext Secret manifest, usually under C(local-secrets/). Its values are used for
            keys that are not given otherwise.
        type: path
      formats:
        description:
          - What a value must look like, by key. V(huggingface_token) or V(api_key).
        type: dict
      pad_to:
        description:
          - Lengthens values with blanks to a multiple of this many bytes, as a sealed item shows its value's length.
          - Possible only for C(.dockerconfigjson) and C(.dockercfg), in which blanks at the end mean nothing; refused
            for any other key.
        type: int
        default: 0
      labels:
        description: Labels of the SealedSecret. Unset keeps what the file has.
        type: dict
      annotations:
        description: Annotations of the SealedSecret, such as Argo CD's sync wave. Unset keeps what the file has.
        type: dict
      template_labels:
        description: Labels of the Secret. Unset keeps what the file has.
        type: dict
      template_annotations:
        description: Annotations of the Secret. Unset keeps what the file has.
        type: dict
      revision:
        description:
          - Any text that you change when the value changes. It is kept in the file, and decides where
            nothing better can.
        type: str
      path:
        description:
          - Path of the sealed file, relative to the repository. Its name must contain V(sealed) and end in V(.yaml).
        type: str
        required: true
  existing:
    description:
      - The present content of the files, by path; what is not in it does not exist yet. Use it with the
        content that an earlier task read from the remote repository.
      - Other files of the same application's folder that are given here are looked at too. A plaintext Secret, or a
        sealed file that is empty, JSON or meant for another namespace, is refused, because Argo CD applies the folder
        as a whole.
    type: dict
  existing_dir:
    description:
      - A folder that holds the files, such as a clone of the GitOps repository. Paths that Git ignores there
        are refused.
    type: path
  write:
    description:
      - Whether changed files are written into O(existing_dir), each atomically.
    type: bool
    default: false
  fingerprint_key:
    description:
      - A secret that is not in Git, at least 32 bytes (hex or any text), such as C(openssl rand -hex 32) in a
        vault or an AWX credential. With it, every changed value is noticed, offline.
    type: str
  fingerprint_key_file:
    description:
      - A file that holds the fingerprint key. It is made with mode 0600 where it does not exist.
      - O(fingerprint_key) wins.
    type: path
  private_key:
    description:
      - A private key of the controller (PEM text or the path of a file), to compare values exactly. For
        tests, and for taking over files once; whoever has it can read everything that was ever sealed for it.
    type: str
  compare_live:
    description:
      - Whether the live SealedSecret and Secret may be read where a cluster is connected, to notice changed
        values that nothing else shows, and items that the controller cannot open. A missing right is no
        error.
      - A cluster is connected where O(certificate) is unset, or one of O(kubeconfig), O(context) and O(host) is set.
    type: bool
    default: true
  on_unknown:
    description:
      - What happens to an item when nobody can tell whether its value changed (same length, no fingerprint by
        this key, no other witness). V(keep) keeps it and says so in a finding, V(reseal) seals it anew,
        V(fail) refuses.
    type: str
    choices: [keep, reseal, fail]
    default: keep
  reseal:
    description:
      - What is sealed anew. V(needed) means what changed; V(stale) also what was sealed for another key than the
        certificate's; V(all) everything.
    type: str
    choices: [needed, stale, all]
    default: needed
  purge:
    description:
      - Whether keys that a file has and O(secrets) does not are removed.
    type: bool
    default: true
  consumers:
    description:
      - Who refers to these Secrets; a reference that would lead nowhere is refused.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the consumer, and so of the Secret.
        type: str
        required: true
      name:
        description: Name of the Secret that it wants.
        type: str
        required: true
      key:
        description: Data key that it wants.
        type: str
      source:
        description: Where the reference stands, for messages.
        type: str
attributes:
  check_mode:
    support: full
    description: Decides the same and writes nothing.
  diff_mode:
    support: full
    description: Shows metadata, and a short hash of each sealed item. Never a value.
  idempotent:
    support: full
    description: The same values give the same bytes.
"""

EXAMPLES = r"""
- name: Seal both secrets of vLLM against what the repository has
  inferops.vllm.seal_secret:
    kubeconfig: "{{ vllm_kubeconfig }}"
    fingerprint_key: "{{ vllm_fingerprint_key }}"
    existing: "{{ repository.contents }}"
    secrets:
      - name: hf-secret
        namespace: vllm
        string_data:
          TOKEN: "{{ vllm_hf_token }}"
        formats:
          TOKEN: huggingface_token
        path: applications/vllm/templates/sealed-hf-secret.yaml
      - name: vllm-secret
        namespace: vllm
        string_data:
          KEY: "{{ vllm_api_key }}"
        path: applications/vllm/templates/sealed-vllm-secret.yaml
  register: sealed

- name: Seal a plaintext manifest in a clone, offline
  inferops.vllm.seal_secret:
    certificate: sealed-secrets.pem
    existing_dir: ~/src/site
    write: true
    secrets:
      - name: registry
        namespace: vllm
        type: kubernetes.io/dockerconfigjson
        from_file: ~/src/site/applications/vllm/local-secrets/registry.yaml
        path: applications/vllm/templates/sealed-registry.yaml
"""

RETURN = r"""
files:
  description: Path and content of every file, changed or not. Ciphertext only.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The path that was asked for.
      type: str
    content:
      description: The whole file.
      type: str
decisions:
  description: What happened to each key, and why.
  returned: success
  type: list
  elements: dict
  contains:
    secret:
      description: Namespace and name.
      type: str
    key:
      description: The data key.
      type: str
    action:
      description: V(keep), V(seal) or V(remove).
      type: str
    reason:
      description: The rule that decided.
      type: str
certificate:
  description: The certificate that was used.
  returned: success
  type: dict
  contains:
    fingerprint:
      description: SHA-256 in hex.
      type: str
    key_id:
      description: The controller's name for the key.
      type: str
    not_before:
      description: Valid from, in UTC.
      type: str
    not_after:
      description: Valid until, in UTC.
      type: str
    source:
      description: Where it came from.
      type: str
stale:
  description: Items, as C(namespace/name[key]), that are known to be sealed for another key than the certificate's.
  returned: success
  type: list
  elements: str
findings:
  description: What is worth knowing, or why the task failed.
  returned: always
  type: list
  elements: dict
"""
