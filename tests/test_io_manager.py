"""Assets go through the I/O manager as DataFrames or as streams, whole or by partition."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from warehouse.errors import WarehouseError
from warehouse.store.io_manager import WarehouseIOManager
from warehouse.store.stream import TableStream

DAYS = dg.DailyPartitionsDefinition("2026-01-01")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def run(
    path: Path, *assets: dg.AssetsDefinition, partition: str | None = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        assets,
        resources={"io_manager": WarehouseIOManager(database=str(path))},
        partition_key=partition,
    )


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.sql(query).fetchall()


def test_a_dataframe_there_and_back(path: Path) -> None:
    got = []

    @dg.asset
    def upstream() -> pd.DataFrame:
        return pd.DataFrame({"a": [1, 2], "b": ["x", None]})

    @dg.asset
    def downstream(upstream: pd.DataFrame) -> None:
        got.append(upstream)

    run(path, upstream, downstream)
    run(path, upstream, downstream)
    assert got[1].to_dict("list") == {"a": [1, 2], "b": ["x", None]}
    assert rows(path, "FROM upstream ORDER BY a") == [(1, "x"), (2, None)]


def test_an_empty_dataframe_makes_an_empty_table(path: Path) -> None:
    full = pd.DataFrame({"a": [1, 2]})
    frames = [full, full.head(0)]

    @dg.asset
    def table() -> pd.DataFrame:
        return frames.pop(0)

    run(path, table)
    run(path, table)
    assert rows(path, 'SELECT count(a) FROM "table"') == [(0,)]


def test_columns_that_come_go_and_change_their_type(path: Path) -> None:
    frames = [
        pd.DataFrame({"a": [1], "gone": [1]}),
        pd.DataFrame({"new": ["x"], "a": [1.5]}),
    ]

    @dg.asset
    def drifting() -> pd.DataFrame:
        return frames.pop(0)

    run(path, drifting)
    run(path, drifting)
    assert rows(path, "SELECT a, new FROM drifting") == [(1.5, "x")]
    assert rows(path, "SELECT column_name FROM (DESCRIBE drifting)") == [("new",), ("a",)]


def test_a_partition_replaces_itself_by_name_and_leaves_the_others(path: Path) -> None:
    frames = [
        pd.DataFrame({"day": pd.to_datetime(["2026-01-01"]), "low": [1], "high": [2]}),
        pd.DataFrame({"day": pd.to_datetime(["2026-01-02"]), "low": [3], "high": [4]}),
        pd.DataFrame({"high": [6], "low": [5], "day": pd.to_datetime(["2026-01-02"])}),
    ]

    @dg.asset(partitions_def=DAYS, metadata={"partition_expr": "day"})
    def daily() -> pd.DataFrame:
        return frames.pop(0)

    for day in ("2026-01-01", "2026-01-02", "2026-01-02"):
        result = run(path, daily, partition=day)
    assert rows(path, "SELECT low, high FROM daily ORDER BY day") == [(1, 2), (5, 6)]
    (event,) = result.asset_materializations_for_node("daily")
    shown = str(event.metadata["preview"].value)
    assert "2026-01-02" in shown and "2026-01-01" not in shown


def test_a_stream_is_stored_and_read_as_a_stream(path: Path) -> None:
    counted = []

    @dg.asset
    def numbers() -> pa.RecordBatchReader:
        batches = (pa.record_batch({"n": list(range(i, i + 10))}) for i in range(0, 100, 10))
        return pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches)

    @dg.asset
    def total(numbers: pa.RecordBatchReader) -> None:
        counted.append(sum(batch.num_rows for batch in numbers))

    result = run(path, numbers, total)
    assert counted == [100]
    (event,) = result.asset_materializations_for_node("numbers")
    assert event.metadata["dagster/row_count"].value == 100
    assert len(str(event.metadata["preview"].value).splitlines()) == 2 + 10
    assert event.metadata["dagster/table_name"].value == "warehouse.main.numbers"
    schema = event.metadata["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert [(column.name, column.type) for column in schema.columns] == [("n", "BIGINT")]


def test_a_stream_that_breaks_publishes_nothing_and_says_why(path: Path) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [1]})
        raise WarehouseError("the cable was pulled")

    @dg.asset
    def numbers() -> TableStream:
        return TableStream(pa.schema([("n", pa.int64())]), broken())

    with pytest.raises(WarehouseError, match="the cable was pulled"):
        run(path, numbers)
    assert not path.exists()
    assert not (path.parent / ".warehouse" / "staging").exists()


@pytest.mark.parametrize("name", ["loads", "Snapshots", "cached_days"])
def test_an_asset_does_not_replace_what_the_warehouse_keeps(path: Path, name: str) -> None:
    @dg.asset
    def numbers() -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})

    @dg.asset(name=name)
    def taken() -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})

    run(path, numbers)
    before = rows(path, "FROM snapshots")
    with pytest.raises(WarehouseError, match=f"{name}: the warehouse keeps"):
        run(path, taken)
    assert rows(path, "FROM snapshots") == before


def test_what_duckdb_refuses_is_said_with_the_table(path: Path) -> None:
    @dg.asset
    def numbers() -> TableStream:
        batch = pa.record_batch({"n": ["one"]})
        return TableStream(batch.schema, iter([batch]), select="CAST(n AS INTEGER) AS n")

    with pytest.raises(WarehouseError, match=r"refused rows of numbers.*one"):
        run(path, numbers)


def test_arrow_tables_and_relations_there_and_back(path: Path) -> None:
    got = []

    @dg.asset
    def numbers() -> pa.Table:
        return pa.table({"n": [1, 2, 3]})

    @dg.asset
    def filtered(numbers: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        return numbers.filter("n > 1")

    @dg.asset
    def last(filtered: pa.Table, numbers: duckdb.DuckDBPyRelation) -> None:
        got.append((filtered.num_rows, numbers.fetchall()))

    run(path, numbers, filtered, last)
    assert got == [(2, [(1,), (2,), (3,)])]
    assert rows(path, "FROM filtered") == [(2,), (3,)]


def test_several_streams_of_one_snapshot_at_once(path: Path) -> None:
    """Read one after the other: the file was opened for each."""
    got = []

    @dg.asset
    def one() -> pd.DataFrame:
        return pd.DataFrame({"n": range(300_000)})

    @dg.asset
    def two(one: pd.DataFrame) -> pd.DataFrame:
        return one

    @dg.asset
    def both(
        one: pa.RecordBatchReader, two: pa.RecordBatchReader, again: duckdb.DuckDBPyRelation
    ) -> None:
        got.append([sum(batch.num_rows for batch in each) for each in (one, two)])
        got.append([again.count("*").fetchall()[0][0]])

    @dg.asset
    def again(two: pd.DataFrame) -> pd.DataFrame:
        return two

    run(path, one, two, again)
    dg.materialize(
        [one, two, again, both],
        selection="both",
        resources={"io_manager": WarehouseIOManager(database=str(path))},
    )
    assert got == [[300_000, 300_000], [300_000]]
