"""The code location: what exists, and how it is wired."""

from __future__ import annotations

import logging

import dagster as dg

from warehouse.asset_checks import build_checks, load_checks
from warehouse.caches.mysql import SmartMySQLIOManager
from warehouse.caches.pickled import PickleIOManager
from warehouse.jobs import build_refresh
from warehouse.progress import narrate
from warehouse.sensors import changed_days, stale_sources
from warehouse.settings import ROOT
from warehouse.sources import mysql_orders, mysql_orders_daily, orders_in_mysql
from warehouse.store.io_manager import WarehouseIOManager
from warehouse.tables import KNOWN_TABLES
from warehouse.transforms import build_views
from warehouse.views import load_views


class _Narration(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what the assets say; Dagster's own events are for the UI."""
        meta = getattr(record, "dagster_meta", {})
        if not meta.get("dagster_event"):
            narrate(meta.get("orig_message", record.getMessage()))


@dg.logger(None, description="What the assets say, in words, for the command line.")
def narration(_: dg.InitLoggerContext) -> logging.Logger:
    """Build the logger that `just materialize` runs with."""
    logger = logging.Logger("warehouse", level=logging.INFO)
    logger.addHandler(_Narration())
    return logger


views = load_views(KNOWN_TABLES)
checks = load_checks(views)

defs = dg.Definitions(
    assets=[
        *dg.with_source_code_references([orders_in_mysql, mysql_orders, mysql_orders_daily]),
        build_views(views),
    ],
    asset_checks=[build_checks(checks)],
    jobs=[build_refresh(checks)],
    sensors=[stale_sources, changed_days],
    resources={
        "io_manager": WarehouseIOManager(),
        "mysql_cache": SmartMySQLIOManager(),
        "pickle_cache": PickleIOManager(base_dir=str(ROOT / ".dagster" / "pickles")),
    },
    loggers={"narration": narration, "console": dg.colored_console_logger},
    # One process: a step of its own would cost seconds to start, and one file has one writer.
    executor=dg.in_process_executor,
)
