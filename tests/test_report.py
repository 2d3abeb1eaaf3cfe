"""`report`: one HTML file from a notebook or from Markdown, which asks nobody for anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import chromium
from warehouse.errors import WarehouseError
from warehouse.report.execution import read
from warehouse.report.markdown_file import blocks, read_markdown
from warehouse.report.origin import Origin
from warehouse.report.page import Report, render
from warehouse.settings import ROOT

SECRET = "hidden-in-the-url"
IN_CHROMIUM = pytest.mark.skipif(chromium.CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="session")
def env(failed_run: Mapping[str, str]) -> dict[str, str]:
    return {**failed_run, "WAREHOUSE_MYSQL_URL": f"mysql://me:{SECRET}@127.0.0.1:1/shop"}


def report(env: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warehouse", "report", *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
    )


def written(env: dict[str, str], folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.md").write_text(text, encoding="utf-8")
    return report(env, folder, "mine.md")


@IN_CHROMIUM
def test_the_shipped_report_in_chromium(env: dict[str, str], tmp_path: Path) -> None:
    done = report(env, tmp_path, str(ROOT / "notebooks" / "report.md"), "--output", "page.html")
    assert (done.returncode, done.stdout) == (0, "page.html\n"), done.stderr
    assert SECRET not in (tmp_path / "page.html").read_text(encoding="utf-8")
    address = (tmp_path / "page.html").as_uri()
    with chromium.page(tmp_path / "profile") as page:
        page.open(address)
        asked = page.requests.values()
        assert [url for url in asked if not url.startswith("data:")] == [address]
        assert page.complaints == []
        assert page.value("document.querySelector('h1').innerText") == "Orders of the shop"
        plots = "[...document.images].map(i => i.complete && i.naturalWidth)"
        assert len(page.value(plots)) == 3 and min(page.value(plots)) > 800
        footer = page.value("document.querySelector('footer').innerText")
        assert re.search(r"Snapshot 1 of the warehouse, published \d{4}-[-\d]+ [:\d]+ UTC", footer)
        assert re.search(
            r"mysql_orders\s.*\d+ \w+\s+10,000\s+127\.0\.0\.1:\d+/shop\.orders", footer
        )
        assert page.value("document.querySelectorAll('details.code').length") == 6
        assert page.value("document.querySelectorAll('details[open]').length") == 0
        seen = {}
        for scheme in ("light", "dark"):
            feature = {"name": "prefers-color-scheme", "value": scheme}
            page.ask("Emulation.setEmulatedMedia", features=[feature])
            seen[scheme] = page.value("getComputedStyle(document.body).backgroundColor")
        assert seen == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}


@IN_CHROMIUM
def test_a_notebook_is_run_anew(env: dict[str, str], tmp_path: Path) -> None:
    cells = [
        ("markdown", "# Mine"),
        ("code", "%load_ext warehouse.notebook"),
        ("code", "%%sql\nselect count(*) as held from mysql_orders"),
        ("code", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"),
        ("markdown", f"![](data:,)\n\n<style>@import url('{env['HOME']}/x.css')</style>"),
    ]
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {},
        "cells": [
            {"cell_type": kind, "id": f"c{number}", "metadata": {}, "source": text}
            | ({"outputs": [], "execution_count": None} if kind == "code" else {})
            for number, (kind, text) in enumerate(cells)
        ],
    }
    before = json.dumps(notebook)
    (tmp_path / "mine.ipynb").write_text(before)
    done = report(env, tmp_path, "mine.ipynb")
    assert (done.returncode, done.stdout) == (0, "report.html\n"), done.stderr
    assert (tmp_path / "mine.ipynb").read_text() == before, "the notebook itself stays as it was"
    with chromium.page(tmp_path / "profile") as page:
        page.open((tmp_path / "report.html").as_uri())
        assert "10000" in page.value("document.querySelector('table.dataframe').innerText")
        assert page.value("document.images[0].naturalWidth") > 500
        # What somebody smuggles in is not fetched: the page forbids it.
        assert not [url for url in page.requests.values() if url.endswith("x.css")]
        assert any("x.css" in text for text in page.complaints)


def test_tables_show_each_value_as_it_is(env: dict[str, str], tmp_path: Path) -> None:
    query = (
        "select 2026 as year, 12434.50::decimal(9,2) as amount, '<b>&' as text, null as none "
        "union all select 2025, 0.1, null, null order by year desc"
    )
    done = written(env, tmp_path, f"```sql\n{query}\n```\n\n```text\n```sql\n```\n")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    (table,) = re.findall(r"<table>\s*<thead>\s*<tr>\s*<th[^>]*>\s*year.*?</table>", page, re.S)
    cells = [cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", table, re.S)]
    assert cells == ["2026", "12,434.50", "&lt;b&gt;&amp;", "", "2025", "0.10", "", ""]
    assert "<title>Mine</title>" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# T\n\n```sql\nselect x from orders_cleaned\n```", "md, line 3: There is no column x"),
        ("```sql show=bar\nselect 'a'\n```", "line 1: show=bar needs a column of numbers"),
    ],
)
def test_a_query_that_fails_names_its_line(
    env: dict[str, str], tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "report.html").write_text("the last one")
    done = written(env, tmp_path, text)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(said, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "report.html").read_text() == "the last one"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```sql show=pie\nselect 1\n```", "mine.md, line 1: `show=pie` behind sql is not"),
        ("a\n\n```sql\nselect 1", "mine.md, line 3: the block of sql does not end"),
        ("![logo](https://example.com/logo.png)", "shows https://example.com/logo.png, which is"),
        ("<script>alert(1)</script>", "shows a <script>"),
    ],
)
def test_what_makes_no_page(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.md"
    file.write_text(text)
    now = datetime.now(UTC)
    with pytest.raises(WarehouseError, match=re.escape(said)):
        render(read_markdown(file), Report(file, (Origin(1, now),), now))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "no.ipynb").write_text("no notebook")
    (tmp_path / "no.txt").write_text("no notebook")
    for name, said in (
        ("missing.md", "There is no file .*missing.md"),
        ("no.ipynb", "no.ipynb cannot be read"),
        ("no.txt", "neither a notebook nor Markdown"),
    ):
        with pytest.raises(WarehouseError, match=said):
            read(tmp_path / name)


def test_what_is_a_block() -> None:
    text = "a\n````text\n```sql\n````\n```SQL\nx\n```\n~~~ sql name show=line\nselect 1\n~~~\nb"
    found = [(block.line, block.words, block.text) for block in blocks(text, Path("f.md"))]
    assert found == [
        (1, (), "a\n````text\n```sql\n````\n```SQL\nx\n```"),
        (8, ("sql", "name", "show=line"), "select 1"),
        (11, (), "b"),
    ]
    with pytest.raises(WarehouseError, match=r"f\.md, line 1"):
        list(blocks("```python\n1", Path("f.md")))
