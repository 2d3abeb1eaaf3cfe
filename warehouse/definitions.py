"""The code location: what exists, and how it is wired."""

from __future__ import annotations

import logging

import dagster as dg

from warehouse.assets.checks import build_checks, load_checks
from warehouse.assets.jobs import build_refresh
from warehouse.assets.sensors import changed_days, stale_sources
from warehouse.assets.sources import mysql_orders, mysql_orders_daily, orders_in_mysql
from warehouse.assets.tables import KNOWN_TABLES
from warehouse.assets.views import build_views
from warehouse.caches.mysql import SmartMySQLIOManager
from warehouse.caches.pickled import PickleIOManager
from warehouse.console.progress import narrate
from warehouse.project.view_files import load_views
from warehouse.settings import ROOT
from warehouse.store.io_manager import WarehouseIOManager


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
