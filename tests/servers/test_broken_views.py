"""A view of MySQL's as the source that does not work: named, with what is wrong with it."""

from __future__ import annotations

import pytest

from tests.servers.launch import READER, Database
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.query import whole_table
from warehouse.mysql.url import parse_url

BROKEN = "is broken: a table, a column or a function that it names is gone"
GONE = "runs as the account gone@%, which is gone"
OWN_RIGHTS = "reads with the rights of this account, which lacks one on what the view reads"
WEAK_RIGHTS = "reads with the rights of weak@%, which lacks one on what the view reads"

_HIDDEN = (
    "DROP DATABASE IF EXISTS hidden",
    "CREATE DATABASE hidden",
    "CREATE TABLE hidden.t (id INT, s INT)",
)
_GONE = (
    "CREATE TABLE t (id INT)",
    "DROP USER IF EXISTS gone@'%'",
    "CREATE USER gone@'%'",
    "GRANT ALL ON shop.* TO gone@'%'",
    "CREATE DEFINER = gone@'%' SQL SECURITY DEFINER VIEW v AS SELECT * FROM t",
)
_WEAK = (
    "DROP USER IF EXISTS weak@'%'",
    "CREATE USER weak@'%'",
    "GRANT CREATE VIEW ON shop.* TO weak@'%'",
)
CASES: dict[str, tuple[tuple[str, ...], str]] = {
    "column gone": (
        (
            "CREATE TABLE t (id INT, s INT)",
            "CREATE VIEW v AS SELECT id, s FROM t",
            "ALTER TABLE t DROP COLUMN s",
        ),
        BROKEN,
    ),
    "column gone under a view under it": (
        (
            "CREATE TABLE t (id INT, s INT)",
            "CREATE VIEW u AS SELECT id, s FROM t",
            "CREATE VIEW v AS SELECT * FROM u",
            "ALTER TABLE t DROP COLUMN s",
        ),
        BROKEN,
    ),
    "table gone": (
        ("CREATE TABLE t (id INT)", "CREATE VIEW v AS SELECT * FROM t", "DROP TABLE t"),
        BROKEN,
    ),
    "function gone": (
        (
            "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1",
            "CREATE VIEW v AS SELECT f() AS x",
            "DROP FUNCTION f",
        ),
        BROKEN,
    ),
    "database gone": (
        (*_HIDDEN, "CREATE VIEW v AS SELECT * FROM hidden.t", "DROP DATABASE hidden"),
        BROKEN,
    ),
    "definer gone": ((*_GONE, "DROP USER gone@'%'"), GONE),
    "the reader's own rights": (
        (*_HIDDEN, "CREATE SQL SECURITY INVOKER VIEW v AS SELECT * FROM hidden.t"),
        OWN_RIGHTS,
    ),
    "the reader's own rights, on a column": (
        (
            *_HIDDEN,
            f"GRANT SELECT (id) ON hidden.t TO {READER}@'%'",
            "CREATE SQL SECURITY INVOKER VIEW v AS SELECT * FROM hidden.t",
        ),
        OWN_RIGHTS,
    ),
    "the reader's own rights, on a function": (
        (
            "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1",
            "CREATE SQL SECURITY INVOKER VIEW v AS SELECT f() AS x",
        ),
        OWN_RIGHTS,
    ),
    "the definer's rights": (
        (
            *_HIDDEN,
            *_WEAK,
            "CREATE DEFINER = weak@'%' SQL SECURITY DEFINER VIEW v AS SELECT * FROM hidden.t",
        ),
        WEAK_RIGHTS,
    ),
}


def failure(server: Database, table: str = "v") -> str:
    with pytest.raises(WarehouseError) as caught:
        open_extraction(parse_url(server.url()), whole_table(table))
    return str(caught.value)


@pytest.mark.parametrize("may_see", [False, True], ids=["", "show view"])
@pytest.mark.parametrize("case", CASES)
def test_a_view_that_does_not_work(server: Database, case: str, may_see: bool) -> None:
    statements, said = CASES[case]
    server.run(*statements)
    if may_see:  # MySQL then tells the error itself, and not that there is one
        server.run(f"GRANT SHOW VIEW ON shop.* TO {READER}@'%'")
    try:
        text = failure(server)
    finally:
        if may_see:
            server.run(f"REVOKE SHOW VIEW ON shop.* FROM {READER}@'%'")
        server.run(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {READER}@'%'")
        server.run(f"GRANT SELECT ON shop.* TO {READER}@'%'")
    assert "The view `v` in MySQL at reader@" in text
    assert said in text, text
    assert len(text.splitlines()) == 3
    assert "Did you mean" not in text
    assert "password" not in text


def test_views_that_work(server: Database) -> None:
    server.run(
        "CREATE TABLE t (id INT, `s p``a'c\"e` INT)",
        "CREATE VIEW v AS SELECT * FROM t",
        "CREATE VIEW `w``x y` AS SELECT * FROM v",
    )
    for view in ("v", "w`x y"):
        assert len(open_extraction(parse_url(server.url()), whole_table(view)).plan.columns) == 2


def test_no_table_and_no_view(server: Database) -> None:
    server.run("CREATE TABLE vv (id INT)")
    assert "shows this account no table `v`. Did you mean vv?" in failure(server)
