# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site playbook on a sandbox: first run, then converged beside the manual procedure, no-op tasks, single tasks."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from statistics import median

from bench import single
from bench.audit import Log
from bench.bed import REPORTS, SITE, Bed, BenchError, call, playbook
from bench.measure import Measured, Row, interleaved, ratio

OK = re.compile(r" : ok=(\d+) +changed=(\d+)")
FLUSH_SECONDS = 0.5
"""The audit log is written behind the answers."""


def site(bed: Bed, quick: bool = False) -> Measured:
    """Items 1 to 4: everything about one site. Leaves the sandbox converged."""
    bed.runner("reset")
    started = time.perf_counter()
    bed.play(SITE, "-e", REPORTS)
    first = time.perf_counter() - started
    tasks = converged(bed)
    found = _compared(bed, 1 if quick else 5, tasks)
    ours = median(found.rows[0].values)
    found.rows.insert(0, Row("first run, from an empty repository to verified", (first,)))
    found.figures["first_over_converged"] = first / ours
    found.details["tasks"] = tasks
    found.details["requests"] = requests(bed)
    found.figures["api_requests"] = sum(found.details["requests"].values())
    return found


def converged(bed: Bed) -> int:
    """Number of tasks of a run that changes nothing."""
    recap = OK.search(bed.play(SITE, "-e", REPORTS))
    if not recap or recap[2] != "0":
        raise BenchError(f"the second run is not converged: {recap and recap[0]}")
    return int(recap[1])


def requests(bed: Bed) -> dict[str, int]:
    """API requests of a converged run, by verb and resource."""
    log = Log(bed.root / "logs" / "audit.log")
    bed.play(SITE, "-e", REPORTS)
    time.sleep(FLUSH_SECONDS)
    return log.counted()


def _compared(bed: Bed, runs: int, tasks: int) -> Measured:
    noop = playbook("noop", [{"name": f"Do nothing {n}", "ansible.builtin.ping": {}} for n in range(tasks)])
    variants: dict[str, Callable[[], object]] = {
        "converged site.yml": lambda: bed.play(SITE, "-e", REPORTS),
        "the manual procedure as a script": lambda: call(["bash", "bench/manual.sh"], env=bed.tools),
        f"{tasks} no-op module tasks": lambda: bed.play(noop, inventory="localhost,"),
    }
    names = ("site_over_manual", "site_over_noop")
    taken = interleaved(variants, runs)
    ours, *others = taken.values()
    figures = {name: ratio(ours, other) for name, other in zip(names, others, strict=True)}
    found = Measured([Row(what, tuple(values)) for what, values in taken.items()], figures)
    _single_tasks(found, bed, max(1, runs // 2))
    return found


def _single_tasks(found: Measured, bed: Bed, runs: int) -> None:
    """Add the comparison with one task an object, where kubernetes.core can be had."""
    if not single.available():
        found.notes.append("one kubernetes.core.k8s task an object: skipped, the collection could not be downloaded")
        return
    objects = single.objects_of(bed)
    tasks = single.tasks(bed.state["kubeconfig"], objects)
    bed.play(tasks, inventory="localhost,", **single.ENVIRONMENT)
    variants: dict[str, Callable[[], object]] = {
        "ours": lambda: bed.play(SITE, "-e", REPORTS),
        "theirs": lambda: bed.play(tasks, inventory="localhost,", **single.ENVIRONMENT),
    }
    taken = interleaved(variants, runs)
    what = f"one kubernetes.core.k8s task for each of {len(objects)} objects"
    found.rows.append(Row(what, tuple(taken["theirs"])))
    found.figures["site_over_single_tasks"] = ratio(taken["ours"], taken["theirs"])
