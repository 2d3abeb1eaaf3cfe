"""The rows of a table in two snapshots set against each other: the SQL, run in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from warehouse.project.quoting import quoted
from warehouse.store.side_by_side import Column

EXAMPLES = 3
"""How many rows are shown of each column."""


LEADING = 3
"""How many of the first columns may make a key: a view with GROUP BY mostly begins with them."""


@dataclass(frozen=True)
class Rows:
    """What became of the rows, and by column in how many of the changed ones its value differs."""

    added: int
    removed: int
    changed: int
    values: Mapping[str, int]


def default_key(
    columns: Sequence[Column],
    most_rows: Callable[[], int],
    repeated: Callable[[Sequence[Column]], int],
) -> list[Column] | None:
    """Return the columns that tell the rows apart, or None if none are known to.

    `id` if there is one; nothing if there is but one row; else the fewest of the first columns
    that are unique in both snapshots.

    Args:
        columns: Of the rows.
        most_rows: Returns how many rows the larger one of the snapshots has.
        repeated: Returns how many keys a snapshot has more than once.
    """
    for column in columns:
        if column.name == "id":
            return [column]
    if most_rows() <= 1:
        return []
    for length in range(1, min(LEADING, len(columns)) + 1):
        if not repeated(columns[:length]):
            return list(columns[:length])
    return None


def most_rows(connection: duckdb.DuckDBPyConnection) -> int:
    """Return how many rows the larger one of the snapshots has."""
    sizes = connection.execute(
        "SELECT count(*) FROM old_rows UNION ALL SELECT count(*) FROM new_rows"
    ).fetchall()
    return int(max(sizes)[0])


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
    *,
    examples: bool,
) -> Rows:
    """Compare the rows whose key stands in no snapshot twice, in one join that stores no row.

    For `examples`, the smallest keys for each column that differs go into the table `shown`.
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
            for column in (others if examples else ())
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
