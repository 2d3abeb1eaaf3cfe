"""No value changes on its way: every type, its extremes, and what is no date at all."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from itertools import zip_longest

import pytest

from tests.servers.launch import Database
from tests.servers.loading import load
from tests.servers.values import VALUES, Values
from warehouse.errors import WarehouseError
from warehouse.mysql.columns import Definition, make_columns
from warehouse.mysql.protocol import Field


def make_table(database: Database) -> dict[str, Values]:
    """Create and fill a table with a column for each type that the server knows."""
    kinds = [values for values in VALUES if values.only in (None, database.kind)]
    columns = {f"c{number}": values for number, values in enumerate(kinds)}
    listed = ", ".join(f"{name} {values.mysql}" for name, values in columns.items())
    with closing(database.admin("shop")) as connection, connection.cursor() as cursor:
        # Strict, so that a literal is stored as it is written or not at all.
        cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES'")
        cursor.execute("SET SESSION time_zone = '+00:00'")
        cursor.execute(f"CREATE TABLE everything (k INT PRIMARY KEY, {listed})")
        for number, cells in enumerate(zip_longest(*(v.rows for v in kinds))):
            row = [
                (values.rows[0] if cell is None else cell)[0]
                for values, cell in zip(kinds, cells, strict=True)
            ]
            cursor.execute(f"INSERT INTO everything VALUES ({number}, {', '.join(row)})")
    return columns


def test_every_type(server: Database) -> None:
    columns = make_table(server)
    connection, extraction = load(server, "everything")

    types = {name: type_ for name, type_, *_ in connection.execute("DESCRIBE loaded").fetchall()}
    wrong = []
    for name, values in columns.items():
        if types[name] != values.duckdb:
            wrong.append(f"{values.mysql}: became {types[name]}, not {values.duckdb}")
        found = connection.execute(f"SELECT {name} FROM loaded ORDER BY k").fetchall()
        for (literal, expected), (value,) in zip(values.rows, found, strict=False):
            # As texts, for -0.0 equals 0.0, and 1 equals True.
            if isinstance(expected, datetime) and expected.tzinfo:
                value = value.astimezone(UTC)
            if repr(value) != repr(expected):
                wrong.append(f"{values.mysql}: {literal} became {value!r}, not {expected!r}")
    assert not wrong, "\n".join(wrong)
    assert extraction.rows == max(len(values.rows) for values in columns.values())
    assert {name: one.count for name, one in extraction.invalid_dates.items()} == {
        name: len(values.invalid) for name, values in columns.items() if values.invalid
    }


def test_many_rows_and_exact_sums(server: Database) -> None:
    """Several batches, NULLs among them; a sum in floating point would be off."""
    server.run(
        "CREATE TABLE digits (d INT)",
        "INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)",
        "CREATE TABLE many (n INT, amount DECIMAL(38,10), day DATE, moment DATETIME(6), t TEXT)",
        "INSERT INTO many SELECT n, IF(n % 3, n + 12345678901234567890.1234567891, NULL), "
        "'2000-01-01' + INTERVAL n DAY, '2000-01-01' + INTERVAL n MICROSECOND, "
        "IF(n % 7, CONCAT('é', n), NULL) FROM (SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d "
        "+ 10000 * f.d AS n FROM digits a, digits b, digits c, digits e, digits f) AS numbers",
    )
    connection, extraction = load(server, "many", where="n < 40000")

    with localcontext(prec=60):
        expected = sum(
            (n + Decimal("12345678901234567890.1234567891") for n in range(40_000) if n % 3),
            Decimal(),
        )
    assert extraction.rows == 40_000
    assert connection.execute(
        "SELECT sum(amount), count(amount), count(DISTINCT n), count(t) FROM loaded"
    ).fetchall() == [(expected, 26_666, 40_000, 34_285)]
    assert server.run("SELECT SUM(amount) FROM many WHERE n < 40000") == [(expected,)]
    wrong = "day <> DATE '2000-01-01' + n OR moment <> TIMESTAMP '2000-01-01' + to_microseconds(n)"
    assert (
        connection.execute(f"SELECT * FROM loaded WHERE {wrong} OR t <> 'é' || n").fetchall() == []
    )


def test_awkward_names(server: Database) -> None:
    names = ["from", 'a"b', "a`b", "Größe", "x y", "{c}", "%s", "?", ":x", "a'b", "--", "incoming"]
    quoted = ["`" + name.replace("`", "``") + "`" for name in names]
    server.run(
        f"CREATE TABLE `odd ``name` ({', '.join(f'{name} DATE' for name in quoted)})",
        f"INSERT INTO `odd ``name` VALUES ({', '.join(['DATE 20240229'] * len(names))})".replace(
            "DATE 20240229", "'2024-02-29'"
        ),
    )
    connection, _ = load(server, "odd `name")

    relation = connection.table("loaded")
    assert relation.columns == names
    assert {str(value) for value in relation.fetchall()[0]} == {"2024-02-29"}


def test_a_value_longer_than_a_packet(server: Database) -> None:
    """MySQL's protocol cuts values of 16 MiB and more into several packets."""
    length = 17 * 1024 * 1024
    server.run("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024")
    server.run("CREATE TABLE t (v LONGTEXT)", f"INSERT INTO t VALUES (REPEAT('x', {length}))")
    connection, _ = load(server, "t")

    assert connection.execute("SELECT strlen(v) FROM loaded").fetchall() == [(length,)]


def test_a_type_without_a_rule() -> None:
    definition = Definition(
        "shop", "orders", "payload", 1, "xmltype", "xmltype(7)", "YES", "", "", "select"
    )
    field = Field("payload", 200, 7, 0, 0, 63, "shop", "orders", "payload")
    with pytest.raises(WarehouseError, match=r"`payload` of `orders` has the type xmltype\(7\)"):
        make_columns([field], [definition], "`orders`")
