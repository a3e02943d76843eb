# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report page in a real browser: no complaint, no request, no overflow, both widths, both themes, and paper.

Screenshots are left in ``tests/output/report`` for a person to look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.site import palette
from ansible_collections.inferops.vllm.plugins.module_utils.site.page import render
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import build

from tests.unit.site_report.samples import EVIL, RUNS

pytest.importorskip("websocket")
from tests.browser.devtools import Tab, browser, executable

PROGRAM = executable()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on PATH")
SHOTS = Path(__file__).resolve().parents[1] / "output" / "report"


@pytest.fixture(scope="module")
def program() -> Iterator[Tab]:
    with browser(str(PROGRAM)) as tab:
        yield tab


@pytest.fixture
def tab(program: Tab) -> Tab:
    program.complaints.clear()
    program.requests.clear()
    return program


def page(name: str, folder: Path) -> Path:
    path = folder / f"{name}.html"
    path.write_text(render(build(RUNS[name]())), encoding="utf-8")
    return path


def rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(("theme", "colours"), [("light", palette.LIGHT), ("dark", palette.DARK)])
def test_page_in_a_browser(
    tab: Tab, tmp_path: Path, name: str, width: int, theme: str, colours: dict[str, str]
) -> None:
    path = page(name, tmp_path)
    tab.open(path, width, theme)
    SHOTS.mkdir(parents=True, exist_ok=True)
    assert tab.screenshot(SHOTS / f"{name}-{width}-{theme}.png")[:4] == b"\x89PNG"
    assert tab.complaints == []
    assert set(tab.requests) == {path.as_uri()}
    assert tab.value("document.documentElement.scrollWidth") == width
    assert tab.value("getComputedStyle(document.body).backgroundColor") == rgb(colours["paper"])
    assert tab.value("getComputedStyle(document.querySelector('h1')).color") == rgb(colours["ink"])


def test_bars_are_to_scale_in_the_browser(tab: Tab, tmp_path: Path) -> None:
    tab.open(page("served", tmp_path), 1280, "light")
    measure = "[...document.querySelectorAll('.bar')].map(b => b.getBoundingClientRect().width)"
    big, same, small = tab.value(measure)
    assert big == same
    assert small / big == pytest.approx(19866 / 81223, abs=0.005)


def test_hostile_texts_do_not_run(tab: Tab, tmp_path: Path) -> None:
    tab.open(page("hostile", tmp_path), 1280, "light")
    assert tab.value("document.querySelectorAll('script, img').length") == 0
    assert EVIL in tab.value("document.body.innerText")


def test_paper_is_white_and_holds_what_is_folded_on_the_screen(tab: Tab, tmp_path: Path) -> None:
    tab.open(page("served", tmp_path), 1000, "dark", media="print")
    SHOTS.mkdir(parents=True, exist_ok=True)
    tab.screenshot(SHOTS / "served-paper.png")
    assert tab.value("getComputedStyle(document.querySelector('h1')).color") == rgb(palette.LIGHT["ink"])
    assert tab.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.value("getComputedStyle(document.documentElement).colorScheme") == "light"
    assert tab.value("document.querySelector('details article').getBoundingClientRect().height") > 20


def test_a_keyboard_reaches_the_skip_link_first(tab: Tab, tmp_path: Path) -> None:
    tab.open(page("served", tmp_path), 1280, "light")
    for kind in ("keyDown", "keyUp"):
        tab.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert tab.value("document.activeElement.className") == "skip"
    assert tab.value("document.activeElement.getBoundingClientRect().left") >= 0
