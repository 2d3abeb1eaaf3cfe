"""The same five results downstream of `orders`, with one of four caches or with none.

`python -m bench.ways.five HOW RUN`: HOW is a key of `WAYS`; RUN is `first`, which loads and
computes, or `again`, which computes from what an earlier process has cached. Each result is a
DataFrame, counted and thrown away. `BENCH_CACHE_URL` is the URL of an account that may write.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(os.environ["BENCH_FOLDER"])
os.environ["WAREHOUSE_MYSQL_URL"] = os.environ["BENCH_MYSQL_URL"]
os.environ["WAREHOUSE_CACHE_MYSQL_URL"] = os.environ["BENCH_CACHE_URL"]
os.environ["WAREHOUSE_PATH"] = str(FOLDER / "warehouse.duckdb")
# The shipped files, whatever a .env names.
os.environ["WAREHOUSE_HOME"] = str(Path(__file__).parents[2] / "warehouse")

import dagster as dg  # noqa: E402
import pandas as pd  # noqa: E402
from sqlalchemy import create_engine  # noqa: E402

import warehouse  # noqa: E402
from warehouse.caches.mysql import SmartMySQLIOManager  # noqa: E402
from warehouse.definitions import defs  # noqa: E402

WAYS = {"none": None, "pickle": "pickle_cache", "mysql": "mysql_cache", "warehouse": "io_manager"}
"""Each way's `io_manager_key`; none asks MySQL in each asset."""


def read_orders() -> pd.DataFrame:
    """Ask MySQL for the orders, as most scripts do."""
    engine = create_engine(os.environ["BENCH_MYSQL_URL"])
    try:
        return pd.read_sql_query("SELECT * FROM orders", engine)
    finally:
        engine.dispose()


def cleaned(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the newest row of each order, its status in lower case."""
    orders = orders.dropna(subset=["id", "customer_id"]).sort_values("updated_at")
    orders = orders.drop_duplicates("id", keep="last")
    return orders.assign(status=orders["status"].str.strip().str.lower())


def summary(orders: pd.DataFrame) -> pd.DataFrame:
    """Return orders, revenue and average amount by day and status."""
    amounts = cleaned(orders).groupby(["order_date", "status"])["amount"]
    return amounts.agg(["count", "sum", "mean"]).reset_index()


def stats(orders: pd.DataFrame) -> pd.DataFrame:
    """Return one row on all of them."""
    orders = cleaned(orders)
    amount, day = orders["amount"], orders["order_date"]
    row = {"orders": len(orders), "revenue": amount.sum(), "average_amount": amount.mean()}
    by_status = orders["status"].value_counts().to_dict()
    return pd.DataFrame(
        [{**row, "first_date": day.min(), "last_date": day.max(), "orders_by_status": by_status}]
    )


def of_status(status: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return what picks the cleaned orders of a status."""
    return lambda orders: cleaned(orders).query("status == @status", local_dict={"status": status})


FIVE: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "orders_cleaned": cleaned,
    "orders_summary": summary,
    "completed_orders": of_status("completed"),
    "pending_orders": of_status("pending"),
    "order_stats": stats,
}


def job(key: str | None, counts: dict[str, int]) -> list[dg.AssetsDefinition]:
    """Return five assets that count their result, on cached orders unless there is no key."""

    def make(name: str, compute: Callable[[pd.DataFrame], pd.DataFrame]) -> dg.AssetsDefinition:
        def asks() -> None:
            counts[name] = len(compute(read_orders()))

        def reads(orders: pd.DataFrame) -> None:
            counts[name] = len(compute(orders))

        return dg.asset(reads if key else asks, name=name)

    five = [make(name, compute) for name, compute in FIVE.items()]
    if key is None:
        return five

    def orders() -> pd.DataFrame:
        return read_orders()

    return [dg.asset(orders, io_manager_key=key), *five]


def run_job(key: str | None, again: bool) -> dict[str, int]:
    """Materialize with Dagster; the cached orders stay as they are in a run that is not the first.

    Returns:
        The rows of each result.
    """
    counts: dict[str, int] = {}
    resources = {
        "pickle_cache": dg.FilesystemIOManager(base_dir=str(FOLDER / "pickles")),
        "mysql_cache": SmartMySQLIOManager(),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            job(key, counts),
            instance=instance,
            resources=resources,
            selection=list(FIVE) if again else None,
        )
    return counts


def run_warehouse(again: bool) -> dict[str, int]:
    """Materialize this project's assets, or its views only, and read each view.

    Returns:
        The rows of each result.
    """
    selection = [dg.AssetKey(name) for name in [*FIVE, *([] if again else ["mysql_orders"])]]
    with dg.DagsterInstance.ephemeral() as instance:
        defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=selection,
            run_config={"loggers": {"narration": {}}},
        )
    return {name: len(warehouse.sql(f'SELECT * FROM "{name}"').df()) for name in FIVE}


def main() -> None:
    """Run one way once; print the seconds and the rows of each result."""
    how, run = sys.argv[1:]
    again = run == "again"
    began = time.perf_counter()
    counts = run_warehouse(again) if how == "warehouse" else run_job(WAYS[how], again)
    seconds = time.perf_counter() - began
    versions = {
        name: version(name) for name in ("dagster", "duckdb", "pandas", "pyarrow", "pymysql")
    }
    print(json.dumps({"seconds": seconds, "counts": counts, "versions": versions}))


if __name__ == "__main__":
    main()
