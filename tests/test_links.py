"""Each link of the docs leads somewhere, and each page is linked to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from warehouse.settings import ROOT

DOCS = sorted(ROOT.glob("docs/*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS, *sorted(ROOT.glob("notebooks/*.ipynb"))]
STARTS = ("README.md", "docs/README.md")
"""From here a reader finds every page."""


def text_of(page: Path) -> str:
    """Return a page's prose, without its blocks of code."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells if is_prose(cell))
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def is_prose(cell: dict[str, object]) -> bool:
    return cell["cell_type"] == "markdown"


def links(page: Path) -> list[str]:
    prose = re.sub(r"`[^`\n]*`", "code", text_of(page))
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def anchors(page: Path) -> set[str]:
    """Return what a `#` may name: each heading as GitHub makes an anchor of it."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def wrong(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere in this repository."""
    lost = []
    for link in links(page):
        if re.match(r"\w+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_somewhere(page: Path) -> None:
    assert wrong(page) == []


def test_every_page_is_found_from_the_start() -> None:
    for start in STARTS:
        page = ROOT / start
        linked = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        assert {*DOCS} - {page} - linked == set(), start


def test_a_wrong_link_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# There\n\n## And `here`: now\n")
    page = tmp_path / "page.md"
    page.write_text("[a](there.md#and-here-now) [b](there.md#gone) [c](gone.md) [d](#page)\n")
    assert wrong(page) == ["there.md#gone", "gone.md", "#page"]
