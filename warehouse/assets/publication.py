"""Which tables of the warehouse go to the lake, and their way there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime

import duckdb

from warehouse.assets import lake_books
from warehouse.assets.lake_books import Entries, mark, open_books, take_over
from warehouse.days.zones import duckdb_day
from warehouse.errors import WarehouseError
from warehouse.lake.place import Lake
from warehouse.lake.publish import Publication, publish
from warehouse.lake.snapshots import newest
from warehouse.lake.write import keep_flat
from warehouse.project.project import Project
from warehouse.project.quoting import quoted
from warehouse.store import history, ledger, snapshots, views

LEFT_OUT = frozenset({history.TABLE, views.REGISTRY})
"""What the warehouse notes of its own snapshots. `loads` and `cached_days` go: checks read them."""


def publish_tables(
    project: Project,
    lake: Lake,
    named: Sequence[str] = (),
    removed: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Publication:
    """Publish the tables of the newest snapshot of a project's warehouse.

    What `loads` and `cached_days` say of them goes with them. What these say in the lake of loads
    by others stays. A table that Spark loaded later is sent only if it is named.

    Args:
        project: Whose files say which tables are kept by day.
        lake: Where.
        named: These tables, in place of all.
        removed: Tables of the lake that go.
        say: Told of progress.

    Raises:
        WarehouseError: a table is not there, or is a view; or as `lake.publish.publish` does.
    """
    settings = project.settings
    with snapshots.read(settings.path) as connection:
        keep_flat(connection, settings.memory_limit)
        present = _tables(connection)
        names = [_find(connection, name, present) for name in named]
        gone = {name.lower() for name in removed}
        chosen = names or _older(
            connection,
            lake,
            [one for one in present if one not in LEFT_OUT and one.lower() not in gone],
            say,
        )
        number = max((one[0] for one in history.writers(connection)), default=0)
        days = _days(project, connection)
        tables = [name for name in dict.fromkeys(chosen) if name not in lake_books.TABLES]
        only = tables if names and ledger.TABLE not in names else None
        entries = Entries(
            lake,
            lambda books: take_over(books, connection, {*tables, *removed}, only),
            removed=removed,
            say=say,
        )
        done = publish(
            connection,
            lake,
            {name: days.get(name, "") for name in tables},
            writer=f"just publish, of snapshot {number} of the warehouse",
            removed=removed,
            merge=entries,
            say=say,
        )
        listed = sorted((*done.tables, *entries.published), key=lambda one: one.name)
        return replace(done, tables=tuple(listed))


def _older(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    tables: Sequence[str],
    say: Callable[[str], None],
) -> list[str]:
    """Leave out the tables that Spark loaded into the lake after the warehouse did."""
    base = newest(lake)
    held = base.tables if base else {}
    found = []
    with closing(open_books(lake, base)) as books:
        for name in tables:
            here, there = ledger.last_load(connection, name), ledger.last_load(books, name)
            files = held[name].files if name in held else ()
            on_spark = there and any(one.identity.startswith(mark(there.run_id)) for one in files)
            if not there or not on_spark or (here and here.started_at >= there.started_at):
                found.append(name)
                continue
            own = f"of {_time(here.started_at)}" if here else "without a receipt"
            say(
                f"{name} stays as it is in the lake: Spark loaded it there at "
                f"{_time(there.started_at)}, and the warehouse's is {own}. `just publish {name}` "
                "sends it all the same."
            )
    return found


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT internal "
        "ORDER BY table_name"
    ).fetchall()
    return [name for (name,) in found]


def _find(connection: duckdb.DuckDBPyConnection, name: str, present: Sequence[str]) -> str:
    """Return the table that a name means, whatever its case."""
    by_lower = {one.lower(): one for one in present}
    if found := by_lower.get(name.lower()):
        return found
    is_view = connection.execute(
        "FROM duckdb_views() WHERE schema_name = 'main' AND lower(view_name) = lower(?)", [name]
    ).fetchall()
    if is_view:
        raise WarehouseError(
            f"{name} is a view: tables go to the lake, and Spark computes the views.",
            todo="Name tables, or none for all of them.",
        )
    raise WarehouseError(
        f"The warehouse has no table {name}.", todo=f"Tables are {', '.join(present)}."
    )


def _days(project: Project, connection: duckdb.DuckDBPyConnection) -> Mapping[str, str]:
    """Return the day of a row, as SQL, of each table that is kept by day."""
    columns = views.table_columns(connection)
    return {
        source.name: duckdb_day(quoted(source.days.name), source.days.zone)
        for source in project.with_days
        if source.days
        and source.days.name.lower() in {one.lower() for one in columns.get(source.name, ())}
    }
