"""A table in two snapshots, opened side by side, and the columns that both have.

Both files are attached, read-only, to a DuckDB in memory. A view of an attached file reads the
tables of that file, whatever else is attached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
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
"""A view of so many rows is computed once; a larger one each time, for it would be spilled."""


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
def in_little_memory(
    database: str = ":memory:", *, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB that spills what does not fit into `MEMORY_LIMIT`.

    Args:
        database: A file, or one in memory.
        read_only: Whether the file may not be written.
    """
    with (
        TemporaryDirectory(prefix="warehouse-spill-") as spill,
        duckdb.connect(
            database,
            read_only=read_only,
            config={
                "memory_limit": MEMORY_LIMIT,
                "temp_directory": spill,
                "python_enable_replacements": False,
            },
        ) as connection,
    ):
        # A column that became a TIMESTAMPTZ is compared with the UTC that it was, and the days of a
        # TIMESTAMP are those of UTC, wherever this runs.
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


@contextmanager
def attached(
    old: Snapshot,
    new: Snapshot,
    whole: Callable[[Snapshot], AbstractContextManager[Path]] = rebuild.whole,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB in which the two snapshots are called `old` and `new`.

    Args:
        old, new: The snapshots.
        whole: Makes the old one whole if it is not, see `rebuild.whole`.

    Raises:
        Pruned: one of them was, a moment ago.
    """
    with in_little_memory() as connection:
        connection.execute("SET preserve_insertion_order = false")
        for name, snapshot, opened in (("old", old, whole), ("new", new, rebuild.whole)):
            try:
                with opened(snapshot) as file:
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
    connection: duckdb.DuckDBPyConnection, old: Snapshot, new: Snapshot, table: str
) -> tuple[dict[str, str], dict[str, str], int | None]:
    """Call a table's rows in the two snapshots `old_rows` and `new_rows`.

    Returns:
        Its columns in the two, and the snapshot in which it is not there, if there is one; that
        has no rows then, and the columns of the other.

    Raises:
        WarehouseError: it is in neither; names what looks like it.
    """
    before, after = (_take(connection, side, table) for side in ("old", "new"))
    if before is None and after is None:
        raise _unknown(connection, old, new, table)
    for columns, side, other in ((before, "old", "new"), (after, "new", "old")):
        if columns is None:
            connection.execute(f"CREATE TEMP TABLE {side}_rows AS FROM {other}_rows LIMIT 0")
    absent = old.number if before is None else new.number if after is None else None
    return before or after or {}, after or before or {}, absent


def _names(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, bool]:
    """Return the tables and views of a side, and which of them are views."""
    return dict(
        connection.execute(
            "SELECT table_name, false FROM duckdb_tables() WHERE database_name = $side UNION ALL "
            "SELECT view_name, true FROM duckdb_views() WHERE database_name = $side "
            "AND NOT internal",
            {"side": side},
        ).fetchall()
    )


def _take(connection: duckdb.DuckDBPyConnection, side: str, table: str) -> dict[str, str] | None:
    is_view = _names(connection, side)
    table = {name.lower(): name for name in is_view}.get(table.lower(), table)
    if table not in is_view:
        return None
    rows, source = f"{side}_rows", f"{side}.main.{quoted(table)}"
    kind = "VIEW"
    if is_view[table]:
        ((count,),) = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
        kind = "TABLE" if count <= SMALL else "VIEW"
    connection.execute(f"CREATE TEMP {kind} {rows} AS FROM {source}")
    described = connection.execute(f"DESCRIBE {rows}").fetchall()
    return {name: type_ for name, type_, *_ in described}


def _unknown(
    connection: duckdb.DuckDBPyConnection, old: Snapshot, new: Snapshot, table: str
) -> WarehouseError:
    names = sorted({*_names(connection, "old"), *_names(connection, "new")})
    near = get_close_matches(table, names, n=1)
    return WarehouseError(
        f"There is no table or view {table} in snapshot {old.number} or {new.number}.",
        todo=f"Did you mean {near[0]}?" if near else f"They hold {', '.join(names) or 'nothing'}.",
    )


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
