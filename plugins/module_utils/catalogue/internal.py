# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: what should not happen."""

from __future__ import annotations

from ..findings import Entry, Severity

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="internal-error",
        severity=Severity.FATAL,
        title="The collection ran into a case that it does not handle",
        symptom="A task fails with the name of a Python exception and a place in this collection.",
        cause="A defect of this collection: every expected problem has a code of its own.",
        fix="Report it with the code, the place and what you ran; nothing was written after that point.",
    ),
    Entry(
        code="options-invalid",
        severity=Severity.FATAL,
        title="A module was called with options that it does not take",
        symptom="A task is refused before it does anything.",
        cause="An option is missing, unknown, or of the wrong type.",
        fix="Compare the task with the module's page (ansible-doc inferops.vllm.<module>).",
    ),
    Entry(
        code="cluster-unreachable",
        severity=Severity.FATAL,
        title="The Kubernetes API server does not answer",
        symptom="Connection refused, a timeout, a name that does not resolve, or a TLS error.",
        cause="A wrong kubeconfig, context or host, no network path, or a CA that Python refuses.",
        fix="Try kubectl --kubeconfig <file> --context <name> get --raw /readyz from the same machine.",
    ),
    Entry(
        code="cluster-config-invalid",
        severity=Severity.FATAL,
        title="The kubeconfig cannot be used",
        symptom="The file is missing, is not YAML, or lacks the context that was asked for.",
        cause="A wrong path in vllm_kubeconfig, or a context name of another file.",
        fix="Set vllm_kubeconfig and vllm_kube_context to a file and one of its contexts.",
    ),
    Entry(
        code="cluster-unauthorized",
        severity=Severity.FATAL,
        title="The API server does not accept the credentials",
        symptom="Every request is answered with 401 Unauthorized.",
        cause="The token or the client certificate of the kubeconfig has expired or belongs to another cluster.",
        fix="Renew the kubeconfig's credentials and check them with kubectl auth whoami.",
    ),
    Entry(
        code="cluster-forbidden",
        severity=Severity.FATAL,
        title="A right is missing on the cluster",
        symptom="403 Forbidden for one verb on one resource.",
        cause="The service account or user lacks that verb; docs/rbac lists what each playbook needs.",
        fix="Grant the verb that the message names, or apply the matching manifest of docs/rbac.",
    ),
    Entry(
        code="cluster-request-failed",
        severity=Severity.FATAL,
        title="The API server refused a request",
        symptom="One request is answered with an error that no more specific code covers.",
        cause="An admission rule, a conflict with another writer, or an overloaded API server.",
        fix="Read the message: it is the API server's own; then run again.",
    ),
)
