"""A load by Spark's executors gives the table that DuckDB gets, value by value."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import launch
from tests.servers.launch import Database
from tests.servers.loading import load, query
from tests.servers.test_exact import make_table
from tests.servers.test_invalid_values import JSON_OF_MARIADB
from tests.test_spark_cluster import wait_for
from warehouse.assets.on_spark import read as spark_load_module
from warehouse.assets.on_spark.read import SparkLoad, load_by_spark, ranges
from warehouse.engines.spark import jdbc
from warehouse.engines.spark.cluster import JDBC_JAR
from warehouse.engines.spark.session import connect
from warehouse.errors import WarehouseError
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.query import SourceQuery
from warehouse.mysql.url import parse_url
from warehouse.project.quoting import literal

pytest.importorskip("pyspark")


@pytest.fixture(scope="module")
def spark(spark_url: str) -> Iterator[Any]:
    """A session that these tests share."""
    if not JDBC_JAR.exists():
        why = f"no {JDBC_JAR}: apt-get install libmariadb-java"
        if os.environ.get("REQUIRE_SERVERS") == "1":
            pytest.fail(f"REQUIRE_SERVERS=1, and {why}")
        pytest.skip(why)
    session = connect(spark_url)
    yield session
    session.stop()


def spark_load(
    spark: Any, database: Database, source: SourceQuery, folder: Path, **options: Any
) -> SparkLoad:
    """Load what a SELECT gives into a folder."""
    plan = describe(parse_url(database.url()), source)
    return load_by_spark(spark, plan, f"file://{folder}", say=print, **options)


def differing(
    connection: duckdb.DuckDBPyConnection, loaded: SparkLoad, key: str
) -> list[tuple[Any, ...]]:
    """Return the rows that differ between what DuckDB loaded and what Spark wrote."""
    connection.execute(
        f"CREATE OR REPLACE VIEW written AS FROM '{loaded.folder.removeprefix('file://')}/**/*.parquet'"
    )
    found = []
    for column in loaded.plan.columns:
        both = f"""
            SELECT {literal(column.mysql_type)}, l.{column.quoted}, w.value
            FROM loaded AS l JOIN (
                SELECT {key}, CAST({column.quoted} AS {column.duckdb_type}) AS value FROM written
            ) AS w USING ({key})
            WHERE CAST(l.{column.quoted} AS VARCHAR) IS DISTINCT FROM CAST(w.value AS VARCHAR)
        """
        found += connection.execute(both).fetchall()
    return found


def test_every_type(server: Database, spark: Any, tmp_path: Path) -> None:
    columns = make_table(server)
    connection, extraction = load(server, "everything")
    loaded = spark_load(spark, server, query("SELECT * FROM everything"), tmp_path / "out")
    assert differing(connection, loaded, "k") == []
    assert loaded.written.rows == extraction.rows
    stored = f"SELECT DISTINCT type FROM parquet_schema('{tmp_path}/out/*.parquet')"
    assert ("INT96",) not in duckdb.execute(stored).fetchall()
    assert loaded.written.invalid == {
        name: len(values.invalid) for name, values in columns.items() if values.invalid
    }


def make_many(database: Database) -> None:
    """Make a table of 200,000 rows, of which MySQL knows that they are many."""
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    tables = ", ".join(f"({digits}) AS d{place}" for place in range(5))
    number = " + ".join(f"d{place}.d * {10**place}" for place in range(5))
    database.run(
        "CREATE TABLE many (n BIGINT NOT NULL PRIMARY KEY, amount DECIMAL(12,2), at DATETIME(3))",
        "INSERT INTO many SELECT n, IF(n % 7, n / 100, NULL), '2024-01-01' + INTERVAL n SECOND "
        f"FROM (SELECT {number} AS n FROM {tables}) AS numbers",
        "INSERT INTO many SELECT n - 100000, amount, at FROM many",
        "ANALYZE TABLE many",
    )


def test_odd_names(server: Database, spark: Any, tmp_path: Path) -> None:
    names = [
        "from",
        'a"b',
        "a`b",
        "Größe",
        "x y",
        "{c}",
        "%s",
        "?",
        ":x",
        "a'b",
        "--",
        "c0",
        "n",
        "d",
    ]
    quoted = ["`" + name.replace("`", "``") + "`" for name in names]
    server.run(
        f"CREATE TABLE `odd ``name` ({', '.join(f'{name} VARCHAR(9)' for name in quoted)})",
        f"INSERT INTO `odd ``name` VALUES ({', '.join(map(str, range(len(names))))})",
    )
    source = query("SELECT * FROM `odd ``name` WHERE 'a?b' <> '{d}' -- and a comment ?")
    loaded = spark_load(spark, server, source, tmp_path / "a b[c]" / "out")
    pattern = loaded.folder.removeprefix("file://").replace("[c]", "[[]c]")
    found = duckdb.execute(f"FROM '{pattern}/*.parquet'")
    assert [name for name, *_ in found.description or ()] == names
    assert found.fetchall() == [tuple(map(str, range(len(names))))]


def test_days_are_in_files_of_their_own(server: Database, spark: Any, tmp_path: Path) -> None:
    server.run(
        "CREATE TABLE t (id INT PRIMARY KEY, at DATETIME(6))",
        "INSERT INTO t VALUES (1, '2024-03-30 22:59:59.999999'), (2, '2024-03-30 23:00:00'), "
        "(3, '2024-03-31 21:59:59'), (4, '2024-03-31 22:00:00'), (5, '2024-05-01'), (6, NULL)",
    )
    days = Days("at", ((date(2024, 3, 30), date(2024, 4, 1)),), "Europe/Berlin")
    loaded = spark_load(spark, server, query("SELECT * FROM t"), tmp_path / "out", days=days)
    assert [(file.day, file.rows) for file in loaded.written.files] == [
        (date(2024, 3, 30), 1),
        (date(2024, 3, 31), 2),
        (date(2024, 4, 1), 1),
    ]
    for file in loaded.written.files:
        path = tmp_path / "out" / file.path
        assert path.stat().st_size == file.bytes
        found = duckdb.execute(f"FROM read_parquet('{path}', hive_partitioning = false)")
        assert [name for name, *_ in found.description or ()] == ["id", "at"]


# MySQL 9.7 has GTIDs unless somebody switches them off.
@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_one_connection_where_nothing_proves_one_instant(
    server: Database, spark: Any, tmp_path: Path
) -> None:
    make_many(server)
    source = query("SELECT * FROM many")
    connection, _ = load(server, source)
    loaded = spark_load(spark, server, source, tmp_path / "out", connections=4)
    assert loaded.connections == 1
    assert loaded.instant.how == "one statement"
    assert differing(connection, loaded, "n") == []
    assert loaded.written.rows == 200_000


OPTIONS = {
    "mariadb": ("--log-bin", "--server-id=1"),
    "mysql": ("--gtid-mode=ON", "--enforce-gtid-consistency=ON"),
}


@pytest.fixture(scope="module", params=launch.KINDS)
def logging_server(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Each kind of server, with a position for each commit."""
    if reason := launch.missing(request.param):
        pytest.skip(reason)
    with launch.SERVERS[request.param](*OPTIONS[request.param]) as database:
        make_many(database)
        yield database


def test_ranges_of_the_key_where_nothing_was_committed(
    logging_server: Database, spark: Any, tmp_path: Path
) -> None:
    source = query("SELECT * FROM many")
    connection, _ = load(logging_server, source)
    logging_server.clear_log()
    loaded = spark_load(
        spark, logging_server, source, tmp_path / "out", connections=4, comment="warehouse asset=m"
    )
    assert loaded.connections == len(loaded.written.files) == 4
    assert "4 connections between which nothing was committed" in loaded.instant.how
    assert loaded.instant.position
    assert differing(connection, loaded, "n") == []
    assert loaded.written.rows == 200_000
    asked = [sql for sql in logging_server.queries() if "warehouse asset=m" in sql]
    assert len([sql for sql in asked if "1=0" not in sql]) == 4


def test_a_mysql_that_dies_while_ranges_are_read(
    logging_server: Database, spark: Any, tmp_path: Path
) -> None:
    """One range is in already. The retry begins with all of them."""
    source = query("SELECT n, SLEEP(IF(n < -50000, 0, 0.01)) AS waited FROM many")
    with ThreadPoolExecutor() as pool:
        options: Any = {"connections": 4, "comment": "warehouse asset=m"}
        loading = pool.submit(
            spark_load, spark, logging_server, source, tmp_path / "out", **options
        )
        wait_for(lambda: [*tmp_path.glob("out/**/task_*/*.parquet")], "the first range")
        logging_server.kill()
        with pytest.raises(WarehouseError, match="could not read from MySQL") as died:
            loading.result()
    assert "\n" not in died.value.what
    assert not [*tmp_path.glob("out/*.parquet")]
    logging_server.start()
    source = query("SELECT * FROM many")
    loaded = spark_load(spark, logging_server, source, tmp_path / "retry", **options)
    connection, _ = load(logging_server, source)
    assert loaded.connections == 4
    assert differing(connection, loaded, "n") == []
    assert loaded.written.rows == 200_000


def test_a_mixture_is_thrown_away(
    logging_server: Database, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each transaction keeps the total, so ranges that saw different instants would differ."""
    ((total,),) = logging_server.run("SELECT SUM(amount) FROM many")
    stop, moved = threading.Event(), threading.Event()

    def move() -> None:
        moving = "UPDATE many SET amount = amount + IF(n = 1, -1, 1) WHERE n IN (1, 99998)"
        with closing(logging_server.admin("shop")) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute(moving)
                moved.set()

    writer = threading.Thread(target=move)

    def load_under_fire(*arguments: Any) -> Any:
        if not writer.ident:
            writer.start()
        assert moved.wait(30)
        return jdbc.load(*arguments)

    monkeypatch.setattr(spark_load_module, "load", load_under_fire)
    said: list[str] = []
    plan = describe(parse_url(logging_server.url()), query("SELECT n, amount FROM many"))
    try:
        loaded = load_by_spark(
            spark, plan, f"file://{tmp_path}/out", connections=4, say=said.append
        )
    finally:
        stop.set()
        writer.join()
    assert loaded.connections == 1
    assert "one connection reads it again" in said[0]
    assert loaded.folder.endswith("/out-again")
    found = f"SELECT sum(amount), count(*) FROM '{tmp_path}/out-again/*.parquet'"
    assert duckdb.execute(found).fetchall() == [(total, 200_000)]


def test_text_that_is_not_utf8(mariadb: Database, spark: Any, tmp_path: Path) -> None:
    mariadb.start()
    mariadb.run(
        "DROP TABLE IF EXISTS t",
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(50) CHARACTER SET utf8mb3, "
        "w TEXT CHARACTER SET utf8mb4, l VARCHAR(9) CHARACTER SET latin1, c CHAR(9))",
        "INSERT INTO t VALUES (1, 'ok', 'ok\ufffd', 'é', 'x  '), "
        "(2, _utf8mb3 x'EDA0BDEDB880', 'x', '€', ''), (3, 'y', _utf8mb4 x'41EDA08042', '', 'ß')",
    )
    connection, extraction = load(mariadb, "t")
    loaded = spark_load(spark, mariadb, query("SELECT * FROM t"), tmp_path / "out")
    assert differing(connection, loaded, "id") == []
    counted = {name: one.count for name, one in extraction.invalid_values.items()}
    assert loaded.written.invalid == counted == {"v": 1, "w": 1}


@pytest.mark.parametrize("what", JSON_OF_MARIADB)
def test_json_is_what_duckdb_has_or_refused(
    mariadb: Database, spark: Any, tmp_path: Path, what: str
) -> None:
    mariadb.start()
    mariadb.run(
        "DROP TABLE IF EXISTS t",
        "CREATE TABLE t (id INT PRIMARY KEY, j JSON)",
        "SET check_constraint_checks = 0",
        f"INSERT INTO t VALUES (1, '{{\"a\": 1.10}}'), (2, '{JSON_OF_MARIADB[what]}')",
    )
    ((stored,),) = mariadb.run("SELECT j FROM t WHERE id = 2")
    try:
        spark_load(spark, mariadb, query("SELECT * FROM t"), tmp_path / "out")
    except WarehouseError as error:
        assert "1 values of `j` are none that Spark takes as JSON" in error.what
    else:
        written = f"SELECT j::JSON::VARCHAR FROM '{tmp_path}/out/*.parquet' ORDER BY id"
        assert duckdb.execute(written).fetchall() == [('{"a": 1.10}',), (stored,)]


SLOW = "SELECT n, amount, SLEEP(IF(n % 20 = 0, 0.001, 0)) AS s FROM many"
"""Ten seconds and more."""


@contextmanager
def after(seconds: float, action: Callable[[], object]) -> Iterator[None]:
    """Do something in so many seconds."""
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_mysql_that_dies(server: Database, spark: Any, tmp_path: Path) -> None:
    make_many(server)
    with after(4, server.kill), pytest.raises(WarehouseError) as error:
        spark_load(spark, server, query(SLOW), tmp_path / "out")
    assert "\n" not in error.value.what
    assert not list(tmp_path.glob("out/*.parquet"))
    server.start()
    loaded = spark_load(spark, server, query("SELECT * FROM many"), tmp_path / "retry")
    assert loaded.written.rows == 200_000


def test_a_mysql_that_executors_cannot_reach(
    server: Database, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.run("CREATE TABLE t (id INT PRIMARY KEY)")
    nowhere = "jdbc:mysql://127.0.0.1:1/x?permitMysqlScheme"
    for changed in ({"password": "wrong-4711"}, {"url": nowhere}):
        change(monkeypatch, **changed)
        with pytest.raises(WarehouseError, match="could not read from MySQL") as error:
            spark_load(spark, server, query("SELECT * FROM t"), tmp_path / "out")
        assert "wrong-4711" not in str(error.value)
    change(monkeypatch, server=("CONCAT('an', 'other')", "one"))
    server.run("INSERT INTO t VALUES (1)")
    with pytest.raises(WarehouseError, match="from another MySQL than this machine: another and"):
        spark_load(spark, server, query("SELECT * FROM t"), tmp_path / "out")


def change(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """Have Spark told something else than is so."""

    def load_changed(spark: Any, source: jdbc.JdbcSource, folder: str) -> jdbc.Written:
        return jdbc.load(spark, replace(source, **changed), folder)

    monkeypatch.setattr(spark_load_module, "load", load_changed)


def test_a_value_that_does_not_fit_into_a_packet_is_never_null(
    server: Database, spark: Any, tmp_path: Path
) -> None:
    server.run("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024")
    length = 9 * 1024 * 1024
    server.run(
        "CREATE TABLE t (id INT PRIMARY KEY, v LONGTEXT)",
        f"INSERT INTO t VALUES (1, REPEAT('ü', {length})), (2, NULL)",
    )
    server.run("SET GLOBAL max_allowed_packet = 8 * 1024 * 1024")
    try:
        spark_load(spark, server, query("SELECT * FROM t"), tmp_path / "out")
    except WarehouseError as error:
        assert "MySQL left out values in 1 rows" in error.what
    else:
        found = f"SELECT id, length(v) FROM '{tmp_path}/out/*.parquet' ORDER BY id"
        assert duckdb.execute(found).fetchall() == [(1, length), (2, None)]
    finally:
        server.run("SET GLOBAL max_allowed_packet = 64 * 1024 * 1024")


def test_tls_and_compression_are_what_the_url_says(
    mysql: Database, spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mysql.start()
    mysql.run(
        "DROP TABLE IF EXISTS t",
        "CREATE TABLE t (id INT PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
        f"CREATE USER IF NOT EXISTS careful@'%' IDENTIFIED BY '{launch.PASSWORD}' REQUIRE SSL",
        "GRANT SELECT ON shop.* TO careful@'%'",
    )
    verified = f"ssl_mode=verify_ca&ssl_ca={mysql.data}/ca.pem"
    for number, parameters in enumerate(("ssl_mode=required&compress=true", verified)):
        server = parse_url(f"{mysql.url(user='careful')}?{parameters}")
        plan = describe(server, query("SELECT * FROM t"))
        loaded = load_by_spark(spark, plan, f"file://{tmp_path}/{number}", say=print)
        assert loaded.written.rows == 1
    foreign = (mysql.data / "client-cert.pem").read_text()
    properties = {"useSsl": "true", "serverSslCert": foreign}
    change(monkeypatch, properties=properties)
    with pytest.raises(WarehouseError, match="could not read from MySQL"):
        load_by_spark(spark, plan, f"file://{tmp_path}/foreign", say=print)


@pytest.mark.parametrize("part", ["socket", "cert"])
def test_what_executors_cannot_use_is_refused(part: str) -> None:
    server = replace(parse_url("mysql://u:p@h/d"), **{part: "/x"})  # type: ignore[arg-type]
    with pytest.raises(WarehouseError, match="executors cannot reach MySQL at"):
        spark_load_module._properties(server)


@given(st.integers(-(2**63), 2**64), st.integers(0, 2**64), st.integers(2, 9), st.data())
def test_ranges_share_all_keys(first: int, length: int, count: int, data: st.DataObject) -> None:
    conditions = ranges(first, first + length, count)
    assert len(conditions) <= count
    key = data.draw(st.none() | st.integers(first - 2, first + length + 2))
    told = [f"coalesce({one.format(key='k')}, false)::INT" for one in conditions]
    sql = f"SELECT {' + '.join(told) or '1'} FROM (SELECT CAST(? AS DECIMAL(38,0)) AS k)"
    assert duckdb.execute(sql, [None if key is None else str(key)]).fetchall() == [(1,)]
