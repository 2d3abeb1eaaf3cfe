"""What most scripts do: `pandas.read_sql` over PyMySQL, and the DataFrame into DuckDB."""

from __future__ import annotations

import json
import os
import time
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd
from sqlalchemy import create_engine


def main() -> None:
    """Load once, and print the seconds."""
    file = Path(os.environ["BENCH_FOLDER"]) / "pandas.duckdb"
    engine = create_engine(os.environ["BENCH_MYSQL_URL"])
    began = time.perf_counter()
    df = pd.read_sql("SELECT * FROM orders", engine)  # noqa: F841 - DuckDB finds it by its name
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT * FROM df")
    seconds = time.perf_counter() - began
    versions = {name: version(name) for name in ("pandas", "pymysql", "sqlalchemy", "duckdb")}
    print(
        json.dumps({"seconds": seconds, "file": str(file), "table": "orders", "versions": versions})
    )


if __name__ == "__main__":
    main()
