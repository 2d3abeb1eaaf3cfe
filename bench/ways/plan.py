"""What `materialize` and `materialize --plan` do: `python -m bench.ways.plan load|plan`.

In the same folder, run history on disk included.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import redirect_stdout, suppress
from importlib.metadata import version
from io import StringIO
from pathlib import Path

folder = Path(os.environ["BENCH_FOLDER"])
os.environ["WAREHOUSE_MYSQL_URL"] = os.environ["BENCH_MYSQL_URL"]
os.environ["WAREHOUSE_PATH"] = str(folder / "warehouse.duckdb")
os.environ["DAGSTER_HOME"] = str(folder)
# The shipped files, whatever a .env names.
os.environ["WAREHOUSE_HOME"] = str(Path(__file__).parents[2] / "warehouse")

from warehouse.cli import main as command_line  # noqa: E402
from warehouse.cli.startup import importing_dagster  # noqa: E402
from warehouse.store import plan  # noqa: E402

with importing_dagster():
    import dagster._core.storage.sqlite_storage  # noqa: F401  # as opening the history does

    import warehouse.cli.plan  # noqa: F401

SELECTION = "key:mysql_orders or key:orders_cleaned or key:orders_summary"


def main() -> None:
    """Load, or plan and throw away; print the seconds, without those of imports."""
    asked: list[float] = []
    compute = plan.compute

    def measured(*arguments: object) -> plan.Plan:
        began = time.perf_counter()
        computed = compute(*arguments)  # type: ignore[arg-type]
        asked.append(time.perf_counter() - began)
        return computed

    plan.compute = measured  # type: ignore[assignment]
    words = ["materialize", SELECTION]
    if sys.argv[1] == "plan":
        words += ["--plan", "--format", "json"]
    shown = StringIO()
    began = time.perf_counter()
    with redirect_stdout(shown), suppress(SystemExit):  # 4: shown and thrown away
        command_line(words, standalone_mode=False)
    seconds = time.perf_counter() - began
    versions = {name: version(name) for name in ("dagster", "duckdb", "pymysql")}
    said = {"seconds": seconds, "asked_seconds": sum(asked) if asked else None}
    if asked:
        said["assets"] = json.loads(shown.getvalue())["assets"]
    print(json.dumps({**said, "versions": versions}))


if __name__ == "__main__":
    main()
