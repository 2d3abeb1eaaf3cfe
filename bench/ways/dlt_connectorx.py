"""dlt as its documentation shows it for speed: the ConnectorX backend, and DuckDB to write to.

Runs in an environment of its own (`requirements-dlt.txt`), with nothing of this project in it.
"""

from __future__ import annotations

import json
import os
import time
from importlib.metadata import version
from pathlib import Path

folder = Path(os.environ["BENCH_FOLDER"])
os.environ["DLT_DATA_DIR"] = str(folder)
os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"

import dlt  # type: ignore[import-not-found,unused-ignore]  # noqa: E402
from dlt.sources.sql_database import (  # type: ignore[import-not-found,unused-ignore]  # noqa: E402
    sql_table,
)


def main() -> None:
    """Load once, and print the seconds."""
    url = os.environ["BENCH_MYSQL_URL"]
    file = folder / "dlt.duckdb"
    began = time.perf_counter()
    table = sql_table(
        credentials=url.partition("?")[0],  # PyMySQL, which reads the schema, cannot compress
        table="orders",
        backend="connectorx",
        reflection_level="full",
        # ConnectorX knows no SQLAlchemy drivers.
        backend_kwargs={"conn": url.replace("mysql+pymysql://", "mysql://")},
    )
    pipeline = dlt.pipeline(
        pipeline_name="bench",
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="shop",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run(table, write_disposition="replace")
    seconds = time.perf_counter() - began
    versions = {name: version(name) for name in ("dlt", "connectorx", "duckdb", "pyarrow")}
    print(
        json.dumps(
            {"seconds": seconds, "file": str(file), "table": "shop.orders", "versions": versions}
        )
    )


if __name__ == "__main__":
    main()
