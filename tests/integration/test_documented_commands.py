# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command block of the documentation is run as it is printed, page by page, in the order of the page.

The reader's own inventories (``inventories/town``, ``mytown`` and a fleet) are the sandbox here. What a reader fills in
is filled in (:data:`FILLED_IN`); what cannot run in a test is named with the reason (:data:`NOT_RUN`), and
tests/docs/test_commands.py still checks that it names what exists.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.commands import PAGES, ROOT, Command, in_blocks
from tests.integration.conftest import Sandbox, account_of

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

BIN = Path(sys.executable).parent
SITES = {"town": "aarhus", "mytown": "mytown", "bare_metal": "mytown", "fleet": "[vgpu]\ntown07"}
"""Inventory of the documentation -> the sandbox as a host of it."""

FILLED_IN = {
    "HF_TOKEN=…": "HF_TOKEN=hf_AnotherTokenThatAReaderFillsIn0001",
    "$HOME/src/site": "{work}/site",
    "FULL_COMMIT_ID": "{commit}",
}
NOT_RUN = {
    "make test": "it is what runs this test",
    "make faults": "an hour: the catalogue of faults has tests of its own",
    "python tools/engine_table.py add 0.34.0 --source <unpacked wheel>": "needs the wheel of a vLLM of the future",
}
PAGES_WITH_COMMANDS = [page for page in PAGES if any(in_blocks(page))]


class Reader:
    """Somebody who types what a page prints, in a checkout of their own."""

    def __init__(self, work: Path, sandbox: Sandbox) -> None:
        self.work, self.sandbox = work, sandbox
        self.checkout = work / "checkout"
        self.checkout.mkdir(parents=True)
        own = {".cache", ".git", "inventories", "local-secrets", "report"}
        for entry in ROOT.iterdir():
            if entry.name not in own:
                (self.checkout / entry.name).symlink_to(entry)
        self._inventories()
        subprocess.run(["git", "clone", "--quiet", sandbox.state["git_url"], str(work / "site")], check=True)

    def _inventories(self) -> None:
        folder = self.checkout / "inventories"
        folder.mkdir()
        (folder / "sandbox").symlink_to(ROOT / "inventories" / "sandbox")
        for name, hosts in SITES.items():
            (folder / name / "host_vars").mkdir(parents=True)
            (folder / name / "group_vars").symlink_to(ROOT / "inventories" / "sandbox" / "group_vars")
            (folder / name / "hosts.ini").write_text(f"{hosts}\n")

    def edit(self, inventory: str, line: str) -> None:
        """Set a variable of the site, as the page says."""
        host = SITES[inventory].split()[-1]
        (self.checkout / "inventories" / inventory / "host_vars" / f"{host}.yml").write_text(f"{line}\n")

    def types(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run one line in the reader's shell."""
        commit = self.sandbox.git("log", "-1", "--format=%H", "--grep=Inferops-Stage: application", "main")
        for printed, filled in FILLED_IN.items():
            text = text.replace(printed, filled.format(work=self.work, commit=commit))
        cache = Path.home() / ".cache" / "inferops-vllm" / "sandbox"
        tools = sorted({str(Path(program).parent) for program in self.sandbox.state["binaries"].values()})
        path = ":".join([str(BIN), *tools, "/usr/local/bin", "/usr/bin", "/bin"])
        playbook = re.search(r"playbooks/(\w+)\.yml", text)
        account = account_of(playbook[1] if playbook else "site")
        kubeconfig = self.sandbox.state["kubeconfig"]  # the reader's own kubectl; plays have the inventory's
        own = {"PATH": path, "SANDBOX_CACHE": str(cache), "SANDBOX_ACCOUNT": account, "KUBECONFIG": kubeconfig}
        environment = self.sandbox.surroundings(own)
        environment["ANSIBLE_CONFIG"] = str(self.checkout / "ansible.cfg")
        for name in ("MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS"):  # what the make that runs this test was told
            environment.pop(name, None)
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def reader(fresh: Callable[[str], Sandbox], tmp_path: Path) -> Reader:
    return Reader(tmp_path, fresh("bare_metal"))


def before(reader: Reader, command: Command) -> None:
    """What the page tells the reader to do before the command."""
    if command.page == "docs/operations.md" and "upgrade.yml" in command.text:
        reader.edit("town", "vllm_image_tag: v0.12.1")


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_what_a_page_prints_works(page: Path, reader: Reader) -> None:
    inventory = "mytown" if page.name == "report.md" else "sandbox"
    done = reader.types(f"ansible-playbook playbooks/site.yml -i inventories/{inventory}")
    assert done.returncode == 0, done.stdout + done.stderr
    ran = 0
    for command in in_blocks(page):
        line = command.text.partition(" #")[0].strip()
        if any(line == text or line.startswith(f"{text} ") for text in NOT_RUN):
            continue
        before(reader, command)
        done = reader.types(command.text)
        assert done.returncode == 0, f"{command}: {command.text}\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
        ran += 1
    assert ran or page.name == "values.md", f"no command of {page.name} was run"
