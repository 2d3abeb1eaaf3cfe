"""A writer as a process of its own, to be killed, starved or raced: `python -m tests.writer`."""

import sys
from pathlib import Path

from warehouse.store.publish import write


def refresh(path: Path, version: int, rows: int) -> None:
    """Publish a snapshot in which every row carries the version, and a view on it."""
    with write(
        path, keep=3, memory_limit="100MB", who="tests.writer", replacing=["main.t"]
    ) as connection:
        connection.execute(
            f"CREATE TABLE t AS SELECT {version} AS version, i, hash(i) AS h "
            f"FROM range({rows}) r(i)"
        )
        connection.execute(
            "CREATE OR REPLACE VIEW v AS SELECT count(*) AS n, min(version) AS low, "
            "max(version) AS high FROM t"
        )


if __name__ == "__main__":
    link, start, times, count = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    for number in range(start, start + times):
        refresh(link, number, count)
        print(number, flush=True)
