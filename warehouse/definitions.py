"""The code location: what exists, and how it is wired; and the same for another Dagster project."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from warehouse.assets.checks import build_checks
from warehouse.assets.everything import build_all
from warehouse.assets.jobs import build_refresh
from warehouse.assets.mysql_resource import build_mysql
from warehouse.assets.naming import OWN, Naming
from warehouse.assets.sensors import build_changed_days, build_stale_sources
from warehouse.assets.sources import MYSQL, build_source, build_upstream
from warehouse.assets.views import build_views
from warehouse.caches.mysql import SmartMySQLIOManager
from warehouse.caches.pickled import PickleIOManager
from warehouse.console.progress import narrate
from warehouse.project.project import Project, load_project
from warehouse.settings import PACKAGE, REPOSITORY
from warehouse.store.io_manager import WarehouseIOManager
from warehouse.store.run_snapshot import VIEWS

if TYPE_CHECKING:
    project: Project
    defs: dg.Definitions
    """The code location of the project folder that the settings find."""


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


def build_definitions(
    home: str | Path,
    *,
    io_manager_key: str | None = None,
    key_prefix: str | Sequence[str] = (),
) -> dg.Definitions:
    """Make what Dagster knows of a project folder, for `Definitions.merge` in another project.

    There is no executor and no logger in it. Its jobs, sensors, steps and resources are called
    `warehouse_...`, or by the key prefix.

    Args:
        home: The project folder, which holds `sql/`, `checks/`, `data/` and `.env`.
        io_manager_key: The resource that stores tables; None for `warehouse_io_manager`, or with
            a key prefix `PREFIX_io_manager`. Assets of your own that name it are stored in the same
            snapshots.
        key_prefix: What the keys of all assets begin with; the tables have plain names all the
            same. With two project folders in one code location, one of them needs a prefix.

    Raises:
        WarehouseError: a file or a setting of the folder is wrong; names it.
    """
    prefix = (key_prefix,) if isinstance(key_prefix, str) else tuple(key_prefix)
    label = "_".join(prefix) or "warehouse"
    naming = Naming(prefix, label, io_manager_key or f"{label}_io_manager")
    return _of(load_project(Path(home)), naming)


def build_code_location(project: Project) -> dg.Definitions:
    """Make a code location of a project alone."""
    pickles = project.settings.folder / ".dagster" / "pickles"
    return dg.Definitions.merge(
        _of(project, OWN),
        dg.Definitions(
            resources={
                "mysql_cache": SmartMySQLIOManager(),
                "pickle_cache": PickleIOManager(base_dir=str(pickles)),
            },
            loggers={"narration": narration, "console": dg.colored_console_logger},
            # One process: a step of its own would cost seconds to start, and a run is one snapshot.
            executor=dg.in_process_executor,
        ),
    )


def _of(project: Project, naming: Naming) -> dg.Definitions:
    return dg.Definitions(
        assets=[
            *build_upstream(project, naming),
            *(build_source(source, project, naming) for source in project.sources),
            build_views(project, naming),
        ],
        asset_checks=[build_checks(project, naming)],
        jobs=[build_all(project, naming), build_refresh(project, naming)],
        sensors=[build_stale_sources(project, naming), build_changed_days(project, naming)],
        resources={
            naming.io_manager_key: WarehouseIOManager(
                home=str(project.home or ""),
                views_step=naming.part(VIEWS),
                key_prefix=list(naming.prefix),
            ),
            naming.part(MYSQL): build_mysql(project, naming),
        },
    )


_LAZY = ("project", "defs")


def __getattr__(name: str) -> object:
    """Read the project when it is asked for: who merges one of another folder has none here."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = load_project()
    made = build_code_location(found)
    if REPOSITORY and [*(PACKAGE / "defs").glob("[!_]*")]:  # what `dg scaffold defs` made
        made = dg.Definitions.merge(made, dg.load_from_defs_folder(path_within_project=REPOSITORY))
    globals().update(project=found, defs=made)
    return globals()[name]


def __dir__() -> list[str]:
    """Dagster looks for the code location by what is listed."""
    return sorted({*globals(), *_LAZY})
