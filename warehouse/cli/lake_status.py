"""What `just status` reports of the lake that Spark reads. Spark itself is not asked."""

from __future__ import annotations

from contextlib import closing

from warehouse.assets.lake_books import open_books
from warehouse.cli.status_report import HIDDEN, Asset, Held
from warehouse.engines.spark.kept_views import current
from warehouse.engines.spark.on_lake import lake_of, no_snapshot
from warehouse.lake.snapshots import all_snapshots, bytes_of
from warehouse.project.project import load_project
from warehouse.settings import Settings
from warehouse.store import ledger


def look(settings: Settings) -> tuple[list[Asset], Held]:
    """Return what the newest snapshot of the lake holds, tables first, and what is kept.

    The lake holds no views. So they are those of the files whose tables are all there.

    Raises:
        WarehouseError: there is no lake, or no snapshot in it, or a file of the project is wrong.
    """
    lake = lake_of(settings)
    manifests = all_snapshots(lake)
    if not manifests:
        raise no_snapshot(lake)
    newest = manifests[-1]
    views = load_project(settings.home).views
    rows = {name: table.rows for name, table in current(newest, views).items()}
    there = {*rows}
    for view in views:
        if view.reads <= there:
            there.add(view.name)
    named = {view.name for view in views}
    with closing(open_books(lake, newest)) as books:
        tables = [
            Asset(name, False, rows[name], ledger.last_load(books, name))
            for name in sorted(rows.keys() - named - HIDDEN)
        ]
    return (
        [*tables, *(Asset(name, True, rows.get(name), None) for name in sorted(there & named))],
        Held(newest.number, lake.shown, newest.bytes, len(manifests), bytes_of(manifests)),
    )
