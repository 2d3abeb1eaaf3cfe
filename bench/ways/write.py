"""A write into a warehouse, without MySQL and Dagster: `python -m bench.ways.write WHAT [TIMES]`.

WHAT is a warehouse to begin with (`fill MB`, `orders ROWS`), one of `WRITES`, or `oldest 1`, which
opens the oldest snapshot. BENCH_KEEP says how many are kept, if not as many as usual.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse.settings import Settings
from warehouse.store import cached_days
from warehouse.store.history import open_snapshot
from warehouse.store.publish import write
from warehouse.store.snapshots import kept
from warehouse.store.stream import TableStream, insert

PATH = Path(os.environ["BENCH_FOLDER"]) / "warehouse.duckdb"
KEEP = int(os.environ.get("BENCH_KEEP", Settings.model_fields["keep_snapshots"].default))
DAYS = 714
FIRST = date(2024, 12, 1)
BYTES_A_ROW = 34
"""Of the table that fills a warehouse, about."""

ORDERS = """
SELECT i::UBIGINT AS id, (1 + (i * 7919) % 200000)::UINTEGER AS customer_id,
  ['pending', 'paid', 'shipped', 'completed', 'cancelled'][1 + (i * 31) % 5] AS status,
  (((i * 104729) % 1000000) / 100)::DECIMAL(12, 2) AS amount,
  ['EUR', 'USD', 'GBP'][1 + i % 3] AS currency,
  DATE '2024-12-01' + ((i - 1) * {days} // {rows})::INTEGER AS order_date,
  TIMESTAMP '2024-12-01' + to_microseconds((i * 13) % 60000000 * 1000000 + (i * 997) % 1000000)
    AS created_at,
  (TIMESTAMP '2024-12-01' + to_seconds((i * 13) % 60000000)) AT TIME ZONE 'UTC' AS updated_at,
  (i % 7 = 0)::TINYINT AS is_gift, (1 + i % 9)::SMALLINT AS item_count,
  CASE WHEN i % 5 > 0 THEN (i % 100000) / 7 END AS weight,
  CASE WHEN i % 3 > 0 THEN 'note for order ' || i END AS note
FROM range({first}, {last}) r(i)
"""
"""As `bench.orders` makes them on a server."""


def orders(first: int, last: int, rows: int) -> pa.Table:
    """Return the orders of these numbers, the last one not included, of so many."""
    with duckdb.connect() as connection:
        sql = ORDERS.format(days=DAYS, rows=rows, first=first, last=last)
        return connection.sql(sql).to_arrow_table()


def stream(table: pa.Table) -> TableStream:
    """Return rows as they come from MySQL."""
    return TableStream(table.schema, iter(table.to_batches(max_chunksize=10_000)))


def fill(size: str) -> None:
    """Make a table of so many MB that cannot be compressed."""
    rows = int(size) * 10**6 // BYTES_A_ROW
    with write(PATH, keep=KEEP, who="bench", memory_limit="500MB") as connection:
        connection.execute(
            "CREATE TABLE filling AS SELECT i, hash(i) AS a, hash(i + 1) AS b, "
            f"md5_number(i::VARCHAR) AS c FROM range({rows}) r(i)"
        )


def all_orders(rows: str) -> None:
    """Make the table of orders, day by day."""
    with write(PATH, keep=KEEP, who="bench", memory_limit="500MB") as connection:
        for first in range(1, int(rows) + 1, 1_000_000):
            last = min(first + 1_000_000, int(rows) + 1)
            insert(connection, "orders", stream(orders(first, last, int(rows))))
        cached_days.record(
            connection,
            "orders",
            {FIRST + timedelta(day): 0 for day in range(DAYS)},
            datetime.now(UTC),
            "bench",
        )


def view(turn: int) -> dict[str, object]:
    """Rewrite a view."""
    return _timed(
        lambda connection: connection.execute(f"CREATE OR REPLACE VIEW v AS SELECT {turn} AS turn")
    )


def table(turn: int) -> dict[str, object]:
    """Load a table of 100,000 rows anew."""
    rows = orders(1 + turn, 100_001 + turn, 5_000_000)
    return _timed(lambda connection: insert(connection, "loaded", stream(rows)), "main.loaded")


def day(turn: int) -> dict[str, object]:
    """Load one day of the orders anew."""
    with duckdb.connect(str(PATH), read_only=True) as connection:
        ((all_rows,),) = connection.execute("SELECT count(*) FROM orders").fetchall()
    number = (turn * 37) % DAYS
    chosen = FIRST + timedelta(number)
    first, last = (-(-one * all_rows // DAYS) + 1 for one in (number, number + 1))
    rows = orders(first, last, all_rows)

    def load(connection: duckdb.DuckDBPyConnection) -> None:
        cached_days.remove(connection, "orders", "order_date", [chosen])
        insert(connection, "orders", stream(rows))
        cached_days.record(connection, "orders", {chosen: len(rows)}, datetime.now(UTC), "bench")

    return {**_timed(load), "day_bytes": rows.nbytes}


def row(turn: int) -> dict[str, object]:
    """Change a value of one order."""
    return _timed(
        lambda connection: connection.execute(
            f"UPDATE orders SET weight = {turn} WHERE id = {1 + turn % 1000}"
        )
    )


def oldest() -> dict[str, object]:
    """Open the oldest snapshot that is kept, and read one row."""
    began = time.perf_counter()
    with open_snapshot(PATH, kept(PATH)[0].number) as connection:
        connection.sql("FROM filling LIMIT 1").fetchall()
    return {"seconds": time.perf_counter() - began}


WRITES: dict[str, Callable[[int], dict[str, object]]] = {
    "view": view,
    "table": table,
    "day": day,
    "row": row,
}


def _timed(
    change: Callable[[duckdb.DuckDBPyConnection], object], *replacing: str
) -> dict[str, object]:
    """Write once; return the seconds, and the bytes that go to the disk."""
    before, began = _written(), time.perf_counter()
    with write(PATH, keep=KEEP, who="bench", replacing=replacing) as connection:
        change(connection)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "written_bytes": _written() - before}


def _written() -> int:
    """Return the bytes that this process had the system write to disks, as the system counts."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def main() -> None:
    """Write; print what the last time took."""
    what, number = sys.argv[1], sys.argv[2]
    said: dict[str, object] = {"seconds": 0.0}
    if what in ("fill", "orders"):
        {"fill": fill, "orders": all_orders}[what](number)
    elif what == "oldest":
        said = oldest()
    else:
        for turn in range(int(number)):
            said = WRITES[what](int(time.time()) + turn)
    print(json.dumps({**said, "versions": {"duckdb": duckdb.__version__}}))


if __name__ == "__main__":
    main()
