"""The rows of a table in two snapshots set against each other: the SQL, run in little memory.

Both files are attached, read-only, to a DuckDB in memory. A view of an attached file reads the
tables of that file, whatever else is attached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal, quoted
from warehouse.store.snapshots import Snapshot
from warehouse.store.tampering import warn, without_log

MEMORY_LIMIT = "500MB"
"""What does not fit is spilled: with 5,000,000 rows of 12 columns that takes a second more."""

EXAMPLES = 3
"""How many rows are shown of each column."""

SMALL = 100_000
"""A view of so many rows is computed once; a larger one anew each time, for it would be spilled."""

LEADING = 3
"""How many of the first columns may make a key: a view with GROUP BY mostly begins with them."""


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


@dataclass(frozen=True)
class Rows:
    """What became of the rows, and by column in how many of the changed ones its value differs."""

    added: int
    removed: int
    changed: int
    values: Mapping[str, int]


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
                connection.execute(
                    f"ATTACH {literal(str(without_log(snapshot.file.resolve())))} AS {name} "
                    "(READ_ONLY)"
                )
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


def default_key(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column]
) -> list[Column] | None:
    """Return the columns that tell the rows apart, or None if none are known to.

    `id` if there is one; nothing if there is but one row; else the fewest of the first columns
    that are unique in both snapshots.
    """
    for column in columns:
        if column.name == "id":
            return [column]
    sizes = connection.execute(
        "SELECT count(*) FROM old_rows UNION ALL SELECT count(*) FROM new_rows"
    ).fetchall()
    if max(sizes) <= (1,):
        return []
    for length in range(1, min(LEADING, len(columns)) + 1):
        if not note_repeated(connection, columns[:length]):
            return list(columns[:length])
    return None


def note_repeated(connection: duckdb.DuckDBPyConnection, key: Sequence[Column]) -> int:
    """Fill the table `repeated`: the keys that a snapshot has more than once. Returns how many."""
    keys = ", ".join(f"{column.value('t')} AS {column.alias}" for column in key)
    each = [
        f"SELECT {keys} FROM {_side(side, key)} t GROUP BY ALL HAVING count(*) > 1"
        for side in ("old", "new")
    ]
    connection.execute(f"CREATE OR REPLACE TEMP TABLE repeated AS {' UNION '.join(each)}")
    ((count,),) = connection.execute("SELECT count(*) FROM repeated").fetchall()
    return int(count)


def by_key(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    key: Sequence[Column],
    repeated: int,
) -> Rows:
    """Compare the rows whose key stands in no snapshot twice, in one join that stores no row.

    The smallest keys for each column that differs go into the table `shown`, for `examples`.
    """
    others = [column for column in columns if column not in key]
    old, new = (
        _only("ANTI", "repeated", side, columns, key) if repeated else _side(side, columns)
        for side in ("old", "new")
    )
    both = "o.here AND n.here"
    of = ", ".join(f"{column.alias} := {column.value('n')}" for column in key) or "here := true"
    wanted = [
        "count(*) FILTER (o.here IS NULL)",
        "count(*) FILTER (n.here IS NULL)",
        f"count(*) FILTER ({both})",
        *(f"count(*) FILTER ({both} AND {column.differs})" for column in others),
        *(
            f"min(struct_pack({of}), {EXAMPLES}) FILTER ({both} AND {column.differs})"
            for column in others
        ),
    ]
    differs = ["o.here IS NULL", "n.here IS NULL", *(column.differs for column in others)]
    named = [f"{sql} AS f{number}" for number, sql in enumerate(wanted)]
    counts = [f"f{number}" for number in range(3 + len(others))]
    keys = [f"f{number}" for number in range(len(counts), len(wanted))]
    connection.execute(
        f"CREATE TEMP TABLE found AS SELECT {', '.join(named)} FROM {old} o FULL JOIN {new} n "
        f"ON {' AND '.join(column.same() for column in key) or 'true'} "
        f"WHERE {' OR '.join(differs)}"
    )
    if keys:
        connection.execute(
            "CREATE TEMP TABLE shown AS SELECT DISTINCT unnest(of) FROM "
            f"(SELECT unnest(flatten([{', '.join(keys)}])) AS of FROM found)"
        )
    ((added, removed, changed, *values),) = connection.execute(
        f"SELECT {', '.join(counts)} FROM found"
    ).fetchall()
    names = [column.name for column in others]
    found = {name: count for name, count in zip(names, values, strict=True) if count}
    return Rows(added, removed, changed, found)


def examples(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    key: Sequence[Column],
    rows: Rows,
) -> Iterator[tuple[tuple[Any, ...], str, Any, Any]]:
    """Give the values that differ in the rows of `shown`: key, column, old value, new value."""
    if not rows.values:
        return
    old, new = (
        _only("SEMI", "shown", side, columns, key) if key else _side(side, columns)
        for side in ("old", "new")
    )
    connection.execute(
        f"CREATE TEMP TABLE pairs AS SELECT o, n FROM {old} o JOIN {new} n "
        f"ON {' AND '.join(column.same() for column in key) or 'true'}"
    )
    keys = [column.value("n") for column in key]
    for column in columns:
        if column.name in rows.values:
            sides = [f"o.{column.alias}", f"n.{column.alias}"]
            for *of, before, after in connection.execute(
                f"SELECT {', '.join(keys + sides)} FROM pairs WHERE {column.differs} "
                f"ORDER BY {', '.join(keys) or 'ALL'} LIMIT {EXAMPLES}"
            ).fetchall():
                yield tuple(of), column.name, before, after


def as_wholes(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[Column],
    key: Sequence[Column] = (),
) -> Rows:
    """Compare rows by all that is in them, as often as they are there.

    Args:
        connection: See `attached`.
        columns: Of the rows.
        key: Given, only the rows whose key is in the table `repeated` count.
    """
    values = ", ".join(f"{column.value('t')} AS {column.alias}" for column in columns)
    each = [
        f"SELECT {', '.join(filter(None, (values, f'{sign} AS sign')))} FROM {rows} t"
        for side, sign in (("old", -1), ("new", 1))
        for rows in (
            _only("SEMI", "repeated", side, columns, key) if key else _side(side, columns),
        )
    ]
    ((added, removed),) = connection.execute(
        "SELECT coalesce(sum(net) FILTER (net > 0), 0), coalesce(-sum(net) FILTER (net < 0), 0) "
        f"FROM (SELECT * EXCLUDE (sign), sum(sign) AS net FROM ({' UNION ALL '.join(each)}) "
        "GROUP BY ALL HAVING net <> 0)"
    ).fetchall()
    return Rows(int(added), int(removed), 0, {})


def _side(side: str, columns: Sequence[Column]) -> str:
    """Return a snapshot's rows, with names of their own, and `here` to tell them from none."""
    selected = [f"{quoted(column.name)} AS {column.alias}" for column in columns]
    return f"(SELECT {', '.join([*selected, 'true AS here'])} FROM {side}_rows)"


def _only(kind: str, keys: str, side: str, columns: Sequence[Column], key: Sequence[Column]) -> str:
    """Return a snapshot's rows whose key is (SEMI) or is not (ANTI) in the table `keys`."""
    matching = " AND ".join(
        f"{column.value('s')} IS NOT DISTINCT FROM {keys}.{column.alias}" for column in key
    )
    return f"(SELECT s.* FROM {_side(side, columns)} s {kind} JOIN {keys} ON {matching})"
