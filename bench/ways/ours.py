"""This project's load: the asset `mysql_orders` itself, run by Dagster through its I/O manager."""

from __future__ import annotations

import json
import os
import time
from importlib.metadata import version
from pathlib import Path

link = Path(os.environ["BENCH_FOLDER"]) / "warehouse.duckdb"
os.environ["WAREHOUSE_MYSQL_URL"] = os.environ["BENCH_MYSQL_URL"]
os.environ["WAREHOUSE_PATH"] = str(link)
# The shipped files, whatever a .env names.
os.environ["WAREHOUSE_HOME"] = str(Path(__file__).parents[2] / "warehouse")

import dagster as dg  # noqa: E402

from warehouse.definitions import defs  # noqa: E402


def main() -> None:
    """Materialize once; print the seconds of the asset and those of the whole run around it."""
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        began = time.perf_counter()
        result = job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("mysql_orders")],
            run_config={"loggers": {"narration": {}}},
        )
        run_seconds = time.perf_counter() - began
        at = {
            entry.dagster_event_type: entry.timestamp
            for entry in instance.all_logs(result.run_id)
            if entry.dagster_event_type and entry.step_key == "mysql_orders"  # its checks follow
        }
    # The step succeeds when the I/O manager is back, and that is when everyone can read it.
    seconds = at[dg.DagsterEventType.STEP_SUCCESS] - at[dg.DagsterEventType.STEP_START]
    versions = {
        name: version(name) for name in ("dagster", "duckdb", "pymysql", "pyarrow", "pandas")
    }
    print(
        json.dumps(
            {
                "seconds": seconds,
                "run_seconds": run_seconds,
                "file": str(link),
                "table": "mysql_orders",
                "versions": versions,
            }
        )
    )


if __name__ == "__main__":
    main()
