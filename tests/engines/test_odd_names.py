"""Names with blanks, dots, quotes, backticks and letters of all kinds work as they are."""

from __future__ import annotations

from typing import Any

import duckdb

from tests.engines import compare
from tests.engines.edge_rows import as_parquet
from warehouse.project.quoting import quoted

COLUMNS = {
    "a b": "INTEGER",
    "a.b": "INTEGER",
    "back`tick": "VARCHAR",
    'quo"te': "VARCHAR",
    "it's": "VARCHAR",
    "Größe": "UBIGINT",
    "日本": "VARCHAR",
    "select": "DATE",
    "c0": "INTEGER",
    "k0": "INTEGER",
    "s": "INTEGER",
    "step1": "INTEGER",
    "{0}": "INTEGER",
    "$x": "INTEGER",
    "count(*)": "INTEGER",
    "😀": "INTEGER",
}


def test_odd_names(spark: Any, tmp_path: Any) -> None:
    with duckdb.connect() as connection:
        listed = ", ".join(f"{quoted(name)} {type_}" for name, type_ in COLUMNS.items())
        connection.execute(f"CREATE TABLE odd ({listed})")
        values = {"VARCHAR": "'x`y''z\"'", "DATE": "DATE '2024-02-29'"}
        row = ", ".join(
            values.get(type_, str(place)) for place, type_ in enumerate(COLUMNS.values())
        )
        connection.execute(f"INSERT INTO odd VALUES ({row})")
        connection.execute(f"INSERT INTO odd ({quoted('c0')}) VALUES (NULL)")
        file = tmp_path / "odd.parquet"
        as_parquet(connection, "odd", COLUMNS, file)
        spark.read.parquet(str(file)).createOrReplaceTempView("odd")
        every = ", ".join(f"a.{quoted(name)}" for name in COLUMNS)
        for sql in (
            "from odd",
            f"select {every} from odd a join odd b using ({quoted('c0')})",
            f"select {quoted('a.b')} as {quoted('x`.y')}, sum({quoted('s')}) as {quoted('a b')} "
            f"from odd group by 1",
            f"select o as {quoted('whole row')} from (select {{'x y': {quoted('a.b')}, "
            f"'z`': {quoted('日本')}}} as o from odd)",
            f"select x.{quoted('a b')} as y from (select {{'a b': {quoted('a b')}}} as x from odd)",
        ):
            query = compare.translated(sql, {"odd": COLUMNS})
            expected = compare.ask_duckdb(connection, sql)
            assert (
                compare.differences(expected, compare.ask_spark(spark, query), ordered=False) == []
            )
            assert [name for name, _ in query.columns] == spark.sql(query.sql).columns
