# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding codes: changes that would break what is running (stage 4)."""

from __future__ import annotations

from ..findings import NO_ACTION, Entry, Severity

ENTRIES: tuple[Entry, ...] = (
    Entry(
        code="upgrade-first-install",
        severity=Severity.INFO,
        title="There is nothing to compare",
        symptom="None: this is the first installation.",
        cause="The repository holds no wrapper chart yet.",
        fix=NO_ACTION,
    ),
    Entry(
        code="upgrade-old-unknown",
        severity=Severity.FATAL,
        title="The committed chart release is not known",
        symptom="Whether the upgrade works cannot be said.",
        cause="The selectors of that release are not in the table.",
        fix="Upgrade to a known release by hand first, or allow this code after reading the release's notes.",
    ),
    Entry(
        code="upgrade-selector-immutable",
        severity=Severity.FATAL,
        title="The upgrade changes selectors, which Kubernetes never does",
        symptom='The sync fails with "spec.selector: field is immutable", half-way.',
        cause="Chart 0.1.10 added labels to the selectors of all Deployments; or the labels of engines or "
        "router were changed.",
        fix="In a planned time without models, run playbooks/upgrade.yml with this code in vllm_upgrade_allow: it "
        "replaces the Deployments.",
    ),
    Entry(
        code="upgrade-claim-shrinks",
        severity=Severity.FATAL,
        title="A model's volume would shrink",
        symptom="The sync fails.",
        cause="Kubernetes enlarges claims and never shrinks them.",
        fix="Keep the size.",
    ),
    Entry(
        code="upgrade-claim-grows",
        severity=Severity.WARNING,
        title="A model's volume is enlarged",
        symptom="The sync fails where the StorageClass does not allow it.",
        cause="Only classes with allowVolumeExpansion take a larger size.",
        fix="Look at the class first: kubectl get storageclass.",
    ),
    Entry(
        code="upgrade-claim-immutable",
        severity=Severity.FATAL,
        title="A model's volume would change its class or access mode",
        symptom="The sync fails.",
        cause="A claim keeps the class, access modes and selector that it was made with.",
        fix="Keep them, or replace the claim and download the model again.",
    ),
    Entry(
        code="upgrade-claim-pruned",
        severity=Severity.FATAL,
        title="A downloaded model would be deleted",
        symptom="Argo CD prunes the claim; the model is gone and must be downloaded again if it comes back.",
        cause="The chart names claims after models: a model that is renamed or removed loses its claim, and "
        "nothing protects it.",
        fix="Keep the name, or allow this code.",
    ),
    Entry(
        code="upgrade-model-swapped",
        severity=Severity.WARNING,
        title="A model serves another repository",
        symptom="It is downloaded at the next start, and requests with the old model id get 404.",
        cause="The repository is also the id that clients send.",
        fix="Tell the clients, and see that the startup budget covers the download.",
    ),
    Entry(
        code="upgrade-driver-too-old",
        severity=Severity.FATAL,
        title="The new image needs a newer NVIDIA driver",
        symptom='The engine ends with "CUDA driver version is insufficient" or the container is not started.',
        cause="CUDA 13 needs a driver of branch 580, CUDA 12 one of branch 525; vGPU guests follow their hypervisor.",
        fix="Upgrade the driver (on Talos the system extension) first, or stay on an image with an older CUDA.",
    ),
    Entry(
        code="upgrade-driver-borderline",
        severity=Severity.WARNING,
        title="The new image asks for a newer NVIDIA driver than it needs",
        symptom='The container runtime may refuse the container with "unsatisfied condition: cuda>=".',
        cause="The image states its own CUDA version as a requirement, which is stricter than what CUDA needs.",
        fix="Try one pod with the new image first, or upgrade the driver.",
    ),
    Entry(
        code="upgrade-driver-unknown",
        severity=Severity.WARNING,
        title="The driver is not known, the image is new",
        symptom="Whether the new image runs could not be checked.",
        cause="No node tells its driver version.",
        fix="Compare it with nvidia-smi on the node.",
    ),
    Entry(
        code="upgrade-router-older",
        severity=Severity.FATAL,
        title="The router is older than the chart",
        symptom='The router ends with "unrecognized arguments".',
        cause="Routers take the arguments of older charts, not of newer ones.",
        fix="Leave vllm_router.tag empty: it is then the one of the chart release.",
    ),
    Entry(
        code="upgrade-setting-lost",
        severity=Severity.WARNING,
        title="A setting of the committed values is no longer written",
        symptom="What it did is undone.",
        cause="It was written by hand, or its option was removed from the inventory.",
        fix="Put it into vllm_extra_values if it is still needed.",
    ),
    Entry(
        code="upgrade-allow-unknown",
        severity=Severity.FATAL,
        title="A code that cannot be allowed",
        symptom="Nothing is decided.",
        cause="vllm_upgrade_allow takes the codes of upgrades that can be gone through with knowingly.",
        fix="Use one of the codes named.",
    ),
)
