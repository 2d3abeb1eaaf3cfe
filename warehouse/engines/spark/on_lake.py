"""Spark on the newest snapshot of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from warehouse.engines.spark.engine import ParquetTable, SparkEngine
from warehouse.engines.spark.kept_views import current, position
from warehouse.engines.spark.session import connect
from warehouse.errors import WarehouseError
from warehouse.lake.manifest import Manifest
from warehouse.lake.place import Lake, full_url, open_lake
from warehouse.lake.snapshots import newest
from warehouse.project.project import load_project
from warehouse.project.view_files import View
from warehouse.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession


def open_newest(settings: Settings) -> SparkEngine:
    """Open Spark on the newest snapshot of the lake that the settings name.

    Raises:
        WarehouseError: the settings name no lake, it holds no snapshot, or Spark does not answer.
    """
    lake = lake_of(settings)
    manifest = newest(lake)
    if manifest is None:
        raise no_snapshot(lake)
    return engine_on(settings, lake, manifest)


def no_snapshot(lake: Lake) -> WarehouseError:
    """Say that a lake is empty, and how there comes to be a snapshot."""
    return WarehouseError(
        f"There is no snapshot in the lake at {lake.shown} yet.",
        todo="Write one with `just materialize`, or send the one of the DuckDB file with "
        "`just publish`.",
    )


def lake_of(settings: Settings) -> Lake:
    """Return the lake of the settings.

    Raises:
        WarehouseError: they name none.
    """
    if settings.lake is None:
        raise WarehouseError(
            "WAREHOUSE_SPARK is set, and WAREHOUSE_LAKE is not: Spark reads the tables there.",
            safe="Nothing was run.",
            todo="Set WAREHOUSE_LAKE to a folder that this machine and the cluster share, or to "
            "the URL of an object store.",
        )
    return open_lake(settings.lake)


def engine_on(settings: Settings, lake: Lake, manifest: Manifest) -> SparkEngine:
    """Open Spark on a snapshot of a lake, published or not.

    Raises:
        WarehouseError: a file of the project is wrong, or Spark does not answer.
    """
    assert settings.spark
    views = load_project(settings.home).views
    return engine_in(connect(settings.spark), views, lake, manifest)


def engine_in(
    session: SparkSession, views: Sequence[View], lake: Lake, manifest: Manifest
) -> SparkEngine:
    """Open the engine on a snapshot of a lake in a session that is there already.

    Of two engines in one session, the one that comes later takes the names of the other.

    Args:
        session: With Spark.
        views: Of the project.
        lake: Where the tables are.
        manifest: The snapshot.
    """
    ordered = {view.name for view in views if view.ordered}
    tables = {
        name: ParquetTable(
            {column.name: column.type for column in table.columns},
            [full_url(lake, file.path) for file in table.files],
            position(column.name for column in table.columns) if name in ordered else "",
        )
        for name, table in current(manifest, views).items()
    }
    return SparkEngine(session, tables, views)
