"""The parts of a table in DuckDB that are kept apart in the lake, each with what tells it apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from warehouse.errors import WarehouseError
from warehouse.lake.manifest import SAFE, Column
from warehouse.lake.types import StoredColumn, stored_columns
from warehouse.project.quoting import quoted

CHUNK_ROWS = 2_000_000
"""A table without days is cut after so many rows: what is only added to costs its last part."""

_RECIPE = 1
"""How an identity is made. With another recipe all parts are written again."""


@dataclass(frozen=True)
class Part:
    """Rows that are written together, and kept as long as they do not change.

    Attributes:
        day: Of all of its rows; None if the table is not kept by day, or the rows have none.
        rows: How many there are.
        identity: Equal for the same rows, in any order, of the same columns.
        where: Which rows of the table they are, as SQL.
    """

    day: date | None
    rows: int
    identity: str
    where: str


@dataclass(frozen=True)
class Table:
    """A table in DuckDB as the lake is going to hold it."""

    name: str
    columns: tuple[Column, ...]
    stored: tuple[StoredColumn, ...]
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(part.rows for part in self.parts)

    @property
    def select(self) -> str:
        """Its rows as the files hold them, as SQL that a WHERE may follow."""
        return f"SELECT {', '.join(one.select for one in self.stored)} FROM {quoted(self.name)}"


def read_table(connection: duckdb.DuckDBPyConnection, name: str, day: str = "") -> Table:
    """Read a table once, and tell its parts.

    Args:
        connection: To the file that holds it, with the time zone UTC.
        name: Of the table.
        day: The day of a row, as SQL; empty if the table is not kept by day.

    Raises:
        WarehouseError: a type or a value cannot be kept exactly; names the column.
    """
    relation = connection.table(f"main.{quoted(name)}")
    stored = stored_columns(name, relation.columns, relation.types)
    comments = dict(
        connection.execute(
            "SELECT column_name, comment FROM duckdb_columns() "
            "WHERE schema_name = 'main' AND table_name = ?",
            [name],
        ).fetchall()
    )
    columns = tuple(Column(one.name, one.type, comments[one.name]) for one in stored)
    return Table(name, columns, tuple(stored), tuple(_parts(connection, name, stored, day)))


def _parts(
    connection: duckdb.DuckDBPyConnection, name: str, stored: Sequence[StoredColumn], day: str
) -> list[Part]:
    checked = [one for one in stored if one.bad]
    hashed = ", ".join(sql for one in stored for sql in one.hashed)
    group = f"({day})" if day else f"rowid // {CHUNK_ROWS}"
    # The inner hash is of a row; the outer one spreads it, so that two rows which swap the values
    # of a column do not add up to the same.
    wanted = [
        f'{group} AS "part of row"',
        "count(*)",
        "min(rowid)",
        "max(rowid)",
        f"sum(hash(hash({hashed}, {_RECIPE})))::VARCHAR",
        *(f"count(*) FILTER ({one.bad})" for one in checked),
    ]
    found = connection.execute(
        f"SELECT {', '.join(wanted)} FROM main.{quoted(name)} "
        'GROUP BY "part of row" ORDER BY "part of row" NULLS FIRST'
    ).fetchall()
    for column, counts in zip(checked, zip(*(row[5:] for row in found), strict=True), strict=False):
        if sum(counts):
            raise WarehouseError(
                f"{name}.{column.name}: {sum(counts):,} values of {column.type} {column.wrong}. "
                "Parquet as Spark reads it cannot hold them exactly.",
                safe=SAFE,
                todo="Cast the column, for example to VARCHAR, in the source or asset that makes "
                "it.",
            )
    if not found:  # one file without rows tells a reader the columns
        return [Part(None, 0, _identity(stored, None, 0, "0"), "false")]
    return [
        Part(
            key if day else None,
            rows,
            _identity(stored, key, rows, total),
            f"rowid BETWEEN {first} AND {last}" + (_of_day(group, key) if day else ""),
        )
        for key, rows, first, last, total, *_ in found
    ]


def _of_day(group: str, day: date | None) -> str:
    return f" AND {group} IS NULL" if day is None else f" AND {group} = DATE '{day}'"


def _identity(stored: Sequence[StoredColumn], key: date | int | None, rows: int, total: str) -> str:
    """Return what tells the rows of a part from others.

    DuckDB's version is a part of it: another one may hash in another way. The key is, so that no
    two parts of a table have the same.
    """
    columns = [[one.name, one.type, one.select] for one in stored]
    text = repr([_RECIPE, duckdb.__version__, columns, str(key), rows, total])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
