"""A table in two snapshots, opened side by side, and the columns that both have.

Both files are attached, read-only, to a DuckDB in memory. The rows of a view are computed once for
each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import duckdb

from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal, quoted
from warehouse.store import little_memory, rebuild, view_rows
from warehouse.store.snapshots import Snapshot
from warehouse.store.staging import CATALOG
from warehouse.store.tampering import warn, without_log

CATALOGS = {"old": "old", "new": CATALOG}
"""What the two snapshots are called in DuckDB. The new one has the name that it has when somebody
opens its file: a check may say it."""


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
def attached(
    old: Snapshot | None,
    new: Snapshot,
    whole: Callable[[Snapshot], AbstractContextManager[Path]] = rebuild.whole,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB in which the two snapshots have the names of `CATALOGS`.

    Args:
        old, new: The snapshots; without an old one there is only the other.
        whole: Makes the old one whole if it is not, see `rebuild.whole`.

    Raises:
        Pruned: one of them was, a moment ago.
        WarehouseError: there is no room for temporary files.
    """
    snapshots = new.file.parent.parent
    with little_memory.opened(snapshots) as (connection, folder):
        connection.execute("SET preserve_insertion_order = false")
        for side, snapshot, opened in (("old", old, whole), ("new", new, rebuild.whole)):
            if snapshot is None:
                continue
            try:
                with opened(snapshot) as file:
                    connection.execute(
                        f"ATTACH {literal(str(without_log(file.resolve())))} AS {CATALOGS[side]} "
                        "(READ_ONLY)"
                    )
            except rebuild.GoneError:
                raise Pruned from None
            except duckdb.IOException:
                if snapshot.file.exists():
                    raise
                raise Pruned from None
            warn(snapshot.number, snapshot.file)
            view_rows.attach(connection, CATALOGS[side], folder)
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
        names = {*_names(connection, "old"), *_names(connection, "new")}
        raise unknown(table, old.number, new.number, names)
    for columns, side, other in ((before, "old", "new"), (after, "new", "old")):
        if columns is None:
            connection.execute(f"CREATE TEMP TABLE {side}_rows AS FROM {other}_rows LIMIT 0")
    absent = old.number if before is None else new.number if after is None else None
    return before or after or {}, after or before or {}, absent


def rows(connection: duckdb.DuckDBPyConnection, side: str, name: str) -> int:
    """Return how many rows a table or view has in the old or the new snapshot.

    Raises:
        duckdb.Error: a view cannot be computed.
    """
    source = _source(connection, side, name, is_view=_names(connection, side)[name])
    ((found,),) = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
    return int(found)


def _source(connection: duckdb.DuckDBPyConnection, side: str, name: str, *, is_view: bool) -> str:
    """Return the table in which the rows of a table or view are, as it is written in SQL."""
    if is_view:
        return view_rows.store(connection, CATALOGS[side], name)
    return f"{CATALOGS[side]}.main.{quoted(name)}"


def _names(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, bool]:
    """Return the tables and views of a side, and which of them are views."""
    return dict(
        connection.execute(
            "SELECT table_name, false FROM duckdb_tables() WHERE database_name = $name UNION ALL "
            "SELECT view_name, true FROM duckdb_views() WHERE database_name = $name "
            "AND NOT internal",
            {"name": CATALOGS[side]},
        ).fetchall()
    )


def _take(connection: duckdb.DuckDBPyConnection, side: str, table: str) -> dict[str, str] | None:
    is_view = _names(connection, side)
    table = {name.lower(): name for name in is_view}.get(table.lower(), table)
    if table not in is_view:
        return None
    source = _source(connection, side, table, is_view=is_view[table])
    connection.execute(f"CREATE TEMP VIEW {side}_rows AS FROM {source}")
    described = connection.execute(f"DESCRIBE {side}_rows").fetchall()
    return {name: type_ for name, type_, *_ in described}


def unknown(table: str, old: int, new: int, names: Iterable[str]) -> WarehouseError:
    """Say that a table or view is in neither snapshot.

    Args:
        table: Its name.
        old, new: The numbers of the snapshots.
        names: Of the tables and views that are in one of them.
    """
    found = sorted(names)
    near = get_close_matches(table, found, n=1)
    return WarehouseError(
        f"There is no table or view {table} in snapshot {old} or {new}.",
        todo=f"Did you mean {near[0]}?" if near else f"They hold {', '.join(found) or 'nothing'}.",
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
