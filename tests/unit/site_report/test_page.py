# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page: well-formed, self-contained, escaped, legible."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from ansible_collections.inferops.vllm.plugins.module_utils.site import palette
from ansible_collections.inferops.vllm.plugins.module_utils.site.gpu_map import gpu_bar
from ansible_collections.inferops.vllm.plugins.module_utils.site.markup import Html, join, tag
from ansible_collections.inferops.vllm.plugins.module_utils.site.page import duration, render
from ansible_collections.inferops.vllm.plugins.module_utils.site.report import build

from tests.unit.site_report.samples import EVIL, RUNS, hostile, served

VOID = {"meta", "br"}
KNOWN = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "main", "footer", "section", "article", "div", "p",
    "h1", "h2", "h3", "span", "strong", "code", "dl", "dt", "dd", "ul", "ol", "li", "svg", "rect", "line", "path",
    "blockquote", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "br",
}  # fmt: skip


class Reader(HTMLParser):
    """Reads a page as a browser would; every element must be one of ours and be closed in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append((name, dict(attributes)))
        if name not in VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.append((name, dict(attributes)))

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name

    def handle_data(self, text: str) -> None:
        self.text.append(text)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", RUNS)
def test_page_is_well_formed_and_self_contained(name: str) -> None:
    page = read(render(build(RUNS[name]())))
    assert {element for element, _ in page.seen} <= KNOWN
    for element, attributes in page.seen:
        assert not {key for key in attributes if key.startswith("on") or key in ("src", "srcset", "style")}
        if "href" in attributes:
            assert element == "a"
            assert re.match(r"(#|https?://|[\w.-]+\.json$)", str(attributes["href"]))


def test_hostile_texts_are_shown_and_never_run() -> None:
    page = read(render(build(hostile())))
    assert not {"script", "img"} & {element for element, _ in page.seen}
    shown = "".join(page.text)
    assert shown.count(EVIL) > 20
    assert "javascript:" in shown


@pytest.mark.parametrize("name", RUNS)
def test_headings_go_down_one_level_at_a_time_and_sections_are_named(name: str) -> None:
    page = read(render(build(RUNS[name]())))
    levels = [int(element[1]) for element, _ in page.seen if re.fullmatch(r"h[1-6]", element)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = {attributes["id"] for _, attributes in page.seen if "id" in attributes}
    labels = [attributes["aria-labelledby"] for _, attributes in page.seen if "aria-labelledby" in attributes]
    assert labels
    assert set(labels) <= ids


def test_every_picture_is_described_or_hidden() -> None:
    page = read(render(build(served())))
    pictures = [attributes for element, attributes in page.seen if element == "svg"]
    assert pictures
    described = [p["aria-label"] for p in pictures if p.get("role") == "img"]
    assert "A100-SXM4-80GB 1 of 2, 79.3 GiB: mistral needs 49.6 GiB and reserves 71.4 GiB" in described


def test_what_stops_a_run_comes_before_the_map() -> None:
    page = render(build(RUNS["stopped"]()))
    assert page.index('id="findings"') < page.index('id="map"')
    page = render(build(served()))
    assert page.index('id="findings"') > page.index('id="map"')


def widths(drawn: str) -> dict[str, float]:
    return {part: float(width) for width, part in re.findall(r'width="([\d.]+)%" height="100%" class="(\w)"', drawn)}


FIT = {"weights": 40.0, "needed": 50.0, "reserved": 72.0, "verdict": "fits"}


def test_bars_are_drawn_to_scale() -> None:
    assert widths(gpu_bar(80, FIT, "instruct", "label", 100)) == {"f": 100, "r": 90, "n": 62.5, "w": 50}
    assert 'width="25.00%" height="40"' in gpu_bar(20, None, "instruct", "label", 25)


def test_a_model_that_does_not_fit_is_drawn_full_and_red() -> None:
    drawn = gpu_bar(20, FIT, "instruct", "label", 100)
    assert widths(drawn) == {"f": 100, "r": 100, "x": 100}


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["LIGHT", "DARK"])
@pytest.mark.parametrize(("text", "ground"), palette.READ_ON)
def test_text_has_enough_contrast(theme: str, text: str, ground: str) -> None:
    colours = getattr(palette, theme)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["LIGHT", "DARK"])
@pytest.mark.parametrize("hue", ["a", "b"])
def test_parts_of_a_bar_can_be_told_apart(theme: str, hue: str) -> None:
    colours = getattr(palette, theme)
    for one, other in ((hue, f"{hue}-mid"), (f"{hue}-mid", f"{hue}-wash")):
        assert contrast(colours[one], colours[other]) >= 1.5
    assert contrast(colours[f"{hue}-mid"], colours["card"]) >= 3 or contrast(colours[hue], colours["card"]) >= 3


def test_palettes_have_the_same_names() -> None:
    assert palette.LIGHT.keys() == palette.DARK.keys()


def test_markup_escapes_text_and_attributes_and_not_itself() -> None:
    assert tag("p", "<b>", Html("<i>"), None, title='"&') == '<p title="&quot;&amp;">&lt;b&gt;<i></p>'
    assert tag("br") == "<br>"
    assert tag("rect", class_="w", aria_hidden="true") == '<rect class="w" aria-hidden="true"/>'
    assert tag("p", hidden=None) == "<p></p>"
    assert join(["a", Html("&")]) == "a&"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (3599.6, "1 h 00 min"), (7320, "2 h 02 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
