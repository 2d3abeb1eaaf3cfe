"""What goes wrong with Spark, in words for people: one sentence each, never Spark's stack.

The conditions are Spark's: https://spark.apache.org/docs/latest/sql-error-conditions.html
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from warehouse.errors import WarehouseError, quoted_from

SAFE = "The warehouse and its Parquet files are untouched."
EXTRA = (
    "Install the extra `spark`: pip install 'warehouse[spark]'. In a clone of the product: "
    ".venv/bin/pip install -e '.[spark]'."
)

_GONE = ("UNAVAILABLE", "DEADLINE_EXCEEDED")
_FORGOTTEN = re.compile(
    r"INVALID_HANDLE\.(SESSION|OPERATION)_(CHANGED|CLOSED|NOT_FOUND|ABANDONED)"
    r"|RESPONSE_ALREADY_RECEIVED|NO_ACTIVE_SESSION"
)
_REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED")
_CONDITION = re.compile(r"\[([A-Z][A-Z0-9_]+(?:\.[A-Z][A-Z0-9_]+)*)\] ([^\n]+)")
_STATE = re.compile(r"\s*SQLSTATE: \w{5}\b;?")
_LOST = re.compile(r"ExecutorLostFailure|Could not find CoarseGrainedScheduler|Worker lost")
_JDBC = re.compile(r"\bjava\.sql\.\w+[):]+\s*(?:\(conn=\d+\) )?([^\n]+)")
_LIMITS = (
    (
        re.compile(r"is bigger than (?:local )?spark\.driver\.maxResultSize \(([^)]+)\)"),
        "the result has more than {0}, and its Connect server holds no more of one",
        "Ask for fewer rows or columns: WHERE, GROUP BY, or ORDER BY with LIMIT. Or have the "
        "cluster keep the rows: it writes a view with the note `-- keep: table` into the lake. Or "
        "raise spark.driver.maxResultSize where the server is started.",
    ),
    (
        re.compile(
            r"\[ARITHMETIC_OVERFLOW\] Overflow in sum of decimals"
            r"|cannot be represented as Decimal\(38, \d+\)"
        ),
        "a number{0} has more than 38 digits, which is the most that Spark has: a HUGEINT is a "
        "DECIMAL(38,0) there",
        "It is in the query, or in a view that it reads. For a product, cast first: x::DOUBLE * y. "
        "A sum up to 1.7e38 only DuckDB has: WAREHOUSE_SPARK=off.",
    ),
    (
        re.compile(r"java\.lang\.ArithmeticException: long overflow()"),
        "a date lies after the year 294246, the last one of Spark's times",
        "Leave such dates out: WHERE date_column < '9999-12-31'.",
    ),
    (
        re.compile(r"\[INVALID_CURSOR\.\w+\]()"),
        "the line to it was interrupted for so long that it no longer has what was lost of the "
        "result",
        "Run again.",
    ),
)
"""What Spark says, what it means, and what to do."""
_MARKED = re.compile(r"\^+")
_ALIAS = re.compile(r" AS `((?:[^`]|``)+)`")

_CAUSE = re.compile(r"[\w.$]+(?:Exception|Error): ([^\n]+)")


@contextmanager
def plain_errors(server: str, *, connecting: bool = False) -> Iterator[None]:
    """Say what Spark or the line to it does wrong in plain words.

    Args:
        server: Its name for people.
        connecting: Whether it has not answered yet.

    Raises:
        WarehouseError: in the place of what Spark's client raises.
    """
    import grpc
    from pyspark.errors import PySparkException

    try:
        with warnings.catch_warnings():
            # That a retry failed too is said by the error.
            warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]")
            yield
    except (PySparkException, grpc.RpcError) as error:
        status = _status(error)
        refused = status in _REFUSED or _CONDITION.search(str(error))
        if connecting and not refused:
            raise WarehouseError(
                f"Spark at {server} does not answer: {_reason(str(error))}.",
                safe=SAFE,
                todo="Look whether it runs and listens there, and correct WAREHOUSE_SPARK if it "
                "does not. `just spark` starts one on this machine.",
            ) from None
        raise in_words(server, str(error), status) from None


def in_words(server: str, text: str, status: str = "") -> WarehouseError:
    """Return the error for people of one that a connected Spark's client raised.

    Args:
        server: Its name for people.
        text: What it says.
        status: The name of gRPC's status, if it has one.
    """
    if _FORGOTTEN.search(text):
        return WarehouseError(
            f"Spark at {server} no longer knows this session: it was started again, or the session "
            "was ended there.",
            safe=SAFE,
            todo="Run again.",
        )
    if status in _GONE:
        return WarehouseError(
            f"Spark at {server} went away: {_reason(text)}.",
            safe=SAFE,
            todo="Look whether it still runs, and into its logs. Then run again.",
        )
    if status in _REFUSED:
        return WarehouseError(
            f"Spark at {server} refuses this client: {_reason(text)}.",
            safe=SAFE,
            todo="Correct the token in WAREHOUSE_SPARK: sc://host:port/;use_ssl=true;token=...",
        )
    if _LOST.search(text):
        return WarehouseError(
            f"Spark at {server} lost the executors that worked on this: they were killed, or had "
            "too little memory.",
            safe=SAFE,
            todo="Look into the logs of its workers. Then run again.",
        )
    if "ClassNotFoundException: org.mariadb.jdbc" in text:
        return WarehouseError(
            f"Spark at {server} has no driver for MySQL.",
            safe=SAFE,
            todo="On Debian and Ubuntu: apt-get install libmariadb-java, and start `just spark` "
            "again. On a cluster of your own, put MariaDB's Connector/J on the class path.",
        )
    failure = _JDBC.search(text)
    if failure or "[FAILED_JDBC.CONNECTION]" in text:
        reason = quoted_from(failure[1]) if failure else "it does not let them connect."
        return WarehouseError(
            f"Spark at {server} could not read from MySQL: {reason}",
            safe=SAFE,
            todo="Look whether MySQL runs, and whether the executors reach it by the host and port "
            "of its URL. Then run again.",
        )
    for pattern, what, todo in _LIMITS:
        if found := pattern.search(text):
            about = found[1] if pattern.groups else _column(text)
            return WarehouseError(f"Spark at {server}: {what.format(about)}.", safe=SAFE, todo=todo)
    return WarehouseError(f"Spark at {server}: {said(text)}", safe=SAFE)


def _column(text: str) -> str:
    """Return of which column an error is, if Spark marks the expression that gives it."""
    lines = text.splitlines()
    for sql, marks in pairwise(lines):
        if (marked := _MARKED.search(marks)) and (alias := _ALIAS.match(sql, marked.end())):
            return f" in the column `{alias[1].replace('``', '`')}`"
    return ""


def said(text: str) -> str:
    """Return Spark's condition with its first line; without a condition, the cause's first line."""
    conditions = _CONDITION.findall(text)
    if conditions:
        # A failed job names itself first, and last what failed in it.
        name, line = next((one for one in conditions if one[0] != "JOB_ABORTED"), conditions[0])
        return quoted_from(f"[{name}] {_STATE.sub('', line).strip()}")
    if text.startswith("<"):  # gRPC's own
        return _reason(text)
    cause = _CAUSE.findall(text.partition("Driver stacktrace:")[0])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return quoted_from(cause[-1] if cause else lines[0] if lines else "no reason is given")


def _status(error: BaseException) -> str:
    """Return the name of gRPC's status: Spark's client tells it in two ways, by its version."""
    for name in ("getGrpcStatusCode", "code"):
        tell = getattr(error, name, None)
        if tell is not None:
            return str(getattr(tell(), "name", ""))
    found = re.search(r"StatusCode\.([A-Z_]+)", str(error))
    return found[1] if found else ""


def _reason(text: str) -> str:
    """Return what gRPC says of a failure, in a few words."""
    details = re.search(r'details = "([^"\n]*)', text)
    words = details[1] if details else text.partition("\n")[0]
    last = words.rpartition("last error: ")[2]
    return quoted_from(re.sub(r"^(UNKNOWN|UNAVAILABLE|INTERNAL): ", "", last)).rstrip(". ")
