"""The stories of docs/first-hour.md, from its commands: what they print, and how long they take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from tests.servers import strange
from tests.stories import Shell, blocks, commit, environment, git, install, make_origin, missing

if TYPE_CHECKING:
    from tests.servers.launch import Database

PAGE = "first-hour.md"
BAR_SECONDS = 120


class Desk:
    """A folder with a clone of the product in it, and somebody who works there."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.origin = folder / "origin"
        self.origin.mkdir()
        make_origin(self.origin)
        self.clone = folder / "warehouse"
        git(folder, "clone", "--quiet", str(self.origin), str(self.clone))
        install(self.clone)
        url = database.url(strange.DATABASE)
        self.shell = Shell(self.clone, environment(folder / "home", self.clone, URL=url))
        self.ours = folder / "our-warehouse"
        self.replaced = {
            f"{database.host}:{database.port}": "db.example.com:3306",
            str(folder): "/home/ann",
        }

    def follow(self, heading: str) -> None:
        """Do what the page says under a heading, and see that it prints what stands there."""
        for commands, shown in blocks(PAGE, heading):
            printed = self.shell.run(commands)
            assert missing(shown, printed, self.replaced) == [], printed

    def query(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(self.ours / "data" / "warehouse.duckdb"), read_only=True) as open_:
            return open_.execute(sql).fetchall()


@pytest.fixture
def desk(crowd: Database, tmp_path: Path) -> Desk:
    return Desk(tmp_path, crowd)


def test_from_nothing_to_the_first_row_of_ones_own(desk: Desk) -> None:
    desk.follow("Your own MySQL")
    commands = [line for text, _ in blocks(PAGE, "Your own MySQL") for line in text.splitlines()]
    assert len([line for line in commands if re.match("just (init|add|materialize)", line)]) == 3
    assert desk.shell.seconds < BAR_SECONDS
    assert desk.query("SELECT id, code FROM mysql_shop_orders") == [(1, 7)]
    columns = desk.query("SELECT * FROM (DESCRIBE mysql_shop_users)")
    assert "password_hash" not in [name for name, *_ in columns]
    assert git(desk.clone, "status", "--porcelain") == "", "nothing of it lies in the product"


@pytest.mark.parametrize("crowd", ["mariadb"], indirect=True)
def test_an_update_of_the_product(desk: Desk) -> None:
    parts = list(blocks(PAGE, "A team"))
    for number, (commands, shown) in enumerate(parts):
        if "git pull" in commands:
            assert git(desk.clone, "status", "--porcelain") == ""
            before = desk.query("FROM orders_cleaned"), git(desk.ours, "rev-parse", "HEAD")
            a_later_version(desk.origin)
        printed = desk.shell.run(commands)
        assert missing(shown, printed, desk.replaced) == [], (number, printed)
        if "git pull" in commands:
            assert "CONFLICT" not in printed
            assert "later" in (desk.clone / "README.md").read_text()
            assert (
                desk.query("FROM orders_cleaned"),
                git(desk.ours, "rev-parse", "HEAD"),
            ) == before
            for folder in (desk.clone, desk.ours):
                assert git(folder, "status", "--porcelain") == ""


def a_later_version(origin: Path) -> None:
    """Change in the product what is most likely to be in somebody's way."""
    for name in (
        *("README.md", "justfile", "dagster.yaml", ".env.example", ".gitignore"),
        *(f"warehouse/project/template/{name}" for name in ("README.md", "justfile", "gitignore")),
    ):
        with (origin / name).open("a") as file:
            file.write("\n# later\n")
    for view in [*(origin / "warehouse" / "sql").rglob("*.sql")]:
        view.write_text("-- later\n" + view.read_text())
    (origin / "warehouse" / "sql" / "sources" / "mysql_shop_orders.sql").write_text(
        "select id from orders\n"
    )
    commit(origin, "A later version")
