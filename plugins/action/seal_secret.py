# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seal Secrets in the controller process: values are only ever in its memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, ClassVar

from ansible_collections.inferops.vllm.plugins.module_utils.cluster import Cluster
from ansible_collections.inferops.vllm.plugins.module_utils.findings import (
    Finding,
    Refusal,
    finding,
    raise_if_fatal,
    refuse,
)
from ansible_collections.inferops.vllm.plugins.module_utils.sealing import evidence, files, source
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.certificate import (
    Certificate,
    expiry_findings,
    load,
)
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.decide import Evidence, Policy
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.guard import neighbour_findings
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.manifest import SealedFile
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.sealer import Outcome, seal_all
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.tags import Tagger
from ansible_collections.inferops.vllm.plugins.module_utils.sealing.validate import (
    Wanted,
    consumer_findings,
    unused_findings,
    wanted_of,
)
from ansible_collections.inferops.vllm.plugins.plugin_utils.action import FindingsAction, text_files

CONNECTION = ("kubeconfig", "context", "host")


class ActionModule(FindingsAction):
    """Options in, sealed files and findings out."""

    MODULE = "seal_secret"
    SECRET_OPTIONS = frozenset({"string_data", "data", "fingerprint_key", "private_key", "api_key"})
    # ciphertext, names and hashes: a value such as ``git`` must not punch holes into a sealed file
    PUBLIC_RESULTS = frozenset({"changed", "files", "decisions", "stale", "certificate", "diff"})
    SPEC_RULES: ClassVar[dict[str, Any]] = {
        "mutually_exclusive": [["existing", "existing_dir"]],
        "required_one_of": [["existing", "existing_dir"]],
        "required_if": [["write", True, ["existing_dir"]]],
    }

    def perform(self, options: dict[str, Any]) -> dict[str, Any]:
        """Seal what changed, keep the rest."""
        now = datetime.now(tz=UTC)
        wanted, findings = self._wanted(options)
        key = files.fingerprint_key(options["fingerprint_key"], options["fingerprint_key_file"])
        cluster = _cluster(options)
        certificate = _certificate(options, cluster, now)
        policy = Policy(Tagger(key), options["reseal"], options["on_unknown"], options["purge"])
        before = self._before(options, wanted)
        raise_if_fatal(neighbour_findings(before, {one.path: one.namespace for one in wanted}))
        witness = _Witness(options, cluster)
        outcome = seal_all(wanted, before, certificate, policy, witness)
        if options["write"] and not self.check_mode:
            changed = {one.wanted.path: one.text for one in outcome.sealed if one.changed}
            files.write(options["existing_dir"], changed)
        findings += [*expiry_findings(certificate, now), *_newest(options, cluster, certificate, outcome, now)]
        return {**self._result(outcome, certificate), "findings": [*findings, *outcome.findings]}

    def _wanted(self, options: Mapping[str, Any]) -> tuple[list[Wanted], list[Finding]]:
        if not options["secrets"]:
            raise Refusal([finding("sealing-value-missing", "secrets", "is an empty list")])
        wanted, findings = [], []
        for index, option in enumerate(options["secrets"]):
            subject = f"secrets[{index}]"
            values, problems = self._from_file(option, subject)
            one, more = wanted_of(option, subject, values)
            wanted.append(one)
            findings += [*problems, *more]
        findings += consumer_findings(wanted, options["consumers"]) + unused_findings(wanted, options["consumers"])
        if options["existing_dir"]:
            findings += files.ignored(options["existing_dir"], [one.path for one in wanted])
        raise_if_fatal(findings)
        return wanted, findings

    def _from_file(self, option: Mapping[str, Any], subject: str) -> tuple[dict[str, bytes], list[Finding]]:
        if not option["from_file"]:
            return {}, []
        values, findings = files.plaintext_values(
            option["from_file"], option["name"], option["namespace"] or "", f"{subject}.from_file"
        )
        self._secrets |= {text for value in values.values() if (text := value.decode("utf-8", "ignore"))}
        return values, findings

    def _before(self, options: Mapping[str, Any], wanted: list[Wanted]) -> dict[str, str]:
        if options["existing_dir"]:
            return files.present(options["existing_dir"], [one.path for one in wanted])
        if options["existing"] is None:
            # a null counts as given for Ansible; taken as "nothing is there", it would seal everything at every run
            raise refuse("options-invalid", "module seal_secret", "existing is null; give {} where no file exists yet")
        return text_files("existing", options["existing"])

    def _result(self, outcome: Outcome, certificate: Certificate) -> dict[str, Any]:
        result = {
            "changed": outcome.changed,
            "files": outcome.files(),
            "decisions": outcome.decisions(),
            "stale": outcome.stale,
            "certificate": certificate.to_dict(),
        }
        return {**result, "diff": outcome.diff()} if self.diff_mode else result


class _Witness:
    """Asks the private key first (exact, offline), then the cluster."""

    def __init__(self, options: Mapping[str, Any], cluster: Cluster | None) -> None:
        self._keys = evidence.private_keys(options["private_key"]) if options["private_key"] else []
        self._live = evidence.Live(cluster) if cluster and options["compare_live"] else None

    def __call__(self, wanted: Wanted, file: SealedFile) -> Evidence:
        """What is known about the items of one file."""
        live = evidence.ask_cluster(self._live, wanted, file) if self._live else Evidence()
        if not self._keys:
            return live
        exact = evidence.key_evidence(self._keys, file)
        return Evidence(exact.source, exact.value, live.lost)


def _cluster(options: Mapping[str, Any]) -> Cluster | None:
    if options["certificate"] and not any(options[name] for name in CONNECTION):
        return None
    return Cluster.connect(options)


def _certificate(options: Mapping[str, Any], cluster: Cluster | None, now: datetime) -> Certificate:
    if options["certificate"]:
        text, where = source.read(options["certificate"])
    else:
        if cluster is None:
            raise AssertionError("without a certificate there is always a connection")
        text, where = _fetch(options, cluster)
    return load(text, source=where, now=now, pin=options["certificate_fingerprint"])


def _fetch(options: Mapping[str, Any], cluster: Cluster) -> tuple[str, str]:
    return source.fetch(cluster, namespace=options["controller_namespace"] or "", name=options["controller_name"] or "")


def _newest(
    options: Mapping[str, Any], cluster: Cluster | None, used: Certificate, outcome: Outcome, now: datetime
) -> list[Finding]:
    """A warning when something was sealed for a given certificate that is not the controller's newest."""
    if not options["certificate"] or cluster is None or not outcome.changed:
        return []
    with suppress(Refusal):
        text, where = _fetch(options, cluster)
        newest = load(text, source=where, now=now)
        if newest.key_id != used.key_id:
            message = f"has the fingerprint {used.fingerprint}; the controller's newest has {newest.fingerprint}"
            return [finding("sealing-certificate-not-newest", used.source, message)]
    return []
