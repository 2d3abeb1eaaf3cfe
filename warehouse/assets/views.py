"""The view assets: every file under `sql/`, one asset each, none of them ever touching MySQL."""

import time
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import dagster as dg
import duckdb

from warehouse.assets.code_links import code_link
from warehouse.assets.naming import Naming, table_of
from warehouse.assets.opened import opened
from warehouse.console.text import counted
from warehouse.engines.engine import Engine, catalog_of, rows_of
from warehouse.errors import WarehouseError, step
from warehouse.project.lineage import Column, trace
from warehouse.project.project import Project
from warehouse.project.view_files import View
from warehouse.settings import Settings
from warehouse.store import preview, run_snapshot
from warehouse.store.handlers import column_schema
from warehouse.store.io_manager import next_snapshot
from warehouse.store.views import (
    Written,
    column_comments,
    drop_view,
    find_broken,
    stored_versions,
    table_columns,
    write_views,
)

PREVIEW_SECONDS = 1.0
"""What the first rows of a run's views and their numbers may take together: they are computed."""
PREVIEW_SECONDS_ON_SPARK = 60.0
"""The same on a cluster, whose first query alone takes ten."""


def build_views(project: Project, naming: Naming) -> dg.AssetsDefinition:
    """Make one asset of each view. They run together, or any subset of them.

    The specs are virtual: a refreshed source does not make a view stale, for it holds no data;
    a changed file does.
    """
    # Virtual specs are a preview; what is used of them here is tested.
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    views = list(project.views)
    assets = {*project.by_name, *(view.name for view in views)}

    @dg.multi_asset(
        name=naming.part(run_snapshot.VIEWS),
        specs=[
            dg.AssetSpec(
                naming.key(view.name),
                deps=[naming.key(name) for name in sorted(view.reads & assets)],
                group_name=view.group,
                description=view.description,
                owners=view.owners,
                metadata=code_link(view.file),
                code_version=view.version,
                kinds={"duckdb", "sql", "view"},
                skippable=True,
                is_virtual=True,
            ).with_io_manager_key(naming.io_manager_key)
            for view in views
        ],
        can_subset=True,
    )
    def build(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        selected = {table_of(key) for key in context.selected_asset_keys}
        chosen = [view for view in views if view.name in selected]
        settings = project.settings
        began = time.monotonic()
        names = ", ".join(view.name for view in chosen)
        with step(f"Writing the views {names}"):
            if settings.spark is None:
                done = _write(context, settings, views, chosen, naming)
                run_snapshot.note_done(settings.path, context.run.run_id, run_snapshot.VIEWS)
            else:
                from warehouse.assets.on_spark.views import on_spark

                done = on_spark(settings, context.run.run_id, chosen, context.log.info)
        written, failed = done.written, done.failed
        seconds = time.monotonic() - began
        whole = [view for view in chosen if view.name not in failed]
        context.log.info(
            f"{counted(len(written), 'view')} written in {seconds:.1f} s, "
            f"{len(whole) - len(written)} up to date"
            f"{': ' if whole else ''}{', '.join(view.name for view in whole)}. "
            "MySQL was not asked."
        )
        with step(f"Describing the views {names}"):
            described = _describe(context, settings, whole, assets, naming)
        for view, metadata in described:
            yield dg.MaterializeResult(
                asset_key=naming.key(view.name),
                metadata={"written": view.name in written, **metadata},
            )
        if failed:
            first = next(iter(failed.values()))
            raise WarehouseError(
                "\n".join(error.what for error in failed.values()),
                safe=first.safe,
                todo=first.todo,
            )

    return build


def _write(
    context: dg.AssetExecutionContext,
    settings: Settings,
    views: list[View],
    chosen: list[View],
    naming: Naming,
) -> Written:
    """Write a snapshot if any chosen view is not in the newest one as its file says.

    One that worked and does not fit any more goes: only a run that was told to publish all the same
    comes to this.
    """
    names = {view.name for view in chosen}
    with run_snapshot.read_for_run(settings.path, context.run.run_id) as connection:
        stored = stored_versions(connection)
        broken = find_broken(views, table_columns(connection))
    same = {view.name for view in views if stored.get(view.name) == view.version}
    gone = stored.keys() - {view.name for view in views}
    lost = names & same & broken.keys()
    if not gone and not lost and names <= same:
        return Written([], {})
    with next_snapshot(context, settings, "views", prefix=naming.prefix) as connection:
        for name in lost:
            drop_view(connection, name)
        done = write_views(connection, views, only=names - lost)
    return Written(done.written, {**done.failed, **{name: broken[name] for name in lost}})


def _describe(
    context: dg.AssetExecutionContext,
    settings: Settings,
    views: list[View],
    assets: Collection[str],
    naming: Naming,
) -> list[tuple[View, dict[str, Any]]]:
    """Return what the UI shows of views that are in the newest snapshot."""
    seconds = PREVIEW_SECONDS if settings.spark is None else PREVIEW_SECONDS_ON_SPARK
    with (
        opened(settings, context.run.run_id) as engine,
        preview.within(engine, seconds) as hurried,
    ):
        connection = catalog_of(engine)
        columns = column_comments(connection)
        return [
            (
                view,
                {
                    **_columns(
                        context, view, column_schema(connection, view.name), columns, assets, naming
                    ),
                    "dagster/table_name": f"warehouse.main.{view.name}",
                    "dagster/storage_kind": "duckdb" if settings.spark is None else "spark",
                    "sql": dg.MetadataValue.md(f"```sql\n{view.sql}\n```"),
                    **_rows(context, hurried, view, seconds),
                },
            )
            for view in views
        ]


def _columns(
    context: dg.AssetExecutionContext,
    view: View,
    schema: dg.TableSchema,
    tables: Mapping[str, Collection[str]],
    assets: Collection[str],
    naming: Naming,
) -> dict[str, Any]:
    """Return a view's columns, and the columns of assets that they are made of."""
    found = trace(view.sql, [column.name for column in schema.columns], tables)
    for name, why in found.unknown.items():
        context.log.info(f"{view.at(1)}: what {name} is made of cannot be told: {why}.")
    sources = {
        name: [source for source in each if source.table in assets]
        for name, each in found.sources.items()
    }
    return {
        "dagster/column_schema": dg.TableSchema(
            # In words too: only Dagster's hosted UI draws the lineage of columns.
            [_with_sources(column, sources.get(column.name, [])) for column in schema.columns]
        ),
        "dagster/column_lineage": dg.TableColumnLineage(
            {
                name: [dg.TableColumnDep(naming.key(source.table), source.name) for source in each]
                for name, each in sources.items()
            }
        ),
    }


def _with_sources(column: dg.TableColumn, sources: list[Column]) -> dg.TableColumn:
    made_of = ", ".join(".".join(source) for source in sources)
    parts = [column.description, f"from {made_of}" if made_of else None]
    return dg.TableColumn(
        column.name, column.type, description=" · ".join(part for part in parts if part) or None
    )


def _rows(
    context: dg.AssetExecutionContext, hurried: Engine, view: View, seconds: float
) -> dict[str, Any]:
    """Return a view's first rows and how many it has, or why they are not shown."""
    query = f'FROM "{view.name}"'
    shown: dict[str, Any] = {}
    try:
        first = preview.first_rows(hurried, query, ordered=view.ordered)
        shown["preview"] = dg.MetadataValue.md(first)
        shown["dagster/row_count"] = rows_of(hurried, query)
    except duckdb.InterruptException:
        what = "how many rows there are" if shown else "the first rows"
        shown["not_shown"] = (
            f"To compute {what} takes too long: the views of a run have {seconds:g} s. "
            f'Ask for it: just sql "from {view.name} limit {preview.ROWS}"'
        )
    except (duckdb.Error, WarehouseError) as error:
        shown["not_shown"] = f"{view.at(1)}: {str(error).splitlines()[0]}"
        context.log.warning(f"The rows of {view.name} cannot be read: {shown['not_shown']}")
    return shown
