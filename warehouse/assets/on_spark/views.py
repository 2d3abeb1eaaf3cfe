"""The views on Spark: each is tried, and kept as a table if its file asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from warehouse.assets.opened import opened
from warehouse.console.text import counted
from warehouse.engines.spark.engine import SparkEngine
from warehouse.engines.spark.kept_views import current, identity, is_kept, write
from warehouse.engines.spark.on_lake import lake_of
from warehouse.engines.spark.written import written_files
from warehouse.errors import WarehouseError
from warehouse.lake import place
from warehouse.lake.manifest import Column, DataFile, LakeTable
from warehouse.lake.names import new_folder_path
from warehouse.lake.place import Lake, full_url
from warehouse.lake.snapshots import add_snapshot, newest
from warehouse.lake.writers import noted
from warehouse.project.project import load_project
from warehouse.project.view_files import View
from warehouse.settings import Settings
from warehouse.store.views import Written


def on_spark(
    settings: Settings, run_id: str, chosen: Sequence[View], say: Callable[[str], None]
) -> Written:
    """See that Spark takes views as they are; write those whose file says so as tables.

    No other view is computed.

    Returns:
        Those that were written, and those that Spark does not take, and why.
    """
    with opened(settings, run_id) as engine:
        assert isinstance(engine, SparkEngine)
        failed = {view.name: error for view in chosen if (error := _error_of(engine, view))}
        written = _keep(settings, engine, [v for v in chosen if v.name not in failed], say)
    if failed:
        say(f"{counted(len(failed), 'view')} cannot run on Spark: {', '.join(failed)}.")
    return Written(written, failed)


def _keep(
    settings: Settings, engine: SparkEngine, chosen: Iterable[View], say: Callable[[str], None]
) -> list[str]:
    """Write those views as tables that ask for it, and are not what they were.

    Returns:
        Which were written; they are published.
    """
    wanted = [view for view in chosen if is_kept(view)]
    if not wanted:
        return []
    lake, began = lake_of(settings), datetime.now(UTC)
    base = newest(lake)
    assert base
    views = {view.name: view for view in load_project(settings.home).views}
    there = current(base, views.values())
    missing = [view for view in wanted if view.name not in there]
    if not missing:
        return []
    kept: dict[str, LakeTable] = {}
    with noted(lake, by_executors=True):
        for view in missing:
            kept[view.name] = _write(engine, lake, view, identity(view, views, base.tables))
            say(f"{view.name} is kept as a table: {counted(kept[view.name].rows, 'row')}.")
        writer = f"views kept as tables: {', '.join(kept)}"
        add_snapshot(lake, kept, writer=writer, base=base, began=began, say=say)
    return list(kept)


def _write(engine: SparkEngine, lake: Lake, view: View, made_of: str) -> LakeTable:
    """Have the executors write a view's rows into new files."""
    columns = engine.columns[view.name]
    folder = new_folder_path(view.name, lake.writer)
    try:
        write(engine.session, view.name, columns, full_url(lake, folder))
        files = written_files(engine.session, full_url(lake, folder))
    except BaseException as error:
        with suppress(WarehouseError):
            place.remove_folder(lake, folder)
        if isinstance(error, WarehouseError):
            what = f"The view {view.name}: {error.what}"
            raise WarehouseError(what, safe=error.safe, todo=error.todo) from None
        raise
    return LakeTable(
        tuple(Column(name, type_) for name, type_ in columns.items()),
        tuple(
            DataFile(f"{folder}/{file.path}", file.rows, file.bytes, None, made_of)
            for file in files
        ),
    )


def _error_of(engine: SparkEngine, view: View) -> WarehouseError | None:
    try:
        engine.register([view.name])
    except WarehouseError as error:
        return error
    return None
