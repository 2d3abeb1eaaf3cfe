"""What a SELECT costs the server: this project's statement and the plain one, in turns.

`python -m bench.ways.cost ROWS TURNS`: both are drained by the same reader, in one session, whose
time zone is UTC as in a load. The server's processor time is that of its whole process.
"""

from __future__ import annotations

import json
import os
import sys

from bench.child import process_seconds
from bench.ways.drain import (
    COM_QUERY,
    COM_STMT_EXECUTE,
    column_count,
    connect,
    drain,
    own_select,
    prepare,
)


def main() -> None:
    """Measure, and print the seconds of each turn, by protocol and statement."""
    rows, turns, server = int(sys.argv[1]), int(sys.argv[2]), int(os.environ["BENCH_SERVER"])
    statements = {"plain": "SELECT * FROM orders", "own": own_select()}
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
    took: dict[str, list[tuple[float, float]]] = {}
    for turn in range(-1, turns):  # the first one warms up
        for protocol in ("text", "binary"):
            for name in sorted(statements, reverse=turn % 2 == 0):
                sql = statements[name]
                packets = 1 + column_count(connection, sql) + 1 + rows + 1
                command, body = COM_QUERY, sql.encode()
                if protocol == "binary":
                    command, body = COM_STMT_EXECUTE, prepare(connection, sql)
                before = process_seconds(server)
                seconds, _ = drain(connection, command, body, packets)
                if turn >= 0:
                    worked = process_seconds(server) - before
                    took.setdefault(f"{protocol} {name}", []).append((seconds, worked))
    drained = sum(seconds for each in took.values() for seconds, _ in each)
    print(json.dumps({"seconds": drained, "took": took}))


if __name__ == "__main__":
    main()
