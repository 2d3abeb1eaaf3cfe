"""A schema that nobody designed for this: sixty tables of an ERP, loaded in one run."""

from __future__ import annotations

import os
import random
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

TABLES = 60
LARGE = int(os.environ.get("LARGE_TABLE_ROWS", "2_000_000"))
"""Rows of one table; made, and compared, inside the servers."""
ROW = "CONCAT_WS('|', k1, k2, v, COALESCE(note, 'none'))"
NAMES = ["order", "select", "Größe", "T 001", "a`b", "group", "key", "条目", "MiXeD", "x.y", "desc"]
TYPES: dict[str, Callable[[random.Random], object]] = {
    "INT": lambda r: r.randrange(-(2**31), 2**31),
    "BIGINT UNSIGNED": lambda r: r.randrange(2**64),
    "DECIMAL(15,4)": lambda r: f"{r.randrange(-(10**15), 10**15) / 10**4:.4f}",
    "VARCHAR(120)": lambda r: "".join(r.choice("aé 🎁'\\\n\"%") for _ in range(r.randrange(20))),
    "VARCHAR(40) CHARACTER SET latin1": lambda r: "".join(r.choice("äöü x") for _ in range(9)),
    "TEXT": lambda r: "z" * r.randrange(3000),
    "DATE": lambda r: f"{r.randrange(1000, 9999)}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}",
    "DATETIME(6)": lambda r: f"2024-02-29 {r.randrange(24):02}:00:00.{r.randrange(10**6):06}",
    "DOUBLE": lambda r: r.choice([0.1, 1e300, -2.5e-10, 12345.678]),
    "ENUM('new', 'old', 'Ü')": lambda r: r.choice(["new", "old", "Ü"]),
    "TINYINT(1)": lambda r: r.randrange(2),
    "VARBINARY(30)": lambda r: r.randbytes(r.randrange(30)),
    "SMALLINT": lambda r: r.randrange(-(2**15), 2**15),
}


@dataclass(frozen=True)
class Made:
    """A table as it was made: its name in MySQL, and its columns."""

    name: str
    columns: list[str]
    view: bool = False


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def make_schema(database: Database) -> dict[str, Made]:
    """Create and fill the tables, and a large one. Returns the others by their sources' names."""
    chance = random.Random(60)
    made: dict[str, Made] = {}
    with closing(database.admin("shop")) as connection, connection.cursor() as cursor:
        for number in range(TABLES - 2):
            name = NAMES[number] if number < len(NAMES) else f"erp_{number:03}"
            count = {0: 1, 1: 180, 2: 2}.get(number % 20, chance.randrange(2, 15))
            types = [chance.choice(list(TYPES)) for _ in range(count)]
            columns = [f"c{i}" if i % 7 else f"{chance.choice(NAMES)}{i}" for i in range(count)]
            listed = [f"{quoted(c)} {t} NULL" for c, t in zip(columns, types, strict=True)]
            key = {0: "", 1: ", PRIMARY KEY (k1)", 2: ", PRIMARY KEY (k2, k1)"}[number % 3]
            cursor.execute(
                f"CREATE TABLE {quoted(name)} (k1 INT NOT NULL, k2 CHAR(4) NOT NULL, "
                f"{', '.join(listed)}{key}) ROW_FORMAT = DYNAMIC"
            )
            rows = [
                [
                    i,
                    f"k{i % 97}",
                    *(None if chance.random() < 0.1 else TYPES[t](chance) for t in types),
                ]
                for i in range(0 if number % 15 == 4 else chance.randrange(1, 300))
            ]
            if rows:
                marks = ", ".join(["%s"] * (count + 2))
                cursor.executemany(f"INSERT INTO {quoted(name)} VALUES ({marks})", rows)
            made[f"t{number:03}"] = Made(name, ["k1", "k2", *columns])
        cursor.execute("CREATE VIEW looked_at AS SELECT k1, k2 FROM `order` WHERE k1 < 100")
        depth = {"mysql": "cte_max_recursion_depth", "mariadb": "max_recursive_iterations"}
        cursor.execute(f"SET SESSION {depth[database.kind]} = {LARGE}")
        cursor.execute(
            "CREATE TABLE large (k1 INT PRIMARY KEY, k2 CHAR(8), v DECIMAL(12,2), note VARCHAR(20))"
        )
        cursor.execute(
            "INSERT INTO large WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n "
            f"WHERE i < {max(LARGE // 1000, 1000)}), k AS (SELECT a.i * 1000 + b.i AS i "
            f"FROM n AS a, n AS b WHERE b.i < 1000 AND a.i * 1000 + b.i < {LARGE}) "
            "SELECT i, RIGHT(HEX(i * 104729), 8), i / 7 - 99999, "
            "IF(i % 9, CONCAT('é ', i % 97), NULL) FROM k"
        )
    made["looked"] = Made("looked_at", ["k1", "k2"], view=True)
    return made


def by_another_path(database: Database, table: Made) -> list[tuple[Any, ...]]:
    """Read a table with PyMySQL's own conversions, by the text protocol."""
    with closing(database.admin("shop")) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {quoted(table.name)}")
        return list(cursor.fetchall())


def large_in_mysql(database: Database) -> list[tuple[Any, ...]]:
    """Return checksums of the large table, one for each thousand rows, as MySQL computes them."""
    with closing(database.admin("shop")) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT k1 DIV 1000 AS part, COUNT(*), "
            f"CAST(SUM(CAST(CONV(LEFT(SHA2({ROW}, 256), 12), 16, 10) AS UNSIGNED)) AS CHAR) "
            "FROM large GROUP BY part ORDER BY part"
        )
        return list(cursor.fetchall())


def large_in_duckdb(env: WarehouseEnv) -> list[tuple[Any, ...]]:
    """Return the same as DuckDB computes it."""
    return env.query(
        "SELECT k1 // 1000 AS part, count(*), "
        f"sum(('0x' || left(sha256({ROW}), 12))::UBIGINT)::VARCHAR FROM large "
        "GROUP BY part ORDER BY part"
    )


def comparable(rows: list[tuple[Any, ...]]) -> list[str]:
    return sorted(repr(row) for row in rows)


@pytest.mark.parametrize("connections", [4])
def test_sixty_tables(server: Database, warehouse_env: WarehouseEnv, connections: int) -> None:
    made = make_schema(server)
    assert len(made) == TABLES - 1
    for source, table in made.items():
        warehouse_env.source(source, f"select * from {quoted(table.name)}")
    warehouse_env.source("large", "select * from large")
    warehouse_env.only(*made, "large")
    warehouse_env.configure(mysql_url=server.url(), connections=connections)
    server.clear_log()
    warehouse_env.run()

    for source, table in made.items():
        found = warehouse_env.query(f'SELECT * FROM "{source}"')
        assert comparable(found) == comparable(by_another_path(server, table)), table.name
    large = large_in_duckdb(warehouse_env)
    assert sum(count for _, count, _ in large) == LARGE
    assert large == large_in_mysql(server)
    assert warehouse_env.query("SELECT count(*), count(DISTINCT instant) FROM loads") == [
        (TABLES, 1)
    ]
    assert warehouse_env.query("SELECT count(*) FROM snapshots") == [(1,)]
    assert sum("AS source" in query for query in server.queries()) == TABLES
