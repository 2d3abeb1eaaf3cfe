"""The days of `mysql_orders_daily`: `python -m bench.ways.days full|refresh`, in the same folder.

What the command line does, run history on disk included.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import redirect_stdout
from importlib.metadata import version
from pathlib import Path

folder = Path(os.environ["BENCH_FOLDER"])
os.environ["WAREHOUSE_MYSQL_URL"] = os.environ["BENCH_MYSQL_URL"]
os.environ["WAREHOUSE_PATH"] = str(folder / "warehouse.duckdb")
os.environ["DAGSTER_HOME"] = str(folder)
# The shipped files, whatever a .env names.
os.environ["WAREHOUSE_HOME"] = str(Path(__file__).parents[2] / "warehouse")

from warehouse.assets import refresh  # noqa: E402
from warehouse.cli import main as command_line  # noqa: E402
from warehouse.cli.startup import importing_dagster  # noqa: E402
from warehouse.project.project import load_project  # noqa: E402

ORDERS_DAILY = "mysql_orders_daily"

with importing_dagster():
    import dagster._core.storage.sqlite_storage  # noqa: F401  # as opening the history does

    import warehouse.cli.run  # noqa: F401


def main() -> None:
    """Load all days or what changed; print the seconds, without those of imports."""
    began = time.perf_counter()
    with redirect_stdout(sys.stderr):
        words = ["materialize", ORDERS_DAILY] if sys.argv[1] == "full" else ["refresh"]
        command_line(words, standalone_mode=False)
    seconds = time.perf_counter() - began
    began = time.perf_counter()
    daily = load_project().by_name[ORDERS_DAILY]
    refresh.difference(daily, lambda _: None, "a benchmark")
    asked = time.perf_counter() - began
    versions = {name: version(name) for name in ("dagster", "duckdb", "pymysql")}
    print(json.dumps({"seconds": seconds, "fingerprint_seconds": asked, "versions": versions}))


if __name__ == "__main__":
    main()
