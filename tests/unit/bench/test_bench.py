# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmarks' own arithmetic: ratios, budgets, the audit log, the page. Nothing is timed here."""

from __future__ import annotations

import io
import json
import re
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import __main__ as command
from bench import fleet, machine, plot, rehearsal, single, site, store
from bench.audit import Log, counted
from bench.bed import Bed, BenchError
from bench.measure import Budget, Measured, Row, budgets, interleaved, missed, ratio
from bench.page import number, page, verdict
from sandbox.runner import charts, objects

# ------------------------------------------------------------------------------------------------------- measuring


def test_rounds_run_every_variant_in_turn() -> None:
    seen: list[str] = []
    ticks = iter(range(100))
    taken = interleaved({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, 3, lambda: float(next(ticks)))
    assert seen == ["a", "b"] * 3
    assert taken == {"a": [1.0] * 3, "b": [1.0] * 3}


def test_a_ratio_compares_neighbours_in_time() -> None:
    # The machine was five times as slow in the second round: the ratio of the medians would be 2.
    assert ratio([2.0, 10.0, 4.0], [1.0, 5.0, 2.0]) == 2.0
    assert ratio([1.0, 100.0, 3.0], [1.0, 10.0, 1.0]) == 3.0


def test_a_row_has_median_and_range() -> None:
    row = Row("what", (3.0, 1.0, 2.0)).to_dict()
    assert (row["median"], row["min"], row["max"], row["runs"]) == (2.0, 1.0, 3.0, 3)


# --------------------------------------------------------------------------------------------------------- budgets

LIMITED = Budget("x", "a title", goal=1.0, limit=1.5, why="because")
LEAST = Budget("y", "at least", goal=50, least=True)


@pytest.mark.parametrize(
    ("budget", "value", "words"),
    [
        (LIMITED, 1.0, "met"),
        (LIMITED, 1.2, "within ≤ 1.5, see below"),
        (LIMITED, 1.6, "**missed**"),
        (LEAST, 50, "met"),
        (LEAST, 49, "**missed**"),
    ],
)
def test_a_verdict_knows_goal_and_limit(budget: Budget, value: float, words: str) -> None:
    assert verdict(value, budget) == words


def test_what_is_outside_its_limit_is_named_and_a_figure_needs_a_budget() -> None:
    known = {"x": LIMITED, "y": LEAST}
    assert missed({"x": 1.4, "y": 60}, known) == []
    assert missed({"x": 1.51, "y": 1}, known) == ["x", "y"]
    with pytest.raises(KeyError):
        missed({"unknown": 1}, known)


def written(path: Path, **entry: Any) -> Path:
    path.write_text(yaml.safe_dump({"x": entry}))
    return path


def test_a_limit_that_is_not_the_goal_must_be_explained(tmp_path: Path) -> None:
    file = tmp_path / "budgets.yml"
    assert budgets(written(file, title="t", goal=1))["x"].held == 1
    assert budgets(written(file, title="t", goal=1, limit=2, why="w"))["x"].held == 2
    with pytest.raises(ValueError, match="why"):
        budgets(written(file, title="t", goal=1, limit=2))
    with pytest.raises(TypeError):
        budgets(written(file, title="t", gaol=1))


def test_every_figure_in_the_code_has_a_budget_and_every_budget_a_figure() -> None:
    code = "".join(path.read_text("utf-8") for path in Path(command.__file__).parent.glob("*.py"))
    named = set(re.findall(r'figures\[f?"([a-z0-9_{}]+)"\]', code)) | set(re.findall(r'"(site_over_[a-z_]+)"', code))
    expanded = {
        name.replace("{size}", str(size))
        for name in named
        for size in ((1, 100, 1000) if name.startswith("sealing") else fleet.SIZES[1:])
    }
    assert expanded == set(budgets())


def test_a_check_fails_for_a_miss_and_for_nothing_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert command._judge({"x": 1.5}, {"x": LIMITED}) == 0
    assert command._judge({"x": 1.6}, {"x": LIMITED}) == 1
    assert "a title: 1.60 (≤ 1.5)" in capsys.readouterr().out
    assert command._judge({}, {"x": LIMITED}) == 1


# ----------------------------------------------------------------------------------------------------- audit log


def entry(number: int, verb: str = "get", agent: str | None = "python-urllib3/2", **more: Any) -> str:
    target = {"resource": "pods", "namespace": "vllm"}
    return json.dumps(
        {"auditID": str(number), "verb": verb, "userAgent": agent, "objectRef": target, "requestURI": "/x?y", **more}
    )


def test_requests_of_a_play_are_counted_once_each_and_those_of_others_not() -> None:
    lines = [
        entry(1, "list"),
        entry(2, "list"),
        entry(2, "list", stage="ResponseComplete"),
        entry(3, agent="kubectl/v1.36"),
        entry(4, agent="argocd-application-controller"),
        entry(5, agent=None, objectRef={"resource": "pods", "subresource": "portforward"}),
        entry(6, objectRef=None, requestURI="/apis/argoproj.io/v1alpha1?timeout=32s"),
    ]
    assert counted(lines) == {"list pods": 2, "get pods/portforward": 1, "get /apis/argoproj.io/v1alpha1": 1}


def test_only_what_came_later_counts_and_half_a_line_does_not(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.write_text(entry(1) + "\n")
    log = Log(file)
    with file.open("a") as stream:
        stream.write(entry(2) + "\n" + entry(3)[:20])
    assert log.counted() == {"get pods": 1}


# ------------------------------------------------------------------------------------------------- what was found


def result(**figures: float) -> dict[str, Any]:
    measured = Measured([Row("a | row", (1.0, 2.0))], figures, ["a note"], {"requests": {"list pods": 2}})
    return {**measured.to_dict(), "date": "2026-11-29 02:00 UTC", "seconds": 3.0, "load": [0.1, 1.0], "quick": False}


RESULTS = {"machine": {"Python": "3.11"}, "benchmarks": {"site": result(x=1.2), "sealing": result(y=200)}}


def test_the_page_has_figures_reasons_rows_requests_and_machine() -> None:
    text = page(RESULTS, {"x": LIMITED, "y": LEAST, "z": Budget("z", "not measured", 1)})
    assert "| a title | 1.20 | ≤ 1 | within ≤ 1.5, see below |" in text
    assert "- **a title** (goal ≤ 1, limit ≤ 1.5): because" in text
    assert "| at least | 200 | ≥ 50 | met |" in text
    assert "not measured" not in text
    assert "| a \\| row | 1.50 s | 1.00 to 2.00 | 2 |" in text
    assert "| list pods | 2 |" in text
    assert "| Python | 3.11 |" in text
    assert "not quiet" not in text


def test_the_page_says_when_the_machine_was_busy() -> None:
    busy = {**RESULTS, "benchmarks": {"site": {**result(), "load": [99.0, 99.0]}}}
    assert "**The machine was not quiet** when these began: One site" in page(busy, {})


def test_the_plot_is_well_formed_and_draws_misses_in_red() -> None:
    known = {"x": LIMITED, "y": LEAST, "w": Budget("w", "<fine>", 10, unit="MB")}
    drawn = plot.plot({"x": 1.2, "y": 100, "w": 5}, known)
    root = ElementTree.fromstring(drawn)
    bars = [(b.get("fill"), float(b.get("width", 0))) for b in root if b.tag.endswith("rect")][1:]
    assert [colour for colour, _ in bars] == [plot.MISSED, plot.MET, plot.MET]
    assert bars[1][1] == bars[2][1], "half of a budget is half, whichever way it is bounded"
    assert "<fine>" in "".join(root.itertext())


def test_a_bar_beyond_the_scale_stays_in_the_drawing() -> None:
    root = ElementTree.fromstring(plot.plot({"x": 1000}, {"x": LIMITED}))
    assert max(float(bar.get("x", 0)) + float(bar.get("width", 0)) for bar in root) <= plot.WIDTH
    assert "→" in "".join(root.itertext())


def test_results_of_one_benchmark_join_the_stored_ones_of_the_same_machine(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert store.read(file)["benchmarks"] == {}
    store.write(store.merged(store.read(file), {"Python": "3.11"}, {"a": {"figures": {"x": 1}}}), file)
    store.write(store.merged(store.read(file), {"Python": "3.11"}, {"b": {"figures": {"y": 2}}}), file)
    assert store.figures(store.read(file)) == {"x": 1, "y": 2}
    assert store.merged(store.read(file), {"Python": "3.12"}, {})["benchmarks"] == {}


@pytest.mark.parametrize(("value", "text"), [(12345, "12,345"), (12.34, "12.3"), (1.234, "1.23"), (0.01234, "0.0123")])
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_a_machine_is_busy_by_its_load_at_the_start() -> None:
    assert machine.busy([99.0, 0.0])
    assert not machine.busy([0.0, 99.0])
    assert "×" in machine.machine()["processor"]


# ------------------------------------------------------------------------------------------------------ the plays


class Played(Bed):
    """A bed whose plays print what they are given."""

    def __init__(self, printed: str) -> None:
        super().__init__()
        self.printed, self.calls = printed, [()]

    def play(self, playbook: str, *arguments: str, inventory: str = "", **more: str) -> str:
        self.calls.append((playbook, *arguments))
        return self.printed

    def runner(self, command: str) -> str:
        return self.printed


RECAP = "{:<10} : ok=21   changed={}    unreachable={}    failed={}    skipped=8\n"


def test_a_run_is_measured_only_when_it_changes_nothing() -> None:
    assert site.converged(Played(RECAP.format("sandbox", 0, 0, 0))) == 21
    for printed in (RECAP.format("sandbox", 1, 0, 0), "nothing"):
        with pytest.raises(BenchError):
            site.converged(Played(printed))


def test_a_fleet_is_measured_only_when_every_site_is_converged() -> None:
    good = "".join(RECAP.format(name, 0, 0, 0) for name in fleet.names(2))
    fleet.run(Played(good), 2)
    fleet.run(Played(good.replace("changed=0", "changed=5")), 2, converged=False)
    for bad in (
        good.replace("changed=0", "changed=1", 1),
        RECAP.format("town01", 0, 0, 0),
        good.replace("town02", "x"),
    ):
        with pytest.raises(BenchError):
            fleet.run(Played(bad), 2)


def test_the_sandbox_must_say_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rehearsal.rehearsal(Played("profile bare_metal, 912 MB, state /x"), quick=True)
    assert found.figures == {"sandbox_memory": 912.0}
    assert "--cold" in found.notes[0]
    with pytest.raises(BenchError):
        rehearsal.rehearsal(Played("down"), quick=True)


def test_a_site_of_the_fleet_has_a_node_and_a_handler_of_its_own() -> None:
    node = fleet.node("town07", 1234)
    assert node["metadata"]["name"] == node["metadata"]["labels"]["kubernetes.io/hostname"] == "gpu-town07"
    assert {"nvidia", "nvidia-town07"} <= {handler["name"] for handler in node["status"]["runtimeHandlers"]}
    original = next(entry for entry in objects.profile_nodes("bare_metal") if entry["name"] == "gpu-1")
    assert "nvidia-town07" not in original["runtimeHandlers"]


def test_the_routers_of_twenty_sites_have_room() -> None:
    node = fleet.routers(1234)
    assert int(node["status"]["allocatable"]["cpu"]) >= 4 * fleet.SIZES[-1]
    assert node["spec"]["taints"] == []
    assert "nvidia.com/gpu" not in node["status"]["allocatable"]


def test_the_chart_of_the_fleet_lacks_the_kinds_only() -> None:
    def members(package: bytes) -> dict[str, bytes]:
        with tarfile.open(fileobj=io.BytesIO(package)) as archive:
            return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]

    whole, rest = members(charts.package(fleet.CHART)), members(fleet.without_kinds(charts.package(fleet.CHART)))
    assert set(whole) - set(rest) == {name for name in whole if "/crds/" in name} != set()
    assert all(whole[name] == content for name, content in rest.items())


def test_objects_for_the_comparison_disturb_no_pod_and_no_namespace() -> None:
    deployment = {"kind": "Deployment", "metadata": {"name": "a", "namespace": "vllm"}, "spec": {"replicas": 2}}
    changed = single.scratch(deployment)
    assert (changed["metadata"]["namespace"], changed["spec"]["replicas"]) == (single.SCRATCH, 0)
    assert "namespace" not in single.scratch({"kind": "RuntimeClass", "metadata": {"name": "nvidia"}})["metadata"]


# ------------------------------------------------------------------------------------------------- the command line


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command with results, documents and benchmarks of its own."""
    results = tmp_path / "results.json"
    monkeypatch.setattr(store.read, "__defaults__", (results,))
    monkeypatch.setattr(store.write, "__defaults__", (results,))
    monkeypatch.setattr(command, "DOCS", tmp_path)
    monkeypatch.setattr(command, "NEED_SANDBOX", frozenset())
    measured = Measured([Row("row", (1.0,))], {"api_requests": 41.0})
    monkeypatch.setattr(command, "BENCHMARKS", {"site": lambda bed, options: measured})
    return tmp_path


def test_one_command_measures_stores_writes_and_checks(stored: Path) -> None:
    assert command.main(["--write-docs", "--check", "--json", str(stored / "copy.json")]) == 0
    assert json.loads((stored / "copy.json").read_text())["benchmarks"]["site"]["figures"] == {"api_requests": 41.0}
    assert "| API requests of a converged run | 41.0 |" in (stored / "performance.md").read_text()
    assert ElementTree.fromstring((stored / "performance.svg").read_text()) is not None
    assert json.loads((stored / "performance.json").read_text()) == store.read()


def test_quick_results_are_not_stored_and_not_written(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.main(["--quick"]) == 0
    assert store.read()["benchmarks"] == {}
    with pytest.raises(SystemExit):
        command.main(["--quick", "--write-docs"])


def test_a_miss_and_a_failed_benchmark_have_their_exit_status(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = Measured([Row("row", (1.0,))], {"api_requests": 1000.0})
    monkeypatch.setattr(command, "BENCHMARKS", {"site": lambda bed, options: many})
    assert command.main(["--check"]) == 1

    def failing(bed: Any, options: Any) -> Measured:
        raise BenchError("no sandbox")

    monkeypatch.setattr(command, "BENCHMARKS", {"site": failing})
    assert command.main([]) == 2


def test_stored_results_can_be_written_without_measuring(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command.main([])
    monkeypatch.setattr(command, "BENCHMARKS", {})
    assert command.main(["--no-run", "--write-docs"]) == 0
    assert "41.0" in (stored / "performance.md").read_text()
