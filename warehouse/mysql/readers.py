"""Two readers behind one function: the same SELECT, the same record batches.

ConnectorX decodes MySQL's binary protocol in Rust. PyMySQL reads the text protocol in Python: slow,
but it connects everywhere (client certificates, Unix sockets, the embedded sample server).
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.cursors import SSCursor

from warehouse.errors import WarehouseError
from warehouse.mysql.plan import Plan
from warehouse.mysql.session import SAFE, connect, rows, wait_as_long_as_it_takes

Batches = Iterator[pa.RecordBatch]
Reader = Callable[[Plan, str, list[str]], AbstractContextManager[Batches]]
"""Sends the SELECT in a session that begins with the statements; leaving the context ends both."""


@contextmanager
def read_connectorx(plan: Plan, sql: str, session: list[str]) -> Iterator[Batches]:
    """Read with ConnectorX, in a process of its own: binary protocol, one connection."""
    request = {
        "url": plan.server.connectorx_url(),
        "sql": sql,
        "batch_rows": plan.batch_rows,
        "session": session,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "warehouse.mysql.connectorx_child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdin and child.stdout and child.stderr
    try:
        child.stdin.write(json.dumps(request).encode())
        child.stdin.close()
        yield _piped(child)
    finally:
        child.kill()
        child.wait()
        child.stderr.close()


def _piped(child: subprocess.Popen[bytes]) -> Batches:
    """Yield what the child writes; raise what it reports."""
    assert child.stdout and child.stderr
    try:
        with pa.ipc.open_stream(child.stdout) as stream:
            for batch in stream:
                # ConnectorX reads on into memory without bound while nobody takes what it read.
                child.send_signal(signal.SIGSTOP)
                yield batch
                child.send_signal(signal.SIGCONT)
    except (pa.ArrowInvalid, OSError) as error:
        torn: Exception | None = error  # it ended before the stream did
    else:
        torn = None
    if report := child.stderr.read().decode(errors="replace"):
        raise RuntimeError(report) from None
    if torn or child.wait():
        raise RuntimeError(f"ConnectorX ended with exit code {child.wait()}: {torn}") from None


@contextmanager
def read_pymysql(plan: Plan, sql: str, session: list[str]) -> Iterator[Batches]:
    """Read with PyMySQL: text protocol, unbuffered."""
    with connect(plan.server) as connection:
        for statement in session:
            rows(connection, statement)
        wait_as_long_as_it_takes(connection)
        cursor = connection.cursor(SSCursor)
        try:
            yield _fetched(cursor, plan, sql)
        finally:
            _hang_up(connection, cursor)


def _hang_up(connection: Any, cursor: Any) -> None:
    """End a connection at once. Closed in order, it would read the rest of the rows first."""
    if cursor._result:
        cursor._result.unbuffered_active = False
    cursor.connection = None
    if connection._sock:
        with suppress(OSError):
            connection._sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
    connection._force_close()


def _fetched(cursor: SSCursor, plan: Plan, sql: str) -> Batches:
    types = [
        pa.binary() if pa.types.is_list(column.rule.arrow) else column.rule.arrow
        for column in plan.columns
    ]
    names = [column.name for column in plan.columns]
    cursor.execute(sql)
    while chunk := cursor.fetchmany(plan.batch_rows):
        arrays = [
            pa.array(values, type=type_)
            for values, type_ in zip(_columns(chunk, types), types, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, names=names)


def _columns(chunk: Any, types: list[pa.DataType]) -> Iterator[Any]:
    """Turn rows into columns. What MySQL calls text may come as bytes, and the other way round."""
    for values, type_ in zip(zip(*chunk, strict=True), types, strict=True):
        if pa.types.is_string(type_):
            yield [v.decode() if isinstance(v, bytes) else v for v in values]
        elif pa.types.is_binary(type_):
            yield [v.encode() if isinstance(v, str) else v for v in values]
        else:
            yield values


READERS: dict[str, Reader] = {"connectorx": read_connectorx, "pymysql": read_pymysql}


PYMYSQL_PLUGINS = ("client_ed25519", "sha256_password")
"""How accounts may log in that ConnectorX does not know: it tries for 30 s, and gives up."""


def needs_pymysql(plan: Plan) -> list[str]:
    """Return what of a source ConnectorX cannot use."""
    beyond = {
        "a Unix socket": plan.server.socket,
        "a client certificate": plan.server.cert,
        "the embedded sample server": "mimic" in plan.server_version,
        f"an account that logs in by {plan.server.plugin}": plan.server.plugin in PYMYSQL_PLUGINS,
    }
    return [what for what, used in beyond.items() if used]


def choose_reader(plan: Plan, wanted: str) -> str:
    """Return the reader's name: for `auto` the fast one wherever it can connect.

    Raises:
        WarehouseError: ConnectorX was asked for, and the URL asks for what it cannot do.
    """
    reasons = needs_pymysql(plan)
    if wanted == "auto":
        return "pymysql" if reasons else "connectorx"
    if wanted == "connectorx" and reasons:
        raise WarehouseError(
            f"ConnectorX cannot use {reasons[0]}.",
            safe="Nothing was asked of MySQL.",
            todo="Leave WAREHOUSE_MYSQL_READER unset, or set it to pymysql.",
        )
    return wanted


def conform(batch: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    """Give a batch exactly the plan's Arrow types.

    Raises:
        WarehouseError: a value does not fit; names the column. Nothing is rounded to fit.
    """
    arrays = []
    for column, array in zip(plan.columns, batch.columns, strict=True):
        wanted = column.rule.arrow
        try:
            if pa.types.is_list(wanted):
                arrays.append(_floats(array))
            else:
                arrays.append(array if array.type == wanted else pc.cast(array, wanted))
        except pa.ArrowInvalid as error:
            raise WarehouseError(
                f"`{plan.table}`.`{column.name}` ({column.mysql_type}) came as {array.type} "
                f"and does not fit {wanted}: {error}",
                safe=SAFE,
            ) from None
    return pa.RecordBatch.from_arrays(arrays, schema=wire_schema(plan))


def _floats(array: pa.Array) -> pa.Array:
    """Read byte strings of little-endian 4-byte floats as lists, without a copy of the floats."""
    array = pc.cast(array, pa.binary())
    _, offsets, data = array.buffers()
    starts = pa.Array.from_buffers(pa.int32(), len(array) + 1, [None, offsets], offset=array.offset)
    floats = pa.Array.from_buffers(pa.float32(), (data.size if data else 0) // 4, [None, data])
    return pa.ListArray.from_arrays(
        pc.cast(pc.divide(starts, 4), pa.int32()), floats, mask=array.is_null()
    )


def wire_schema(plan: Plan) -> pa.Schema:
    """Return the schema of the batches on their way."""
    return pa.schema([(column.name, column.rule.arrow) for column in plan.columns])
