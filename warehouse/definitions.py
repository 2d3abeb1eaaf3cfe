"""The code location: what exists, and how it is wired."""

from __future__ import annotations

import logging

import dagster as dg

from warehouse.assets.checks import build_checks
from warehouse.assets.jobs import build_refresh
from warehouse.assets.sensors import build_changed_days, stale_sources
from warehouse.assets.side_by_side import mysql_sessions
from warehouse.assets.sources import MYSQL, build_source, build_upstream
from warehouse.assets.views import build_views
from warehouse.caches.mysql import SmartMySQLIOManager
from warehouse.caches.pickled import PickleIOManager
from warehouse.console.progress import narrate
from warehouse.project.project import Project, load_project
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


def build_definitions(project: Project) -> dg.Definitions:
    """Make all that Dagster knows of a project."""
    views = list(project.views)
    pickles = project.settings.folder / ".dagster" / "pickles"
    return dg.Definitions(
        assets=[
            *build_upstream(project.sources),
            *(build_source(source, project) for source in project.sources),
            build_views(views, project.by_name.keys()),
        ],
        asset_checks=[build_checks(list(project.checks), project.sources)],
        jobs=[build_refresh(project)],
        sensors=[stale_sources, build_changed_days(project)],
        resources={
            "io_manager": WarehouseIOManager(),
            MYSQL: mysql_sessions,
            "mysql_cache": SmartMySQLIOManager(),
            "pickle_cache": PickleIOManager(base_dir=str(pickles)),
        },
        loggers={"narration": narration, "console": dg.colored_console_logger},
        # One process: a step of its own would cost seconds to start, and one file has one writer.
        executor=dg.in_process_executor,
    )


project = load_project()
defs = build_definitions(project)
