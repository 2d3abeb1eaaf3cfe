"""A table in two snapshots, opened side by side, and the columns that both have.

Both files are attached, read-only, to a DuckDB in memory. A view of an attached file reads the
tables of that file, whatever else is attached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from tempfile import TemporaryDirectory

import duckdb

from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal, quoted
from warehouse.store import rebuild
from warehouse.store.snapshots import Snapshot
from warehouse.store.tampering import warn, without_log

MEMORY_LIMIT = "500MB"
"""What does not fit is spilled: with 5,000,000 rows of 12 columns that takes a second more."""

SMALL = 100_000
"""A view of so many rows is computed once; a larger one anew each time, for it would be spilled."""


@dataclass(frozen=True)
class Column:
    """A column that both snapshots have, and how it is written in SQL.

    Attributes:
        compared_as: The type that holds the values of both.
        alias: Its name in the queries here, which no column of the table can have.
    """

    name: str
    old_type: str
    new_type: str
    compared_as: str
    alias: str

    @property
    def retyped(self) -> bool:
        """Whether the snapshots store it differently."""
        return self.old_type != self.new_type

    def value(self, side: str) -> str:
        """Return what is compared of a side."""
        plain = f"{side}.{self.alias}"
        return f"TRY_CAST({plain} AS {self.compared_as})" if self.retyped else plain

    def same(self, side: str = "o", other: str = "n") -> str:
        """Return a condition to join on: equal, or both without a value."""
        return f"{self.value(side)} IS NOT DISTINCT FROM {self.value(other)}"

    @property
    def differs(self) -> str:
        """Return the condition that the value changed; one that cannot be cast has changed."""
        test = f"{self.value('o')} IS DISTINCT FROM {self.value('n')}"
        if self.retyped:
            test += f" OR (o.{self.alias} IS NULL) <> (n.{self.alias} IS NULL)"
        return f"({test})"


class Pruned(Exception):
    """A snapshot was removed between finding and opening it."""


@contextmanager
def attached(old: Snapshot, new: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB in which the two snapshots are called `old` and `new`.

    Raises:
        Pruned: one of them was, a moment ago.
    """
    with (
        TemporaryDirectory(prefix="warehouse-diff-") as spill,
        duckdb.connect(
            config={
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": spill,
                "python_enable_replacements": False,
            }
        ) as connection,
    ):
        # A column that became a TIMESTAMPTZ is compared with the UTC that it was.
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        for name, snapshot in (("old", old), ("new", new)):
            try:
                with rebuild.whole(snapshot) as file:
                    connection.execute(
                        f"ATTACH {literal(str(without_log(file.resolve())))} AS {name} (READ_ONLY)"
                    )
            except rebuild.GoneError:
                raise Pruned from None
            except duckdb.IOException:
                if snapshot.file.exists():
                    raise
                raise Pruned from None
            warn(snapshot.number, snapshot.file)
        yield connection


def take(
    connection: duckdb.DuckDBPyConnection, side: str, snapshot: Snapshot, table: str
) -> dict[str, str]:
    """Call a table's rows in one of the snapshots `old_rows` or `new_rows`; return its columns.

    Raises:
        WarehouseError: it is not there; names what looks like it.
    """
    is_view = dict(
        connection.execute(
            "SELECT table_name, false FROM duckdb_tables() WHERE database_name = $side UNION ALL "
            "SELECT view_name, true FROM duckdb_views() WHERE database_name = $side "
            "AND NOT internal",
            {"side": side},
        ).fetchall()
    )
    table = {name.lower(): name for name in is_view}.get(table.lower(), table)
    if table not in is_view:
        near = get_close_matches(table, is_view, n=1)
        raise WarehouseError(
            f"There is no table or view {table} in snapshot {snapshot.number}.",
            todo=f"Did you mean {near[0]}?"
            if near
            else f"It holds {', '.join(sorted(is_view)) or 'nothing'}.",
        )
    rows, source = f"{side}_rows", f"{side}.main.{quoted(table)}"
    kind = "VIEW"
    if is_view[table]:
        ((count,),) = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
        kind = "TABLE" if count <= SMALL else "VIEW"
    connection.execute(f"CREATE TEMP {kind} {rows} AS FROM {source}")
    described = connection.execute(f"DESCRIBE {rows}").fetchall()
    return {name: type_ for name, type_, *_ in described}


def common_columns(
    connection: duckdb.DuckDBPyConnection, old: Mapping[str, str], new: Mapping[str, str]
) -> list[Column]:
    """Return the columns that both have, in the order of the new one."""
    return [
        Column(name, old[name], type_, _common_type(connection, old[name], type_), f"c{position}")
        for position, (name, type_) in enumerate(new.items())
        if name in old
    ]


def _common_type(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> str:
    """Return the type in which DuckDB holds values of both; where it has none, text."""
    if one == other:
        return one
    try:
        connection.execute(f"SELECT unnest([NULL::{one}, NULL::{other}])")
    except duckdb.BinderException:
        return "VARCHAR"
    assert connection.description
    return str(connection.description[0][1])
