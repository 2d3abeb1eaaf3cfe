"""A source that is loaded by Spark: MySQL's plan and session become what Spark's executors need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pymysql.connections import Connection

from warehouse.engines.spark.jdbc import JdbcColumn, JdbcSource, Written, load
from warehouse.errors import WarehouseError
from warehouse.mysql.columns import quote
from warehouse.mysql.instant import Instant, open_together, transactional
from warehouse.mysql.plan import Days, Plan, describe
from warehouse.mysql.server_errors import SAFE, plain_errors
from warehouse.mysql.session import as_connected, rows, session_statement
from warehouse.mysql.url import Server
from warehouse.mysql.variables import variables

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

FEW_ROWS = 100_000
"""So many rows come sooner over one connection."""

AGAIN = "-again"
"""What the name of the folder ends in, if what came first was thrown away."""

_ADDRESS = "CONCAT(@@hostname, ':', @@port, ':', @@server_id)"
_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
_ONE_STATEMENT = "one statement"

_DRIVER = {
    "tinyInt1isBit": "false",
    "yearIsDateType": "false",
    "connectTimeout": "10000",
    # A line that is dead is noticed in 35 seconds, by version 3 of the driver and later ones.
    "tcpKeepAlive": "true",
    "tcpKeepIdle": "15",
    "tcpKeepInterval": "5",
    "tcpKeepCount": "4",
    # A server that lives and sends nothing: some queries work long before their first row.
    "socketTimeout": "3600000",
}
_TLS: Mapping[str, Mapping[str, str]] = {
    # Without TLS, MySQL 8 sends the key with which a password is encrypted.
    "disabled": {"useSsl": "false", "allowPublicKeyRetrieval": "true"},
    "required": {"useSsl": "true", "trustServerCertificate": "true"},
    "verify_ca": {"useSsl": "true", "disableSslHostnameVerification": "true"},
    "verify_identity": {"useSsl": "true"},
}


@dataclass(frozen=True)
class SparkLoad:
    """What Spark loaded of a source.

    Attributes:
        plan: By which it was read.
        folder: The URL of the folder that holds the files.
        connections: Over how many it was read.
        instant: What it shows.
    """

    plan: Plan
    folder: str
    written: Written
    connections: int
    instant: Instant


def load_by_spark(
    session: SparkSession,
    plan: Plan,
    folder: str,
    *,
    days: Days | None = None,
    comment: str = "",
    connections: int = 1,
    budget_seconds: float | None = None,
    say: Callable[[str], None],
) -> SparkLoad:
    """Have Spark's executors read a source from MySQL, and write it as Parquet.

    Over several connections only if MySQL's position proves that all of them saw one instant: it
    is read before the first and after the last, and did not move. If it did, what came is thrown
    away, and one connection reads everything.

    Args:
        session: With Spark.
        plan: Of the source.
        folder: The URL of a folder that is not there yet, not percent-encoded.
        days: Only these days; the rows of each are in files of their own.
        comment: Shows in MySQL's process list.
        connections: How many there may be.
        budget_seconds: So long MySQL lets a query run; None for as long as it does anyway.
        say: Told what happens.

    Raises:
        WarehouseError: MySQL or Spark refuses or dies, or the table was altered meanwhile. Nobody
            names what was written then.
    """
    with open_together(plan.server, 1, budget_seconds=budget_seconds, say=say) as (opened, before):
        (connection,) = opened
        with plain_errors(plan.server, plan.query.place):
            source = _source(connection, plan, days, comment, budget_seconds)
            if connections > 1 and before.position:
                source = _in_ranges(connection, plan, source, connections)
    written = load(session, source, folder)
    instant = Instant(True, _ONE_STATEMENT, None)
    if source.ranges:
        with open_together(plan.server, 1, say=say) as (_, after):
            pass
        if after.position == before.position:
            how = f"{len(source.ranges)} connections between which nothing was committed"
            instant = Instant(True, how, before.position)
        else:
            say(
                f"Something was committed in MySQL while {len(source.ranges)} connections read "
                f"{plan.named}: one connection reads it again."
            )
            source = replace(source, ranges=())
            folder = folder + AGAIN
            written = load(session, source, folder)
    _check_plan(plan)
    return SparkLoad(plan, folder, written, max(1, len(source.ranges)), instant)


def _check_plan(plan: Plan) -> None:
    """See that the table is what it was.

    Raises:
        WarehouseError: it was altered, so its values may have been read as those of another type.
    """
    if differs := plan.differs(describe(plan.server, plan.query).fields):
        raise WarehouseError(
            f"{plan.named} was altered while it was being read: {differs}.",
            safe=SAFE,
            todo="Run again when nobody alters it.",
        )


def _source(
    connection: Connection[Any],
    plan: Plan,
    days: Days | None,
    comment: str,
    budget_seconds: float | None,
) -> JdbcSource:
    """Return what Spark has to know of a source."""
    server = as_connected(plan.server, connection)
    days = plan.days_of(days) if days else None
    ((address,),) = rows(connection, f"SELECT {_ADDRESS}")
    limited = f"\nWHERE {days.condition}" if days else ""
    return JdbcSource(
        name=plan.named,
        url=_url(server),
        user=server.user,
        password=server.password,
        properties=_properties(server),
        session=session_statement(connection, variables(budget_seconds)),
        server=(_ADDRESS, str(address)),
        query=f"(\n{plan.query.sql}\n) AS source{limited}",
        comment=comment,
        columns=tuple(
            JdbcColumn(one.name, quote(one.name), one.kind, one.duckdb_type) for one in plan.columns
        ),
        day=days.mysql_day if days else "",
    )


def _in_ranges(
    connection: Connection[Any], plan: Plan, source: JdbcSource, connections: int
) -> JdbcSource:
    """Return the source with its key cut into ranges, or as it is where that does not serve."""
    keys = [column for column in plan.columns if column.key]
    serves = len(keys) == 1 and keys[0].kind.removesuffix(" unsigned") in _INTEGERS
    if not serves or plan.table is None or plan.rows_estimate < FEW_ROWS:
        return source
    if transactional(connection, [plan.table]):
        return source
    key = quote(keys[0].name)
    ((first, last),) = rows(connection, f"SELECT MIN({key}), MAX({key}) FROM {source.query}")
    if first is None:
        return source
    return replace(source, key=keys[0].name, ranges=ranges(int(first), int(last), connections))


def ranges(first: int, last: int, count: int) -> tuple[str, ...]:
    """Return conditions over `{key}` that share all values, NULL and those outside included.

    Args:
        first: The lowest value.
        last: The highest value.
        count: How many at most.
    """
    width = -(-(last - first + 1) // count)
    cuts = list(range(first + width, last + 1, width))
    if not cuts:
        return ()
    between = [f"{{key}} >= {low} AND {{key}} < {high}" for low, high in pairwise(cuts)]
    return (f"{{key}} < {cuts[0]} OR {{key}} IS NULL", *between, f"{{key}} >= {cuts[-1]}")


def _url(server: Server) -> str:
    """Return the URL for JDBC.

    `jdbc:mysql:`, for of `jdbc:mariadb:` Spark thinks that it quotes names as ANSI does.

    Raises:
        WarehouseError: the database's name cannot stand in one.
    """
    if set(server.database) & set("/?&#"):
        raise _refused(server, f"a database called {server.database}", "give it a plainer name")
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"jdbc:mysql://{host}:{server.port}/{server.database}?permitMysqlScheme"


def _properties(server: Server) -> Mapping[str, str]:
    """Return what the driver has to know of a server's TLS and compression.

    Raises:
        WarehouseError: it is something that executors on other machines cannot do.
    """
    if server.socket:
        raise _refused(server, "unix_socket", "name its host and port")
    if server.cert or server.key:
        raise _refused(server, "ssl_cert and ssl_key", "ask for an account without")
    properties = {**_DRIVER, **_TLS[server.tls]}
    if server.tls.startswith("verify") and server.ca:
        # The certificate itself: the file is on this machine only.
        properties["serverSslCert"] = Path(server.ca).read_text(encoding="ascii")
    if server.compressed:
        properties["useCompression"] = "true"
    return properties


def _refused(server: Server, what: str, instead: str) -> WarehouseError:
    return WarehouseError(
        f"Spark's executors cannot reach MySQL at {server.name} by {what}, which is in its URL.",
        safe="Nothing was asked of any server.",
        todo=f"For a load by Spark, {instead}. A load into the warehouse takes it as it is.",
    )
