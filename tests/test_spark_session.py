"""A session with Spark: what it gives, and what it says when it cannot."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.engines.spark import session as sessions
from warehouse.engines.spark.session import connect, create_views, quote, record_batches
from warehouse.errors import WarehouseError

pytest.importorskip("pyspark")

TOKEN = "geheim-4711"
SLOW = "SELECT max(sha2(CAST(a.id * b.id AS STRING), 512)) FROM range(1000000) a, range(1000000) b"


@pytest.fixture(scope="module")
def spark(spark_url: str) -> Iterator[Any]:
    """A session that these tests share."""
    session = connect(spark_url)
    yield session
    session.stop()


def rows(session: Any, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    found: list[dict[str, Any]] = record_batches(session, sql).read_all().to_pylist()
    return found


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"spark://127.0.0.1:7077/;token={TOKEN}", "starts with `spark://`"),
        (f"127.0.0.1:15002;token={TOKEN}", "is no URL"),
        (f"sc:///;token={TOKEN}", "names no host"),
        (f"sc://host:port/;token={TOKEN}", "has no port that is a number"),
        (f"sc://user:{TOKEN}@host:15002", "names no host"),
        (f"sc://host:15002/;{TOKEN}", "cannot be read"),
        (f"sc://host:15002/{TOKEN}", "cannot be read"),
    ],
)
def test_a_url_that_is_none_is_refused_without_its_token(url: str, why: str) -> None:
    with pytest.raises(WarehouseError) as refused:
        connect(url)
    assert refused.value.what == f"WAREHOUSE_SPARK {why}."
    assert TOKEN not in str(refused.value)


def test_where_nobody_listens_it_says_so_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        began = time.monotonic()
        with pytest.raises(WarehouseError, match=r"sc://127\.0\.0\.1:\d+ does not answer") as said:
            connect(f"sc://127.0.0.1:{taken.getsockname()[1]}/;token={TOKEN}")
    assert time.monotonic() - began < sessions.CONNECT_SECONDS
    assert TOKEN not in str(said.value)
    assert "just spark" in said.value.todo


def test_a_host_that_is_silent_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CONNECT_SECONDS", 1.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(WarehouseError, match="does not answer"):
            connect(f"sc://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - began < 5


@contextmanager
def server_of_version(version: str) -> Iterator[str]:
    """A server that tells its version as Spark does, and nothing else."""
    import grpc
    from pyspark.sql.connect.proto import base_pb2, base_pb2_grpc

    class Old(base_pb2_grpc.SparkConnectServiceServicer):
        def AnalyzePlan(self, request: Any, _: Any) -> Any:
            answer = base_pb2.AnalyzePlanResponse(session_id=request.session_id)
            answer.spark_version.version = version
            return answer

    server = grpc.server(ThreadPoolExecutor(2))
    add: Any = base_pb2_grpc.add_SparkConnectServiceServicer_to_server
    add(Old(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"sc://127.0.0.1:{port}"
    finally:
        server.stop(None)


@pytest.mark.parametrize("version", ["3.5.6", "4.1.0", "a fork"])
def test_a_server_that_is_too_old_is_refused(version: str) -> None:
    with (
        server_of_version(version) as url,
        pytest.raises(WarehouseError, match=rf"{version}, and 4\.2 is the oldest"),
    ):
        connect(url)


def test_values_come_as_duckdb_has_them(spark: Any) -> None:
    reader = record_batches(
        spark,
        "SELECT CAST(:large AS DECIMAL(20, 0)) AS u,"
        " TIMESTAMP_NTZ'0001-01-01 00:00:00.000001' AS t,"
        " TIMESTAMP'9999-12-31 23:59:59.999999 UTC' AS z, 1.10BD * 1.10BD AS d, 'ü' AS s",
        {"large": str(2**64 - 1)},
    )
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("stream", reader)
    connection.execute("CREATE TABLE incoming AS FROM stream")
    table = connection.sql("FROM incoming")
    zoned = "TIMESTAMP WITH TIME ZONE"
    types = ["DECIMAL(20,0)", "TIMESTAMP", zoned, "DECIMAL(7,4)", "VARCHAR"]
    assert list(map(str, table.types)) == types
    (row,) = connection.sql("SELECT u, t, z AT TIME ZONE 'UTC', d, s FROM incoming").fetchall()
    assert row == (
        Decimal(2**64 - 1),
        datetime(1, 1, 1, 0, 0, 0, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
        Decimal("1.2100"),
        "ü",
    )


def test_a_result_without_rows_has_its_columns(spark: Any) -> None:
    reader = record_batches(spark, "SELECT id, id AS id FROM range(0)")
    assert reader.schema.names == ["id", "id"]
    assert reader.read_all().num_rows == 0


def test_rows_are_a_stream_and_never_whole_in_memory(spark: Any) -> None:
    before = pa.total_allocated_bytes()
    most = count = 0
    for batch in record_batches(spark, "SELECT id, repeat('x', 200) FROM range(0, 500000, 1, 2)"):
        count += batch.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert count == 500_000
    assert most < 30_000_000  # of 100 MB


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT * FROM nosuch", "[TABLE_OR_VIEW_NOT_FOUND] The table or view `nosuch` cannot"),
        ("SELEC 1", "[PARSE_SYNTAX_ERROR] Syntax error at or near 'SELEC'. (line 1, pos 0)"),
        ("SELECT 1 / (id - 5) FROM range(9)", "[DIVIDE_BY_ZERO] Division by zero."),
        ("SELECT CAST('x' AS INT) FROM range(3)", "[CAST_INVALID_INPUT] The value 'x' of the type"),
        ("SELECT raise_error('one\ntwo') FROM range(2)", "[USER_RAISED_EXCEPTION] one"),
    ],
)
def test_an_error_of_spark_is_one_sentence(spark: Any, sql: str, said: str) -> None:
    with pytest.raises(WarehouseError) as error:
        rows(spark, sql)
    assert said in error.value.what
    assert "\n" not in error.value.what
    assert "org.apache" not in str(error.value)


def test_an_error_is_not_written_on_stderr_as_well(
    spark: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WarehouseError):
        rows(spark, "SELECT * FROM nosuch")
    assert capfd.readouterr().err == ""


def test_ctrl_c_ends_the_job_at_once(spark: Any) -> None:
    timer = threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        rows(spark, SLOW)
    assert time.monotonic() - began < 4
    # What still ran would have all cores of the cluster.
    assert rows(spark, "SELECT count(*) AS n FROM range(0, 9, 1, 4)") == [{"n": 9}]
    assert time.monotonic() - began < 60


def test_ctrl_c_at_any_moment_leaves_nothing_running(spark: Any) -> None:
    for delay in (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8):
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            rows(spark, SLOW)
        began = time.monotonic()
        assert rows(spark, "SELECT count(*) AS n FROM range(0, 9, 1, 4)") == [{"n": 9}]
        assert time.monotonic() - began < 60


def test_what_is_not_read_to_its_end_is_ended_on_the_server(spark: Any) -> None:
    reader = record_batches(spark, "SELECT id, repeat('x', 500) FROM range(0, 90000000, 1, 900)")
    assert reader.read_next_batch().num_rows
    del reader
    began = time.monotonic()
    assert rows(spark, "SELECT count(*) AS n FROM range(9)") == [{"n": 9}]
    assert time.monotonic() - began < 20


def test_tables_and_views_are_found_by_their_names(spark: Any, tmp_path: Path) -> None:
    file = tmp_path / "a b%20c[d]{e,f}*.parquet"
    name, column = "odd `name`. \n;", 'a`"b'
    duckdb.sql(f"""
        COPY (SELECT {2**64 - 1}::UBIGINT AS u, 'x' AS "a`""b") TO '{file}' (FORMAT parquet)
    """)
    create_views(
        spark,
        {
            name: ([f"file://{file}"], f"u DECIMAL(20, 0), {quote(column)} STRING"),
            "empty": ([], "a INT, `c d` TIMESTAMP_NTZ"),
        },
        [
            ("a view", f"SELECT * FROM {quote(name)} -- and a comment"),
            ("ü", f"SELECT {quote(column)}, u FROM `a view`"),
        ],
    )
    assert rows(spark, "SELECT * FROM `ü`") == [{column: "x", "u": Decimal(2**64 - 1)}]
    assert record_batches(spark, "FROM empty").read_all().schema.names == ["a", "c d"]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=20))
def test_any_name_can_be_a_view(spark: Any, name: str) -> None:
    create_views(spark, {}, [(name, f"SELECT 1 AS {quote(name)}")])
    assert rows(spark, f"SELECT * FROM {quote(name)}") == [{name: 1}]


def test_an_error_of_a_view_names_it(spark: Any) -> None:
    with pytest.raises(WarehouseError, match=r"^The view wrong: Spark at .*UNRESOLVED_COLUMN"):
        create_views(spark, {}, [("right", "SELECT 1 AS a"), ("wrong", "SELECT b FROM right")])
    with pytest.raises(WarehouseError, match=r"^The table gone: Spark at .*PATH_NOT_FOUND"):
        create_views(spark, {"gone": (["file:///nosuch.parquet"], "a INT")}, [])
