"""A table or view in two snapshots, compared by Spark: how many rows came and went, and which
rows changed.

The cluster reads all rows; only the changed ones come back. A file that both snapshots name holds
the same rows in both. So it is read where keys are counted, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse.engines.spark.exactness import ComparedColumn, differs, value
from warehouse.engines.spark.session import name_in, quote, record_batches
from warehouse.engines.spark.spark_errors import plain_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.connect.session import SparkSession

SIDES = ("old", "new")

_SMALL_PARTITIONS = {
    "spark.sql.adaptive.coalescePartitions.initialPartitionNum": "200",
    "spark.sql.adaptive.coalescePartitions.parallelismFirst": "false",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "4MB",
}
"""An executor holds the result of a partition in memory until all of it was sent. By default there
are as many partitions as cores, and 1.7 million rows with both of their values filled 1 GB."""

_ROWS = 100_000
"""So many rows are in a partition at most, where all rows of a snapshot are sent."""


def prepare(session: SparkSession) -> None:
    """Set a session to send many rows in little memory of the executors."""
    with plain_errors(name_in(session)):
        for name, value in _SMALL_PARTITIONS.items():
            session.conf.set(name, value)


@dataclass(frozen=True)
class Relation:
    """The rows of a snapshot, as views of the session.

    Attributes:
        whole: The name of the view of all of its rows.
        own: That of the rows which are not in a file of both snapshots.
    """

    whole: str
    own: str


@dataclass(frozen=True)
class Changes:
    """A table or view in the snapshots `old` and `new`.

    Attributes:
        session: With Spark.
        relations: By `SIDES`.
        columns: Those that both have.
    """

    session: SparkSession
    relations: Mapping[str, Relation]
    columns: Sequence[ComparedColumn]

    def most_rows(self) -> int:
        """Return how many rows the larger one of the snapshots has."""
        each = [f"SELECT count(*) AS n FROM {self._rows(side, (), own=False)}" for side in SIDES]
        return self._numbers(f"SELECT max(n) FROM ({' UNION ALL '.join(each)})")[0]

    def repeated(self, key: Sequence[ComparedColumn]) -> int:
        """Return how many keys a snapshot has more than once."""
        return self._numbers(f"SELECT count(*) FROM {self._repeated(key)}")[0]

    def came_and_went(self, key: Sequence[ComparedColumn], repeated: int) -> tuple[int, int]:
        """Return how many rows have a key that only the new, and only the old snapshot has.

        Args:
            key: The columns that tell rows apart.
            repeated: How many keys a snapshot has more than once: their rows do not count.
        """
        old, new = (self._single(side, key, key, repeated) for side in SIDES)
        added, removed = self._numbers(
            f"SELECT count_if(o.here IS NULL), count_if(n.here IS NULL) FROM {old} o "
            f"FULL JOIN {new} n ON {_same(key)}"
        )
        return added, removed

    def changed(
        self, key: Sequence[ComparedColumn], repeated: int
    ) -> Iterator[Mapping[str, pa.Table]]:
        """Yield the rows of both snapshots that have the same key and other values.

        Args:
            key: The columns that tell rows apart.
            repeated: How many keys a snapshot has more than once: their rows do not count.

        Yields:
            By side as many rows, of which those in the same place have the same key.
        """
        wanted = [f"{side}.{column.alias}" for side in ("o", "n") for column in self.columns]
        pairs = self._changed(key, repeated)
        for rows in self._tables(f"SELECT {_numbered(wanted)} FROM {pairs}"):
            half = len(self.columns)
            yield {"old": rows.select(range(half)), "new": rows.select(range(half, 2 * half))}

    def count_changed(self, key: Sequence[ComparedColumn], repeated: int) -> int:
        """Return how many rows `changed` yields of each snapshot, or a few more."""
        return self._numbers(f"SELECT count(*) FROM {self._changed(key, repeated)}")[0]

    def _changed(self, key: Sequence[ComparedColumn], repeated: int) -> str:
        """Return the pairs `o` and `n` of rows that changed."""
        others = [differs(column) for column in self.columns if column not in key]
        old, new = (self._single(side, self.columns, key, repeated) for side in SIDES)
        return f"{old} o JOIN {new} n ON {_same(key)} WHERE {' OR '.join(others) or 'false'}"

    def wholes(self, key: Sequence[ComparedColumn] = ()) -> tuple[int, int]:
        """Return how many rows came and went, compared by all that is in them.

        Args:
            key: Given, only the rows whose key a snapshot has more than once count.
        """
        each = []
        for side, sign in zip(SIDES, (-1, 1), strict=True):
            rows = self._rows(side, self.columns)
            if key:
                rows = self._only("LEFT SEMI", rows, key)
            values = [f"{value(column, 't')} AS {column.alias}" for column in self.columns]
            each.append(f"SELECT {', '.join([*values, f'{sign} AS sign'])} FROM {rows} t")
        names = "".join(f"{column.alias}, " for column in self.columns)
        added, removed = self._numbers(
            "SELECT coalesce(sum(if(net > 0, net, 0)), 0), coalesce(sum(if(net < 0, -net, 0)), 0) "
            f"FROM (SELECT {names}sum(sign) AS net FROM ({' UNION ALL '.join(each)}) GROUP BY ALL)"
        )
        return added, removed

    def all_rows(self, side: str, most: int) -> Iterator[pa.Table]:
        """Yield all rows of a snapshot.

        Args:
            side: Which snapshot.
            most: As many rows as it has, or more.
        """
        aliases = [column.alias for column in self.columns]
        spread = f"/*+ REPARTITION({most // _ROWS + 1}) */"
        rows = self._rows(side, self.columns, own=False)
        yield from self._tables(f"SELECT {spread} {_numbered(aliases or ['here'])} FROM {rows}")

    def _rows(self, side: str, columns: Sequence[ComparedColumn], *, own: bool = True) -> str:
        """Return a snapshot's rows, with names of their own, and `here` to tell them from none."""
        relation = self.relations[side]
        selected = [f"{quote(column.name)} AS {column.alias}" for column in columns]
        listed = ", ".join([*selected, "true AS here"])
        return f"(SELECT {listed} FROM {quote(relation.own if own else relation.whole)})"

    def _single(
        self,
        side: str,
        columns: Sequence[ComparedColumn],
        key: Sequence[ComparedColumn],
        repeated: int,
    ) -> str:
        """Return a snapshot's own rows whose key is in no snapshot twice."""
        rows = self._rows(side, columns)
        return self._only("LEFT ANTI", rows, key) if repeated else rows

    def _only(self, kind: str, rows: str, key: Sequence[ComparedColumn]) -> str:
        """Return the rows whose key a snapshot has (SEMI) or has not (ANTI) more than once."""
        matching = [f"{value(one, 's')} <=> r.k{place}" for place, one in enumerate(key)]
        joined = f"{rows} s {kind} JOIN {self._repeated(key)} r ON {' AND '.join(matching)}"
        return f"(SELECT s.* FROM {joined})"

    def _repeated(self, key: Sequence[ComparedColumn]) -> str:
        """Return the keys that a snapshot has more than once."""
        keys = ", ".join(f"{value(one, 't')} AS k{place}" for place, one in enumerate(key))
        each = [
            f"SELECT {keys} FROM {self._rows(side, key, own=False)} t GROUP BY ALL "
            "HAVING count(*) > 1"
            for side in SIDES
        ]
        return f"({' UNION '.join(each)})"

    def _numbers(self, sql: str) -> list[int]:
        """Return the one row of a query."""
        (row,) = (rows for rows in self._tables(sql) if rows.num_rows)
        return [int(column[0].as_py()) for column in row.columns]

    def _tables(self, sql: str) -> Iterator[pa.Table]:
        import pyarrow as pa

        for batch in record_batches(self.session, sql):
            yield pa.Table.from_batches([batch])


def _numbered(expressions: Sequence[str]) -> str:
    """Return a list of columns in which no name is there twice."""
    return ", ".join(f"{sql} AS r{number}" for number, sql in enumerate(expressions))


def _same(key: Sequence[ComparedColumn]) -> str:
    return " AND ".join(f"{value(one, 'o')} <=> {value(one, 'n')}" for one in key) or "true"
