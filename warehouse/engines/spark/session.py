"""A session with Spark by Spark Connect: connected, its settings made, its rows as a stream.

https://spark.apache.org/docs/latest/spark-connect-overview.html
"""

from __future__ import annotations

import logging
import os
import re
import uuid
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from warehouse.engines.spark.server_name import name_of, unusable
from warehouse.engines.spark.settings import SETTINGS
from warehouse.engines.spark.spark_errors import EXTRA, SAFE, plain_errors
from warehouse.errors import WarehouseError, quoted_from

if TYPE_CHECKING:
    from pyspark.sql.connect.client import DefaultChannelBuilder
    from pyspark.sql.connect.session import SparkSession

OLDEST = (4, 2)
"""The first Spark with QUALIFY and GROUP BY ALL as DuckDB has them."""
CONNECT_SECONDS = 10.0
STOP_SECONDS = 2.0
"""How long somebody who wants to leave waits for a server that no longer answers."""

_CHANNEL = {
    # A peer that is gone is noticed in a minute. More often than this, Spark 4.2 hangs up.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 20_000,
    # The answer to a ping has a time of its own, which is a minute by default.
    "grpc.http2.ping_timeout_ms": 20_000,
    # How long one try to connect takes.
    "grpc.min_reconnect_backoff_ms": 5_000,
}
_RETRIES = 4
"""After 0.05, 0.2, 0.8 and 2 seconds. Spark's client tries for ten minutes by default."""
_LONGEST_PAUSE_MS = 2_000
_INTERRUPT_SECONDS = 0.2
_LOOPBACK = re.compile(r"localhost|127\.[\d.]+|::1")


def connect(url: str) -> SparkSession:
    """Open a session with Spark, with the settings under which values come out as in DuckDB.

    Args:
        url: The value of `WAREHOUSE_SPARK`: `sc://host:port`, and after `/;` the parameters of
            Spark Connect, such as `use_ssl=true` and `token`.

    Returns:
        The session. `stop` ends it.

    Raises:
        WarehouseError: the package is missing, the URL is none, nobody answers in time, the server
            refuses or is too old.
    """
    named = name_of(url)
    # Else what this process starts may fail: gRPC's threads do not survive a fork.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    try:
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise WarehouseError(
            f"Spark's client is missing here: {quoted_from(str(error))}",
            safe=SAFE,
            todo=EXTRA,
        ) from None
    _silence()
    try:
        channel = DefaultChannelBuilder(url, [*_CHANNEL.items()])
    except Exception:  # its text would hold the token
        raise unusable("cannot be read") from None
    if _LOOPBACK.fullmatch(channel.host.strip("[]")):
        channel.setChannelOption("grpc.enable_http_proxy", 0)
    deadlines = _deadlines(channel)
    session = SparkSession.builder.channelBuilder(channel).create()
    session.client.set_retry_policies([DefaultPolicy(max_retries=0)])
    try:
        with plain_errors(named, connecting=True):
            _check_version(named, session.version)
            for name, value in SETTINGS.items():
                session.conf.set(name, value)
    except BaseException:
        session.client.close()
        raise
    deadlines.connected = True
    session.client.set_retry_policies(
        [DefaultPolicy(max_retries=_RETRIES, max_backoff=_LONGEST_PAUSE_MS)]
    )
    return session


@contextmanager
def connected(url: str) -> Iterator[SparkSession]:
    """Open a session for the length of a `with`, see `connect`."""
    session = connect(url)
    try:
        yield session
    finally:
        session.stop()


def record_batches(
    session: SparkSession, sql: str, parameters: dict[str, Any] | list[Any] | None = None
) -> pa.RecordBatchReader:
    """Run a query, and return its rows as they come: never more than a few batches at a time.

    Spark sends a partition when it has all of it: an executor holds one in memory. The rest of the
    query ends on the server when the reader is not read to its end, and at once on Ctrl-C.

    Args:
        session: With Spark.
        sql: One statement in Spark's dialect.
        parameters: Of its `:name` or `?` markers.

    Raises:
        WarehouseError: Spark refuses the query, fails or goes away; also while the reader is read.
    """
    tables = _tables(session, sql, parameters)
    first = next(tables, None)
    if first is None:  # a statement without a result
        return pa.RecordBatchReader.from_batches(pa.schema([]), [])
    batches = (batch for table in chain([first], tables) for batch in table.to_batches())
    return pa.RecordBatchReader.from_batches(first.schema, batches)


def _tables(
    session: SparkSession, sql: str, parameters: dict[str, Any] | list[Any] | None
) -> Iterator[pa.Table]:
    """Yield what comes of a query, and end what does not come any more.

    A thread of its own talks to Spark. An error that a signal raises inside Spark's client has it
    release the query, which Spark then may go on with, while nobody can name it any more.
    """
    tag = f"warehouse-{uuid.uuid4()}"

    def parts() -> Generator[Any, None, None]:
        with plain_errors(name_in(session)):
            session.addTag(tag)  # of this thread
            frame: Any = session.sql(sql, parameters)
            plan = frame._plan.to_proto(session.client)
            yield from session.client.to_table_as_iterator(plan, {})

    coming = parts()
    ended = False
    with ThreadPoolExecutor(1, thread_name_prefix="spark-client") as client:
        try:
            while (part := _next(session, tag, client, coming)) is not None:
                if isinstance(part, pa.Table):  # and before the first one, Spark's schema
                    yield part
            ended = True
        finally:
            if not ended:
                _interrupt(session, tag)
                client.submit(coming.close)


def _next(
    session: SparkSession, tag: str, client: ThreadPoolExecutor, coming: Iterator[Any]
) -> Any:
    """Return what comes next of a query, or None at its end; a signal's error ends the query."""
    future = client.submit(next, coming, None)
    try:
        return future.result()
    except BaseException:
        while not future.done():  # the query may not have begun yet
            _interrupt(session, tag)
            wait([future], timeout=_INTERRUPT_SECONDS)
        raise


def _interrupt(session: SparkSession, tag: str) -> None:
    with suppress(Exception):
        session.interruptTag(tag)


def create_views(
    session: SparkSession,
    tables: Mapping[str, tuple[Sequence[str], str]],
    views: Iterable[tuple[str, str]],
) -> None:
    """Let the session's SQL find tables and views by their names.

    Args:
        session: With Spark.
        tables: By name, the URLs of Parquet files, not percent-encoded, and Spark's schema of them.
        views: Name and SQL of each, those that others read first.

    Raises:
        WarehouseError: Spark does not take one of them; names it.
    """
    for name, (files, schema) in tables.items():
        with _named(session, f"The table {name}"):
            if files:
                frame: Any = session.read.schema(schema).parquet(*map(as_it_is, files))
            else:
                frame = session.createDataFrame([], schema)
            frame.createOrReplaceTempView(quote(name))
    for name, sql in views:
        with _named(session, f"The view {name}"):
            session.sql(sql).createOrReplaceTempView(quote(name))


def as_it_is(url: str) -> str:
    """Return a URL in which no character stands for others: Spark reads patterns."""
    return re.sub(r"[\\{}\[\]*?]", r"\\\g<0>", url)


def quote(name: str) -> str:
    """Quote an identifier for Spark."""
    return "`" + name.replace("`", "``") + "`"


@contextmanager
def _named(session: SparkSession, part: str) -> Iterator[None]:
    """Say of which table or view an error is."""
    try:
        with plain_errors(name_in(session)):
            yield
    except WarehouseError as error:
        raise WarehouseError(f"{part}: {error.what}", safe=error.safe, todo=error.todo) from None


def name_in(session: SparkSession) -> str:
    """Return how people call the server of a session."""
    channel: Any = session.client._builder
    return f"sc://{channel.endpoint}"


def _check_version(named: str, version: str) -> None:
    """See that a server is new enough.

    Raises:
        WarehouseError: it is too old.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise WarehouseError(
            f"Spark at {named} is of the version {quoted_from(version)}, and "
            f"{'.'.join(map(str, OLDEST))} is the oldest that gives what DuckDB gives.",
            safe=SAFE,
            todo="Ask for a newer one. `just spark` starts one on this machine.",
        )


def _silence() -> None:
    """Keep Spark's client from writing errors on stderr: they are raised as well."""
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        logging.getLogger(name).disabled = True
    # Its threads say so, too, when a server is gone.
    warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]")


def _deadlines(channel: DefaultChannelBuilder) -> Any:
    """Give short questions a time in which they have to be answered. Spark's client has none."""
    import grpc

    class Deadlines(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        connected = False

        def intercept_unary_unary(self, proceed: Any, details: Any, request: Any) -> Any:
            seconds = None if self.connected else CONNECT_SECONDS
            if details.method.endswith(("/Interrupt", "/ReleaseSession", "/ReleaseExecute")):
                seconds = STOP_SECONDS
            return proceed(details._replace(timeout=seconds) if seconds else details, request)

    deadlines = Deadlines()
    channel.add_interceptor(deadlines)
    return deadlines
