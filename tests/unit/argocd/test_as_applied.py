# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An apply is left out only when it would change nothing: neither a value nor what we own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.objects import application, features_in
from ansible_collections.inferops.vllm.plugins.module_utils.argocd.ownership import as_applied

from tests.unit.argocd.fakes import owned
from tests.unit.argocd.test_objects import OPTIONS

WANTED = application(OPTIONS, "argocd", frozenset({"retry.refresh"}))


def live(**more: Any) -> dict[str, Any]:
    found = copy.deepcopy(WANTED)
    found["metadata"] |= {"resourceVersion": "7", "managedFields": [{"manager": "argocd"}, owned(WANTED)]}
    found["status"] = {"health": {"status": "Healthy"}}
    return {**found, **more}


def test_what_argo_cd_adds_does_not_count() -> None:
    assert as_applied(WANTED, live(operation={"sync": {}}))


def changed(path: str, value: Any) -> dict[str, Any]:
    """The wanted object with another value; None takes the key away."""
    found = copy.deepcopy(WANTED)
    *steps, last = path.split(".")
    inner = found
    for step in steps:
        inner = inner[step]
    inner.pop(last) if value is None else inner.update({last: value})
    return found


@pytest.mark.parametrize(
    "wanted",
    [
        changed("spec.source.targetRevision", "other"),
        changed("spec.source.helm", {"valueFiles": ["values.yaml", "more.yaml"]}),
        changed("spec.source.helm", None),  # we would still own it
        changed("metadata.labels", {"app.kubernetes.io/managed-by": "inferops-vllm", "new": "label"}),
        changed("metadata.finalizers", ["x"]),
        changed("spec.syncPolicy.retry.refresh", None),
    ],
)
def test_a_value_that_comes_changes_or_goes_is_applied(wanted: dict[str, Any]) -> None:
    assert not as_applied(wanted, live())


def test_what_somebody_else_changed_is_applied() -> None:
    assert not as_applied(WANTED, {**live(), "spec": {**WANTED["spec"], "project": "default"}})


@pytest.mark.parametrize(
    "entries",
    [
        [],
        [{"manager": "kubectl", "operation": "Apply", "fieldsV1": {}}],
        [{**owned(WANTED), "operation": "Update"}],
        [{**owned(WANTED), "subresource": "status"}],
    ],
)
def test_what_we_did_not_apply_is_applied(entries: list[dict[str, Any]]) -> None:
    found = live()
    found["metadata"]["managedFields"] = entries
    assert not as_applied(WANTED, found)
    assert not as_applied(WANTED, None)


def test_elements_of_lists_are_no_fields() -> None:
    found = live()
    found["metadata"]["managedFields"][1]["fieldsV1"]["f:spec"]["f:syncPolicy"]["f:syncOptions"] = {'v:"A=b"': {}}
    assert as_applied(WANTED, found)


def test_features_of_a_live_application_are_those_it_uses() -> None:
    assert features_in(live()) == {"retry.refresh"}
    assert features_in({"spec": {"syncPolicy": {"automated": {"enabled": True}}}}) == {"automated.enabled"}
    assert features_in({"spec": {"syncPolicy": None}}) == frozenset()
