"""Spark's executors read from MySQL by JDBC and write Parquet: no row passes this machine.

https://spark.apache.org/docs/latest/sql-data-sources-jdbc.html
https://mariadb.com/kb/en/about-mariadb-connector-j/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from warehouse.engines.spark.session import name_in, quote
from warehouse.engines.spark.spark_errors import SAFE, plain_errors
from warehouse.engines.spark.wire_types import WIRE, spark_type
from warehouse.engines.spark.written import WrittenFile, written_files
from warehouse.errors import WarehouseError

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

DRIVER = "org.mariadb.jdbc.Driver"
FETCH_ROWS = 10_000
"""The driver holds so many rows at a time, and the whole result if it is not told."""
FILE_ROWS = 10_000_000
"""A file is closed after so many rows."""

_DAY = "day_of_row"
_NULLS = "n"
_SERVER = "s"


@dataclass(frozen=True)
class JdbcColumn:
    """A column that is read: its name, the name of its type rule, its type in DuckDB.

    Attributes:
        quoted: Its name, quoted for MySQL.
    """

    name: str
    quoted: str
    kind: str
    duckdb_type: str


@dataclass(frozen=True)
class JdbcSource:
    """What is read from MySQL, and how the executors get there.

    Attributes:
        name: How people call it.
        url: For JDBC, without account, with one parameter at least.
        properties: Further parameters, for the driver.
        session: The statement that makes a session ours.
        server: SQL that tells one server from another, and its value where the plan was made.
        query: What stands behind FROM, with its conditions.
        comment: Shows in the server's process list.
        columns: In their order.
        ranges: Conditions over `{key}`, which share the rows; each is read by a connection of its
            own. None of them: one connection reads all.
        key: The column that they are about.
        day: SQL for MySQL of the day of a row; empty if the table is not kept by day.
    """

    name: str
    url: str
    user: str
    password: str = field(repr=False)
    properties: Mapping[str, str]
    session: str
    server: tuple[str, str]
    query: str
    comment: str
    columns: tuple[JdbcColumn, ...]
    ranges: tuple[str, ...] = ()
    key: str = ""
    day: str = ""


@dataclass(frozen=True)
class Written:
    """What came from MySQL.

    Attributes:
        invalid: By column, how many values have no counterpart and became NULL.
    """

    rows: int
    files: tuple[WrittenFile, ...]
    invalid: Mapping[str, int]


def load(session: SparkSession, source: JdbcSource, folder: str) -> Written:
    """Have the executors read a source, and write it as Parquet.

    What fails leaves files that nobody names. Each value is what DuckDB has of it.

    Args:
        session: With Spark, of `connect`.
        source: What to read.
        folder: The URL of the folder that is written, not percent-encoded. It must not be there.

    Raises:
        WarehouseError: MySQL or Spark refuses or dies, or values did not come whole.
    """
    from pyspark.sql.connect.functions import expr
    from pyspark.sql.connect.observation import Observation

    counts = Observation(str(uuid4()))
    with plain_errors(name_in(session)):
        wire: Any = _read(session, source)
        rebuilt = wire.selectExpr("*", *_rebuilt(source))
        checked = rebuilt.observe(counts, *map(expr, _checks(source)))
        rows = checked.selectExpr(*_final(source))
        writer = rows.write.option("compression", "zstd").option("maxRecordsPerFile", FILE_ROWS)
        if source.day:
            writer = writer.partitionBy(_DAY)
        writer.mode("error").parquet(folder)
        found = counts.get
        files = written_files(session, folder, _DAY if source.day else "")
    _judge(source, found, files)
    invalid = {
        column.name: found[f"i{number}"]
        for number, column in enumerate(source.columns)
        if found.get(f"i{number}")
    }
    return Written(found["rows"], files, invalid)


def _read(session: SparkSession, source: JdbcSource) -> Any:
    """Return the rows as they come, with columns called by their numbers."""
    options = {
        "driver": DRIVER,
        "user": source.user,
        "password": source.password,
        "sessionInitStatement": source.session,
        "fetchsize": str(FETCH_ROWS),
    }
    # Of an option Spark Connect keeps only small letters, and the driver drops what it knows not.
    url = "&".join([source.url, *(f"{name}={value}" for name, value in source.properties.items())])
    reader = session.read.options(**options)
    table = _wire(source)
    if not source.ranges:
        return reader.format("jdbc").option("url", url).option("dbtable", table).load()
    key = f"c{[column.name for column in source.columns].index(source.key)}"
    conditions = [one.format(key=key) for one in source.ranges]
    return reader.jdbc(url, table, predicates=conditions)


def _wire(source: JdbcSource) -> str:
    """Return what Spark selects from: a SELECT in MySQL's dialect, as a table."""
    columns = [
        f"{WIRE[column.kind].wire.format(c=column.quoted)} AS c{number}"
        for number, column in enumerate(source.columns)
    ]
    nulls = " + ".join(f"({column.quoted} IS NULL)" for column in source.columns)
    columns += [f"{nulls} AS {_NULLS}", f"{source.server[0]} AS {_SERVER}"]
    if source.day:
        columns.append(f"CAST({source.day} AS CHAR) AS d")
    # The line break keeps a `--` comment at the end of the query from closing more.
    comment = source.comment.replace("*/", "")
    return f"(/* {comment} */ SELECT {', '.join(columns)} FROM {source.query}\n) AS wire"


def _rebuilt(source: JdbcSource) -> list[str]:
    """Return the values, called by their numbers."""
    return [
        WIRE[column.kind].rebuild.format(w=f"c{number}", type=spark_type(column.duckdb_type))
        + f" AS v{number}"
        for number, column in enumerate(source.columns)
    ]


def _checks(source: JdbcSource) -> list[str]:
    """Return what is counted on the way.

    A value that is longer than MySQL's max_allowed_packet comes as NULL, which only a count of the
    NULLs tells from one. And an executor may reach another server by the same name.
    """
    numbers = range(len(source.columns))
    nulls = " + ".join(f"CAST(c{number} IS NULL AS INT)" for number in numbers)
    return [
        "count(*) AS rows",
        f"count_if({_NULLS} <> {nulls}) AS lost",
        f"min({_SERVER}) AS first_server",
        f"max({_SERVER}) AS last_server",
        *(
            f"count_if(c{number} IS NOT NULL AND v{number} IS NULL) AS i{number}"
            for number in numbers
        ),
    ]


def _final(source: JdbcSource) -> list[str]:
    """Return the columns that are written."""
    columns = [f"v{number} AS {quote(one.name)}" for number, one in enumerate(source.columns)]
    return [*columns, f"TRY_CAST(d AS DATE) AS {quote(_DAY)}"] if source.day else columns


def _judge(source: JdbcSource, found: Mapping[str, Any], files: Sequence[WrittenFile]) -> None:
    """See that what was written is what MySQL holds.

    Raises:
        WarehouseError: it is not.
    """
    servers = {found["first_server"], found["last_server"]} - {None}
    if servers - {source.server[1]}:
        raise WarehouseError(
            f"{source.name}: the executors of Spark read from another MySQL than this machine: "
            f"{', '.join(sorted(servers))} and not {source.server[1]}.",
            safe=SAFE,
            todo="Name the server in the URL by an address that is the same everywhere.",
        )
    if found["lost"]:
        raise WarehouseError(
            f"{source.name}: MySQL left out values in {found['lost']:,} rows, as they are longer "
            "than its max_allowed_packet.",
            safe=SAFE,
            todo="Ask for a larger max_allowed_packet, or leave the column out.",
        )
    for number, column in enumerate(source.columns):
        if found[f"i{number}"] and (column.kind == "json" or not WIRE[column.kind].may_fail):
            raise WarehouseError(
                f"{source.name}: {found[f'i{number}']:,} values of `{column.name}` are none that "
                f"Spark takes as {column.duckdb_type}.",
                safe=SAFE,
                todo="Load this source into the warehouse, and publish it from there.",
            )
    if sum(file.rows for file in files) != found["rows"]:
        raise WarehouseError(
            f"{source.name}: MySQL sent {found['rows']:,} rows, and the files hold "
            f"{sum(file.rows for file in files):,}.",
            safe=SAFE,
            todo="Run again.",
        )
