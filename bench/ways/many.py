"""A run that loads every source of a project folder: `python -m bench.ways.many FOLDER`."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

os.environ["WAREHOUSE_MYSQL_URL"] = os.environ["BENCH_MYSQL_URL"]
os.environ["WAREHOUSE_PATH"] = str(Path(os.environ["BENCH_FOLDER"]) / "warehouse.duckdb")
os.environ["WAREHOUSE_HOME"] = sys.argv[1]

import dagster as dg

from warehouse.definitions import defs, project


def main() -> None:
    """Materialize once; print the seconds of the run."""
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        began = time.perf_counter()
        job.execute_in_process(
            instance=instance,
            # As `just materialize` does. Without it the tables in MySQL are observed as well.
            asset_selection=[dg.AssetKey(source.name) for source in project.sources],
            run_config={"loggers": {"narration": {}}},
        )
        seconds = time.perf_counter() - began
    versions = {name: version(name) for name in ("dagster", "duckdb", "pymysql", "pyarrow")}
    print(json.dumps({"seconds": seconds, "versions": versions}))


if __name__ == "__main__":
    main()
