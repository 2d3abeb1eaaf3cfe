"""What `just publish` does with the table `orders`: `python -m bench.ways.publish LAKE [DAY]`.

LAKE is a folder, and DAY the column by whose day the table is kept there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import duckdb
import fsspec  # noqa: F401  # its import is not what is measured

from warehouse.lake.place import open_lake
from warehouse.lake.publish import publish
from warehouse.lake.write import keep_flat
from warehouse.store import snapshots

PATH = Path(os.environ["BENCH_FOLDER"]) / "warehouse.duckdb"


def main() -> None:
    """Publish, and print what it took and what was written."""
    lake, day = sys.argv[1], "".join(sys.argv[2:])
    began = time.perf_counter()
    with snapshots.read(PATH) as connection:
        keep_flat(connection, None)
        done = publish(connection, open_lake(lake), {"orders": day}, writer="bench")
    seconds = time.perf_counter() - began
    (table,) = done.tables
    said = {
        "seconds": seconds,
        "bytes": sum(file.bytes for file in table.written),
        "files": len(table.written),
        "kept_bytes": sum(file.bytes for file in table.kept),
        "versions": {"duckdb": duckdb.__version__},
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()
