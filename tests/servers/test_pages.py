"""Each command of README.md and of docs/*.md is run, and prints what the page shows.

A page begins in a fresh clone in which `just materialize` was given once, and goes on from block to
block. The README begins with nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pages import Block, differences, page_text, read_page
from tests.servers.orders import fill, make_orders, order
from tests.stories import Shell, environment, fresh_clone, install, make_origin
from warehouse.settings import ROOT

if TYPE_CHECKING:
    from tests.servers.launch import Database

README = "README.md"
ELSEWHERE = {
    "docs/first-hour.md": "tests/servers/test_first_hour.py",
    "docs/dagster-project.md": "tests/test_existing_project.py",
}
"""The pages that a test of their own runs."""
PAGES = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md"))

INSTALLATION = "python3 -m venv .venv && . .venv/bin/activate && pip install --quiet rust-just && "
"""`.ci/run` does that. Here the clone is given what it would install."""
INSTALLS = "First use: installing"
EXAMPLE = re.compile(r"mysql\+pymysql://\w+:\w+@\w+\.example\.com:3306/(\w+)")
FOR_MYSQL = re.compile(r"\s*(CREATE (DATABASE|USER)|GRANT)\b")
CREATED_BY_PAGES = (
    "DROP DATABASE IF EXISTS cache",
    "DROP USER IF EXISTS warehouse@'%', cache@'%'",
)
EXAMPLE_TIME = "2026-10-31 14:00"
"""It stands for the time at which a page begins."""
CELLS = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext warehouse.notebook")
for cell in {cells!r}:
    shell.run_cell(cell).raise_error()
"""


class Desk:
    """A clone of the product, somebody who works in it, and a MySQL."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.folder = folder
        self.clone = folder / "warehouse"
        self.database = database
        self.shell = Shell(folder, environment(folder / "home", self.clone))
        self.replaced = {
            f"{database.host}:{database.port}": "db.example.com:3306",
            str(folder): "…",
        }
        self._began = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
        self._cells: list[str] = []

    def do(self, block: Block) -> str:
        """Do what a block says, and return what is printed."""
        text = EXAMPLE.sub(lambda found: self.database.url(found[1]), block.text)
        text = text.replace(EXAMPLE_TIME, self._began)
        if block.file:
            return self._write(block.file, text, block.added)
        if block.language == "sh":
            return self.shell.run(text, block.exit_code)
        if block.language == "python" or text.startswith("%%"):
            self._cells.append(text)
            script = self.folder / "cells.py"
            script.write_text(CELLS.format(cells=self._cells), encoding="utf-8")
            return self.shell.run(f"python {script}")
        if FOR_MYSQL.match(text):
            statements = re.sub(r"--.*$", "", text, flags=re.MULTILINE).split(";")
            self.database.run(*filter(str.strip, statements))
            return ""
        return self.shell.run(f"just sql <<'SQL'\n{text}\nSQL")

    def _write(self, name: str, text: str, added: bool) -> str:
        path = self.shell.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text(encoding="utf-8") if added else ""
        path.write_text(before + text, encoding="utf-8")
        return ""


@pytest.fixture(scope="module")
def shop(mariadb: Database) -> Iterator[Database]:
    """A MariaDB with what the pages load from db.example.com and crm.example.com."""
    mariadb.start()
    mariadb.run(
        *CREATED_BY_PAGES,  # other tests make such a database, too
        "CREATE DATABASE IF NOT EXISTS shop",
        "CREATE DATABASE IF NOT EXISTS crm",
    )
    # As many as the sample has: a load that would lose most of a table's rows is refused.
    make_orders(mariadb, [order(1)])
    fill(mariadb, 10_000)
    mariadb.run(
        "INSERT IGNORE INTO customers SELECT id, 'Ann' FROM orders WHERE id <= 2000",
        "CREATE TABLE IF NOT EXISTS crm.customers (id INT PRIMARY KEY, name VARCHAR(80))",
        "GRANT SELECT ON crm.* TO reader@'%'",
    )
    yield mariadb
    mariadb.run(
        "REVOKE SELECT ON crm.* FROM reader@'%'",
        "DROP DATABASE crm",
        *CREATED_BY_PAGES,
    )


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the product."""
    folder = tmp_path_factory.mktemp("origin")
    make_origin(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, origin: Path) -> Path:
    """A clone in which the first command was given."""
    folder = tmp_path_factory.mktemp("loaded")
    clone = fresh_clone(folder, origin)
    Shell(clone, environment(folder / "home", clone)).run("just materialize")
    return clone


def follow(desk: Desk, text: str) -> None:
    """Do what a page says from its top to its end, and compare what it shows."""
    page = read_page(text)
    assert page.loose == [], "blocks in these lines are neither run nor say why"
    for step in page.steps:
        printed = desk.do(step)
        if step.shown is not None:
            found = differences(step.shown, printed, desk.replaced)
            if found:
                pytest.fail(f"line {step.line} shows something else:\n{found}")


def test_the_readme(tmp_path: Path, origin: Path, shop: Database) -> None:
    desk = Desk(tmp_path, shop)
    fresh_clone(tmp_path, origin)
    text = page_text(README)
    cloned = "git clone <this repository's URL> warehouse && cd warehouse"
    assert text.count(cloned) == text.count(INSTALLATION) == 1
    text = text.replace(cloned, "cd warehouse").replace(INSTALLATION, "")
    follow(desk, "".join(one for one in text.splitlines(True) if not one.startswith(INSTALLS)))


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ELSEWHERE])
def test_a_page(name: str, tmp_path: Path, loaded: Path, shop: Database) -> None:
    text = page_text(name)
    if not read_page(text).steps:
        assert read_page(text).loose == []
        return
    desk = Desk(tmp_path, shop)
    shutil.copytree(loaded, desk.clone, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
    install(desk.clone)
    desk.shell.folder = desk.clone
    follow(desk, text)


@pytest.mark.parametrize(("page", "test"), ELSEWHERE.items())
def test_the_other_pages_have_a_test_of_their_own(page: str, test: str) -> None:
    assert Path(page).name in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("orders 9", "orders 10"),
        ("orders 9", "orders 9\nand more"),
        ("orders 9\n…\nlast", "orders 9"),
        ("a\nb", "b\na"),
    ],
)
def test_another_output_is_noticed(shown: str, printed: str) -> None:
    assert differences(shown.splitlines(), printed, {}) != ""


def test_what_a_machine_makes_may_differ() -> None:
    shown = ["10:00:01  b came in 1.2 s", "10:00:01  a came from …", "…", "done …"]
    printed = "11:30:59  a came from here\n11:31:00  b came in 33.4 s\nor\nso\ndone at last\n"
    assert differences(shown, printed, {}) == ""


def test_a_block_that_is_not_run_says_why() -> None:
    blocks = ("```sh\njust dev\n```\n", "```text\nan output\n```\n", "```\nanything\n```\n")
    reason = "*Not run by the tests: it opens a browser.*\n\n"
    assert read_page(blocks[0] + "\n" + blocks[1]).loose == []
    assert read_page(blocks[0] + "\nIt prints:\n\n" + blocks[1]).loose == [7]
    assert read_page(reason + blocks[0] + "\n" + blocks[1]).loose == [7]
    assert read_page(blocks[2]).loose == [1]
    assert read_page(reason + blocks[2]).loose == []
