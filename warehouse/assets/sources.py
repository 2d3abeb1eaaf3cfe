"""The source assets: the only assets that touch MySQL, each with one SELECT a materialization."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg

from warehouse.assets.automation import STALE, by_automation
from warehouse.assets.code_links import code_link
from warehouse.assets.load import Result, load
from warehouse.assets.source_server import source
from warehouse.assets.tables import DAY_COLUMN, ORDERS, ORDERS_DAILY
from warehouse.days.calendar import SEPARATOR, parse_range
from warehouse.errors import step
from warehouse.mysql.plan import Days
from warehouse.mysql.server_errors import plain_errors
from warehouse.mysql.session import connect
from warehouse.mysql.version import table_version
from warehouse.settings import load_settings

FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(minutes=load_settings().freshness_minutes)
)
KINDS = {"mysql", "duckdb", "table"}
OWNERS = ["team:data"]


@dg.observable_source_asset(
    name="orders_in_mysql",
    group_name="sources",
    tags={"dagster/kind/mysql": ""},
    metadata=code_link(Path(__file__)),
    description="The table in MySQL. Observing it asks for the time of its last change, which "
    "reads no row; the data version differs when the table may have changed.",
)
def orders_in_mysql(context: dg.OpExecutionContext) -> dg.ObserveResult:
    """Ask MySQL whether `WAREHOUSE_ORDERS_TABLE` changed."""
    with step("Observing orders_in_mysql"):
        settings = load_settings()
        server = source(settings, context.log.info)
        with connect(server) as connection, plain_errors(server):
            version = table_version(connection, server.database, settings.orders_table)
    if version is None:
        # Never the same twice: what cannot be told may have changed.
        version = f"unknown, asked in run {context.run_id}"
    return dg.ObserveResult(
        data_version=dg.DataVersion(version), metadata={"source_version": version}
    )


@dg.asset(
    name=ORDERS,
    group_name="sources",
    kinds=KINDS,
    owners=OWNERS,
    deps=[orders_in_mysql],
    freshness_policy=FRESH,
    automation_condition=STALE,
    description="MySQL's `orders`, loaded with one SELECT into this file. It is the cache: it "
    "lasts until this asset is materialized again, and everything downstream reads it, not MySQL.",
)
def mysql_orders(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Load the whole table, or what `WAREHOUSE_ORDERS_WHERE` leaves of it."""
    with step(f"Loading {ORDERS}"):
        yield from load(context, ORDERS, unless_unchanged=by_automation(context.run))


@dg.asset(
    name=ORDERS_DAILY,
    group_name="sources",
    kinds=KINDS,
    owners=OWNERS,
    deps=[orders_in_mysql],
    # What `partitions.span` says, in Dagster's words.
    partitions_def=dg.DailyPartitionsDefinition(
        start_date=load_settings().daily_start.isoformat(), end_offset=1
    ),
    backfill_policy=dg.BackfillPolicy.single_run(),
    metadata={"partition_expr": DAY_COLUMN},
    freshness_policy=FRESH,
    automation_condition=STALE & dg.AutomationCondition.in_latest_time_window(),
    description="MySQL's `orders` by the day of `order_date`, each day cached by itself: loading "
    "some days asks MySQL once and leaves all others alone. The job `refresh` loads those that "
    "changed, and so does the sensor `changed_days`, once it is on.",
)
def mysql_orders_daily(context: dg.AssetExecutionContext) -> Iterator[Result]:
    """Load the days of this run: one, or a range."""
    window = context.partition_time_window
    # Written by hand, a run's tags name days that Dagster lets pass.
    named = f"{window.start.date()}{SEPARATOR}{window.end.date() - timedelta(days=1)}"
    days = Days(DAY_COLUMN, (parse_range(named),))
    with step(f"Loading {ORDERS_DAILY}"):
        yield from load(context, ORDERS_DAILY, days, unless_unchanged=by_automation(context.run))
