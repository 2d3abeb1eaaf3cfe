"""The views in the file: written there from their files, with their comments and versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from warehouse.engines.catalog import open_catalog
from warehouse.errors import WarehouseError
from warehouse.project.lineage import trace
from warehouse.project.quoting import literal, quoted
from warehouse.project.view_files import View, error_line, shown

REGISTRY = "view_files"
"""The table that remembers which text each view in the file was made of."""


def table_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns of each table in the file, and their types."""
    tables: dict[str, dict[str, str]] = {}
    for name, column, type_ in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal "
        "AND table_name IN (SELECT table_name FROM duckdb_tables()) ORDER BY column_index"
    ).fetchall():
        tables.setdefault(name, {})[column] = type_
    return tables


def find_broken(
    views: Sequence[View], tables: Mapping[str, Mapping[str, str]]
) -> dict[str, WarehouseError]:
    """Find the views that would not work on tables of such columns, without any rows.

    Views that read, at any depth, a table that is not given are passed over.

    Args:
        views: In an order in which they can be created.
        tables: For each table its columns and their DuckDB types.

    Returns:
        By view, what it names that is not there, with file and line.
    """
    found: dict[str, WarehouseError] = {}
    relations = set(tables)
    with open_catalog(tables) as connection:
        for view in views:
            if not view.reads <= relations:
                continue
            try:
                connection.execute(_create(view))
                relations.add(view.name)
            except duckdb.Error as error:
                found[view.name] = WarehouseError(
                    f"{view.at(max(error_line(error) - 1, 1))}: {str(error).splitlines()[0]}",
                    safe="Everything else is published.",
                    todo="Correct the file, or the table that it reads.",
                )
    return found


def broken_views(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the views in the file that do not work on its tables, and why."""
    waiting = dict(
        connection.execute(
            "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    )
    errors: dict[str, str] = {}
    with open_catalog(table_columns(connection)) as copy:
        while True:
            errors = {}
            for name, sql in waiting.items():
                try:
                    copy.execute(sql)
                except duckdb.Error as error:
                    errors[name] = str(error).splitlines()[0]
            if len(errors) == len(waiting):  # none of them waited for another one
                return errors
            waiting = {name: waiting[name] for name in errors}


def drop_view(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Take a view out of the file."""
    connection.execute(f"DROP VIEW IF EXISTS {quoted(name)}")
    if REGISTRY in relations(connection):
        connection.execute(f"DELETE FROM {REGISTRY} WHERE view_name = ?", [name])


def _create(view: View) -> str:
    return f"CREATE OR REPLACE VIEW {quoted(view.name)} AS\n{view.sql}"


@dataclass(frozen=True)
class Written:
    """What became of views.

    Attributes:
        written: Those that were created or changed.
        failed: Those that could not be, and why.
    """

    written: list[str]
    failed: dict[str, WarehouseError]


def write_views(
    connection: duckdb.DuckDBPyConnection, views: Iterable[View], only: Collection[str]
) -> Written:
    """Create those views whose text is not yet in the file; drop those whose file is gone.

    One that cannot be created stays what it was.
    """
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {REGISTRY} "
        "(view_name VARCHAR, version VARCHAR, file VARCHAR, written_at TIMESTAMPTZ)"
    )
    views = list(views)
    stored = stored_versions(connection)
    for name in stored.keys() - {view.name for view in views}:
        drop_view(connection, name)
    changed = [v for v in views if v.name in only and stored.get(v.name) != v.version]
    failed = find_broken(views, table_columns(connection)) if changed else {}
    written: list[str] = []
    present = relations(connection)
    for view in changed:
        if view.name in failed:
            continue
        if missing := view.reads - present:
            broken = missing & failed.keys()
            failed[view.name] = WarehouseError(
                f"{view.at(1)}: {view.name} reads {', '.join(sorted(missing))}, which "
                + ("could not be written." if broken else "the warehouse does not hold yet."),
                safe="Everything else is published.",
                todo="Correct that first." if broken else "Build it with `just materialize`.",
            )
            continue
        connection.execute(_create(view))
        present.add(view.name)
        written.append(view.name)
        connection.execute(f"COMMENT ON VIEW {quoted(view.name)} IS {literal(view.description)}")
        connection.execute(f"DELETE FROM {REGISTRY} WHERE view_name = ?", [view.name])
        connection.execute(
            f"INSERT INTO {REGISTRY} VALUES (?, ?, ?, now())",
            [view.name, view.version, shown(view.file)],
        )
    _carry_comments(connection, views)
    chosen = {view.name for view in changed}
    return Written(written, {name: error for name, error in failed.items() if name in chosen})


def _carry_comments(connection: duckdb.DuckDBPyConnection, views: Iterable[View]) -> None:
    """Give the columns of views the comments of those that they show unchanged."""
    stored = stored_versions(connection)
    columns = column_comments(connection)
    for view in views:
        if stored.get(view.name) != view.version:
            continue
        comments = columns[view.name]
        unchanged = trace(view.sql, list(comments), columns).unchanged
        for name, comment in comments.items():
            origin = unchanged.get(name)
            comments[name] = columns[origin.table][origin.name] if origin else None
            if comments[name] != comment:
                connection.execute(
                    f"COMMENT ON COLUMN {quoted(view.name)}.{quoted(name)} "
                    f"IS {literal(comments[name])}"
                )


def column_comments(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str | None]]:
    """Return the columns of each table and view in the file, in order, with their comments."""
    columns: dict[str, dict[str, str | None]] = {}
    for relation, name, comment in connection.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal ORDER BY table_oid, column_index"
    ).fetchall():
        columns.setdefault(relation, {})[name] = comment
    return columns


def stored_versions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the version of each view in the file."""
    if REGISTRY not in relations(connection):
        return {}
    return dict(
        connection.execute(
            f"SELECT view_name, version FROM {REGISTRY} "
            "WHERE view_name IN (SELECT view_name FROM duckdb_views())"
        ).fetchall()
    )


def kinds(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return for each table and view in the file which of both it is, by name."""
    return dict(
        connection.execute(
            "SELECT table_name, 'table' FROM duckdb_tables() UNION ALL "
            "SELECT view_name, 'view' FROM duckdb_views() WHERE NOT internal ORDER BY 1"
        ).fetchall()
    )


def relations(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the names of the tables and views in the file."""
    return {*kinds(connection)}
