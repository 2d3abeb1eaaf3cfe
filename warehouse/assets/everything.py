"""What is built when nothing is named, by `just materialize` and by the job `all`."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from warehouse.assets.naming import Naming
from warehouse.assets.opened import held_tables
from warehouse.errors import WarehouseError
from warehouse.project.project import Project

ALL = "all"


def everything(project: Project, naming: Naming) -> dg.AssetSelection:
    """Return what is built when nothing is named: what the SELECTs of whole tables can build.

    Loading the sources with days as well would ask MySQL for the same rows twice; the views that
    read one are built as soon as it is there.

    Raises:
        WarehouseError: the warehouse cannot be read.
    """
    names = [*(source.name for source in project.whole), *(view.name for view in project.views)]
    chosen: dg.AssetSelection = dg.AssetSelection.assets(*map(naming.key, names))
    loaded = held_tables(project.settings) if project.with_days else set()
    for source in project.with_days:
        if source.name not in loaded:
            chosen = chosen - dg.AssetSelection.assets(naming.key(source.name)).downstream()
    return chosen


def build_all(project: Project, naming: Naming) -> UnresolvedAssetJobDefinition:
    """Make the job that does what `just materialize` does."""
    try:
        selection = everything(project, naming)
    except WarehouseError:  # each run says what is wrong with the warehouse
        names = [source.name for source in project.whole]
        selection = dg.AssetSelection.assets(*map(naming.key, names))
    return dg.define_asset_job(
        naming.part(ALL),
        selection=selection,
        description="Does what `just materialize` does: loads every source without days in one "
        "run and snapshot, and writes the views that changed. Sources with days have the job "
        "`refresh`.",
    )
