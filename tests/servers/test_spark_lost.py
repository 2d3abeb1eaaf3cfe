"""Spark or MySQL goes away in the middle: a sentence in bounded time, and the lake stays whole."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lakes import rows
from tests.servers.loading import query
from tests.servers.proxy import Proxy, proxy
from tests.servers.test_materialize_on_spark import (  # noqa: F401
    env,
    nothing_is_left_over,
    write,
)
from tests.spark_server import missing, spark_cluster
from tests.test_spark_cluster import processes, wait_for
from warehouse.assets.on_spark import read
from warehouse.assets.on_spark.read import load_by_spark
from warehouse.engines.spark import cluster as clusters
from warehouse.engines.spark import cluster_settings
from warehouse.engines.spark import session as sessions
from warehouse.engines.spark.cluster import Cluster
from warehouse.engines.spark.session import connect, record_batches
from warehouse.errors import WarehouseError
from warehouse.lake.place import open_lake
from warehouse.lake.snapshots import numbers
from warehouse.mysql.plan import describe
from warehouse.mysql.url import parse_url
from warehouse.settings import ROOT, load_settings

if TYPE_CHECKING:
    from tests.conftest import WarehouseEnv
    from tests.servers.launch import Database

pytest.importorskip("pyspark")
MARIADB = pytest.mark.parametrize("server", ["mariadb"], indirect=True)

LIMIT_MB = 24
"""Of a result, on the cluster that is killed."""


def megabytes(count: int) -> str:
    """A query whose result is so large, in parts of a megabyte."""
    text = "repeat(sha2(CAST(id AS STRING), 512), 8)"
    return f"SELECT id, {text} AS t FROM range(0, {count}000, 1, {count})"


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster that tests may kill, with a low limit for results."""
    if reason := missing():
        if os.environ.get("REQUIRE_SERVERS") == "1":
            pytest.fail(f"REQUIRE_SERVERS=1, and {reason}")
        pytest.skip(reason)
    write_settings = cluster_settings.write_settings

    def with_a_limit(folder: Path, *given: Any) -> None:
        write_settings(folder, *given)
        with (folder / "conf" / "spark-defaults.conf").open("a") as file:
            file.write(f"spark.driver.maxResultSize {LIMIT_MB}m\n")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "write_settings", with_a_limit)
        with spark_cluster() as cluster:
            yield cluster


def executors(cluster: Cluster) -> list[int]:
    return [
        one
        for one in processes(cluster.folder)
        if b"CoarseGrainedExecutorBackend" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]


def connections_reading(server: Database, asset: str = "things") -> int:
    """Return how many of the executors' connections read a table right now."""
    asked = server.run("SELECT info FROM information_schema.processlist WHERE info IS NOT NULL")
    return sum(f"warehouse asset={asset}" in text and "SLEEP" in text for (text,) in asked)


SLOW = "select `odd id`, SLEEP(0.1) as waited from `odd things`"
LOAD = ("materialize", "things")

SLOW_VIEW = """
-- owner: team:data
-- keep: table
select a."odd id" as first, b."odd id" as second
from things a, things b, things c, things d, (select kind from things where "odd id" < 6) e
where a.kind || b.kind || c.kind || d.kind || e.kind = 'kind 0kind 0kind 0kind 0kind 1'
and c."odd id" || d."odd id" = '33'
"""
"""Of many combinations few rows come. The executors write from the beginning on."""


def test_the_connect_server_has_its_memory(own_cluster: Cluster) -> None:
    """Spark gives it that of its daemons, if their environment says how much."""
    process = Path(f"/proc/{own_cluster.processes['connect'].pid}")
    assert b"-Xmx2g" in (process / "cmdline").read_bytes().split(b"\0")


def test_a_result_that_is_too_large(own_cluster: Cluster) -> None:
    with (
        closing_session(own_cluster.url) as session,
        pytest.raises(WarehouseError, match=rf"has more than {LIMIT_MB}\.0 MiB") as large,
    ):
        record_batches(session, megabytes(LIMIT_MB * 2)).read_all()
    assert "spark.driver.maxResultSize" in large.value.todo


@MARIADB
def test_executors_that_die(
    server: Database,
    env: WarehouseEnv,  # noqa: F811
    own_cluster: Cluster,
) -> None:
    """Spark starts others, and they read again."""
    env.configure(spark=own_cluster.url)
    env.source("things", SLOW)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(env.command, *LOAD, timeout=120)
        wait_for(lambda: connections_reading(server), "the load")
        for one in executors(own_cluster):
            os.kill(one, signal.SIGKILL)
        done = running.result()
    assert done.returncode == 0, done.stderr
    lake = open_lake(str(load_settings(env.home).lake))
    assert len(rows(lake, "things")) == 60 and numbers(lake) == [1]
    nothing_is_left_over(env)


@MARIADB
@pytest.mark.usefixtures("server")
def test_a_worker_that_dies_while_a_view_is_kept(
    env: WarehouseEnv,  # noqa: F811
    own_cluster: Cluster,
) -> None:
    """What the lost tasks wrote does not count; those that Spark starts in their place do."""
    env.run("things")
    env.configure(spark=own_cluster.url)
    write(env.home / "sql/analytics/pairs.sql", SLOW_VIEW)
    place = Path(str(load_settings(env.home).lake))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(env.command, "materialize", "pairs", timeout=120)
        wait_for(lambda: [*place.glob("tables/pairs/**/_temporary/**/*.parquet")], "the files")
        own_cluster.processes["worker-1"].kill()
        for one in executors(own_cluster):
            os.kill(one, signal.SIGKILL)
        assert not running.done()
        done = running.result()
    assert done.returncode == 0, done.stderr
    assert "pairs is kept as a table: 722 rows." in done.stderr
    nothing_is_left_over(env)
    found = rows(open_lake(str(place)), "pairs")
    assert len({(first, second) for first, second, _ in found}) == 361


@MARIADB
def test_a_server_that_dies(
    server: Database,
    env: WarehouseEnv,  # noqa: F811
    own_cluster: Cluster,
    spark_url: str,
) -> None:
    """In the middle of a load and of a result. Another cluster finishes the load."""
    env.run("things")
    lake = open_lake(str(load_settings(env.home).lake))
    before = rows(lake, "things")
    env.configure(spark=own_cluster.url)
    env.source("things", SLOW)
    with ThreadPoolExecutor() as pool, closing_session(own_cluster.url) as session:
        running = pool.submit(env.command, *LOAD, timeout=120)
        wait_for(lambda: connections_reading(server), "the load")
        reader = record_batches(session, megabytes(LIMIT_MB // 2))
        assert reader.read_next_batch().num_rows
        began = time.monotonic()
        own_cluster.processes["connect"].kill()
        with pytest.raises(WarehouseError, match="went away") as gone:
            reader.read_all()
        assert "\n" not in gone.value.what
        done = running.result()
        assert time.monotonic() - began < 45
    assert done.returncode == 1
    assert "Spark at" in done.stderr and "went away" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert rows(lake, "things") == before and numbers(lake) == [1]
    env.configure(spark=spark_url)
    env.run("things")
    assert numbers(lake) == [1, 2] and len(rows(lake, "loads")) == 2
    assert len(rows(lake, "things")) == 60
    nothing_is_left_over(env)


@MARIADB
def test_a_command_that_is_killed(
    server: Database,
    env: WarehouseEnv,  # noqa: F811
) -> None:
    """Spark finishes what it was asked for. The next runs remove it."""
    env.source("things", SLOW)
    command = [sys.executable, "-m", "warehouse", *LOAD]
    with subprocess.Popen(command, cwd=ROOT, env=env.env, stderr=subprocess.DEVNULL) as killed:
        try:
            wait_for(lambda: connections_reading(server), "the load")
        finally:
            killed.kill()
    wait_for(lambda: not connections_reading(server), "the end of the load")
    lake = Path(str(load_settings(env.home).lake))
    wait_for(lambda: [*lake.glob("tables/things/*/_SUCCESS")], "its files")
    env.source("things", "select * from `odd things`")
    env.run("things")
    assert numbers(open_lake(str(lake))) == [1]
    nothing_is_left_over(env)


@contextmanager
def closing_session(url: str) -> Iterator[Any]:
    session = connect(url)
    try:
        yield session
    finally:
        session.client.close()


@contextmanager
def spark_proxy(url: str) -> Iterator[tuple[Proxy, str]]:
    """Run a proxy in front of Spark. Yields it, and the URL that leads through it."""
    host, _, port = url.removeprefix("sc://").partition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        network = Proxy((host, int(port)))
        threading.Thread(target=network.serve, args=[listener], daemon=True).start()
        with closing(network):
            yield network, f"sc://127.0.0.1:{listener.getsockname()[1]}"


@MARIADB
def test_the_line_to_spark_falls_silent(
    server: Database, spark_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a result and of a load. New connections are silent as well."""
    monkeypatch.setattr(sessions, "_RETRIES", 1)
    server.run("CREATE TABLE t (n INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)")
    plan = describe(parse_url(server.url()), query("SELECT n, SLEEP(10) AS waited FROM t"))
    with (
        spark_proxy(spark_url) as (network, url),
        closing_session(url) as session,
        ThreadPoolExecutor() as pool,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        reader = record_batches(session, megabytes(60))
        assert reader.read_next_batch().num_rows
        comment = "warehouse asset=t"
        with closing_session(url) as spark:
            loading = pool.submit(
                load_by_spark, spark, plan, f"file://{tmp_path}/t", comment=comment, say=print
            )
            wait_for(lambda: connections_reading(server, "t"), "the load")
            network.target = silent.getsockname()
            network.mute()
            began = time.monotonic()
            for work in (reader.read_all, loading.result):
                with pytest.raises(WarehouseError, match="went away") as said:
                    work()
                assert "\n" not in said.value.what and "run again" in said.value.todo
            assert time.monotonic() - began < 80


@MARIADB
def test_a_mysql_that_falls_silent(
    server: Database, spark_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The executor gives the connection up, and reads again over another one."""
    server.run(
        "CREATE TABLE t (n INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(1000))",
        "INSERT INTO t (v) VALUES (REPEAT('x', 1000))",
        *["INSERT INTO t (v) SELECT v FROM t"] * 12,
    )
    monkeypatch.setattr(read, "_DRIVER", {**read._DRIVER, "socketTimeout": "3000"})
    with closing_session(spark_url) as spark, proxy(server, after=2_000_000) as (network, url):
        plan = describe(parse_url(url), query("SELECT * FROM t"))
        began = time.monotonic()
        loaded = load_by_spark(spark, plan, f"file://{tmp_path}/out", say=print)
    assert network.silent.is_set()
    assert time.monotonic() - began < 60
    assert loaded.written.rows == 4096
