"""The embedded sample server makes fingerprints as a MySQL does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import duckdb
import pyarrow as pa
import pytest

from tests.servers.loading import orders
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.fingerprints import ask_days
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.url import parse_url
from warehouse.sample.generate import FIRST_DAY
from warehouse.sample.server import serve
from warehouse.store import cached_days as store_days

FIRST, LAST = FIRST_DAY.date(), FIRST_DAY.date() + timedelta(days=30)
DAYS = Days("order_date", ((FIRST, LAST),))


@pytest.mark.parametrize("updated", ["updated_at", "created_at", "order_date"])
@pytest.mark.parametrize(
    "key", [("id",), ("status",), ("item_count", "amount"), ("id", "note", "created_at")]
)
def test_it_counts_as_duckdb_does(key: tuple[str, ...], updated: str) -> None:
    with serve() as running, duckdb.connect() as connection:
        server = parse_url(running.url)
        extraction = open_extraction(server, orders(), days=DAYS)
        rows = pa.RecordBatchReader.from_batches(extraction.schema, extraction.batches())
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("incoming", rows)
        select = ", ".join(column.rebuild for column in extraction.plan.columns)
        connection.execute(f"CREATE TABLE orders AS SELECT {select} FROM incoming")
        counts = dict.fromkeys(DAYS.listed, 0)
        store_days.record(connection, "orders", counts, datetime.now(UTC), "a run")
        with ask_days(describe(server, orders()), DAYS, key=key, updated=updated) as asked:
            there = asked.counted(lambda _: None).fingerprints
            here = store_days.cached_days(connection, "orders", "order_date", asked.recipe)
    assert isinstance(min(there), date)
    assert there == {day: cached.fingerprint for day, cached in here.items() if day in there}
    assert len(there) > 20
