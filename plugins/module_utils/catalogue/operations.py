# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: what day-two operations find (rotation, upgrades, drift, removal)."""

from __future__ import annotations

from ..findings import Entry, Severity

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="operations-generate-failed",
        severity=Severity.FATAL,
        title="No new key could be written",
        symptom="The rotation stops before it seals anything.",
        cause="The file under local-secrets holds something else, cannot be written, or too short a key was asked for.",
        fix="Correct the file or its permissions; or give the value as vllm_api_key and leave rotate_generate out.",
    ),
    Entry(
        code="operations-secret-unchanged",
        severity=Severity.FATAL,
        title="The Secret still holds the old value",
        symptom="The new value is committed and synced, and the Secret in the cluster is as it was.",
        cause="The controller has not opened the SealedSecret, or somebody else writes the Secret.",
        fix="Read the status of the SealedSecret and the log of the sealed-secrets controller, then run again.",
    ),
    Entry(
        code="operations-consumer-stale",
        severity=Severity.WARNING,
        title="Pods hold the old value",
        symptom="The Secret is new, and its consumers still work with what it held before.",
        cause="A container reads its environment once, when it starts; rotate_restart is false.",
        fix="Restart when it suits: run the rotation again with rotate_restart=true, or kubectl rollout restart.",
    ),
    Entry(
        code="operations-restart-stuck",
        severity=Severity.FATAL,
        title="A restarted Deployment does not come up",
        symptom="The rotation restarted it, and its new pod is not available in time.",
        cause="The model is still loading, or the pod cannot start. The old pod is gone (strategy Recreate).",
        fix="Run playbooks/verify.yml, which says why; a longer vllm_timeouts.load helps a slow load.",
    ),
    Entry(
        code="operations-old-key-accepted",
        severity=Severity.FATAL,
        title="The old key still works",
        symptom="The new key answers, and so does the one that was to be replaced.",
        cause="A pod that started before the rotation still serves, or the key is set in a second place.",
        fix="Look for pods that are older than the Secret, and for VLLM_API_KEY or --api-key elsewhere in the values.",
    ),
    Entry(
        code="operations-old-key-unproven",
        severity=Severity.WARNING,
        title="Nobody could prove that the old key is refused",
        symptom="The new key answers; the old one was neither taken nor refused, or it is not known.",
        cause="The rotation happened before this run, or the connection broke during the probe.",
        fix="Try the old key by hand, or run playbooks/verify.yml, which proves that a wrong key is refused.",
    ),
    Entry(
        code="operations-way-blocked",
        severity=Severity.FATAL,
        title="The way for the upgrade is not free in time",
        symptom="The commit is made, syncing is paused, and an object that must go is still there.",
        cause="Argo CD has not compared at the commit, or a pod does not end (a finalizer, a node that is gone).",
        fix="Mend what the message names and run the same command again; it goes on where it stopped.",
    ),
    Entry(
        code="operations-drift",
        severity=Severity.WARNING,
        title="The site is not what the inventory says",
        symptom="The drift report lists a difference between inventory, Git and cluster.",
        cause="Somebody changed one of them, or the collection's defaults moved on.",
        fix="Run playbooks/site.yml to bring it back, or change the inventory to what is wanted.",
    ),
    Entry(
        code="operations-drift-unknown",
        severity=Severity.WARNING,
        title="Part of the site could not be read",
        symptom="The drift report has no answer for a part; it is counted as drift, never as in order.",
        cause="A missing right, a repository or cluster that cannot be reached, or an inventory that is refused.",
        fix="Mend what the message names and run the report again.",
    ),
)
