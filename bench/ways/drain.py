"""The limit: the rows are read off the socket and thrown away. No reader can be faster.

`python -m bench.ways.drain text|binary ROWS everything|own`: all columns as they are, or the
SELECT that this project would send. The end of the result is found without a timeout that would
count: it is the packet whose number says that all rows came before it, and a ping afterwards proves
that nothing came behind it.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from typing import Any

import pymysql
from sqlalchemy.engine import make_url

BUFFER_BYTES = 1 << 20
EOF_BYTES = 9  # header 4, 0xFE, warnings 2, status 2
COM_QUERY, COM_PING, COM_STMT_PREPARE, COM_STMT_EXECUTE = 0x03, 0x0E, 0x16, 0x17


def connect() -> Any:
    """Open a plain connection; typed loosely, for what is used here is below PyMySQL's surface."""
    url = make_url(os.environ["BENCH_MYSQL_URL"])
    return pymysql.connect(
        host=url.host or "",
        port=url.port or 3306,
        user=url.username,
        password=url.password or "",
        database=url.database,
        charset="utf8mb4",
    )


def own_select() -> str:
    """Return the SELECT that this project would send."""
    from warehouse.mysql.extract import open_extraction
    from warehouse.mysql.query import whole_table
    from warehouse.mysql.url import parse_url

    return open_extraction(parse_url(os.environ["BENCH_MYSQL_URL"]), whole_table("orders")).sql


def column_count(connection: Any, sql: str) -> int:
    """Ask for no rows, to know how many packets come before the first one."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({sql}) AS result LIMIT 0")
        return len(cursor.description)


def prepare(connection: Any, sql: str) -> bytes:
    """Prepare a statement without parameters, and return what executes it."""
    connection._execute_command(COM_STMT_PREPARE, sql)
    statement, columns = struct.unpack("<xIH", connection._read_packet().get_all_data()[:7])
    for _ in range(columns + 1):
        connection._read_packet()
    return struct.pack("<IBI", statement, 0, 1)


def drain(connection: Any, command: int, body: str | bytes, packets: int) -> tuple[float, int]:
    """Send a command, and return the seconds and the bytes until its last packet.

    Args:
        connection: Nothing is under way on it.
        command: The protocol's number of the command.
        body: What belongs to it.
        packets: How many packets the answer has.
    """
    buffer = bytearray(BUFFER_BYTES)
    view = memoryview(buffer)
    end = bytes([EOF_BYTES - 4, 0, 0, packets % 256, 0xFE])
    tail = b""
    received = 0
    began = time.perf_counter()
    connection._execute_command(command, body)
    receive = connection._sock.recv_into
    while True:
        count = receive(view)
        if not count:
            raise RuntimeError("The server closed the connection in the middle of the result.")
        received += count
        tail = (tail + bytes(view[max(0, count - EOF_BYTES) : count]))[-EOF_BYTES:]
        if tail.startswith(end) and received > packets * 5:
            break
    seconds = time.perf_counter() - began
    connection._execute_command(COM_PING, "")
    connection._read_ok_packet()  # out of step if that was not the end: raises
    return seconds, received


def main() -> None:
    """Drain once, and print the seconds and the bytes."""
    protocol, rows, what = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    sql = own_select() if what == "own" else "SELECT * FROM orders"
    connection = connect()
    # How many columns, each column, end of columns, each row, end of rows.
    packets = 1 + column_count(connection, sql) + 1 + rows + 1
    command, body = COM_QUERY, sql.encode()
    if protocol == "binary":
        command, body = COM_STMT_EXECUTE, prepare(connection, sql)
    seconds, received = drain(connection, command, body, packets)
    print(json.dumps({"seconds": seconds, "bytes": received}))


if __name__ == "__main__":
    main()
