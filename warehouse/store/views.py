"""The views in the file: written there from their files, with their comments and versions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import duckdb

from warehouse.errors import WarehouseError
from warehouse.project.lineage import trace
from warehouse.project.quoting import literal, quoted
from warehouse.project.view_files import View, error_line, shown

REGISTRY = "view_files"
"""The table that remembers which text each view in the file was made of."""


def check_views(views: Sequence[View], tables: Mapping[str, Mapping[str, str]]) -> None:
    """See that the views would work on tables of such columns, without any rows.

    Views that read, at any depth, a table that is not given are passed over.

    Args:
        views: In an order in which they can be created.
        tables: For each table its columns and their DuckDB types.

    Raises:
        WarehouseError: a view names what is not there; names file and line.
    """
    with duckdb.connect(config={"python_enable_replacements": False}) as connection:
        relations = set(tables)
        for table, columns in tables.items():
            listed = ", ".join(f"{quoted(name)} {type_}" for name, type_ in columns.items())
            connection.execute(f"CREATE TABLE {quoted(table)} ({listed})")
        for view in views:
            if view.reads <= relations:
                _create(connection, view)
                relations.add(view.name)


def _create(connection: duckdb.DuckDBPyConnection, view: View) -> None:
    try:
        connection.execute(f"CREATE OR REPLACE VIEW {quoted(view.name)} AS\n{view.sql}")
    except duckdb.Error as error:
        raise WarehouseError(
            f"{view.at(max(error_line(error) - 1, 1))}: {str(error).splitlines()[0]}",
            safe="Nothing was changed: everyone still reads the last snapshot.",
            todo="Correct the file, or the table that it reads.",
        ) from None


def write_views(
    connection: duckdb.DuckDBPyConnection, views: Iterable[View], only: Collection[str]
) -> list[str]:
    """Create those views whose text is not yet in the file; drop those whose file is gone.

    Returns:
        The names of the views that were written.
    """
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {REGISTRY} "
        "(view_name VARCHAR, version VARCHAR, file VARCHAR, written_at TIMESTAMPTZ)"
    )
    views = list(views)
    stored = stored_versions(connection)
    for name in stored.keys() - {view.name for view in views}:
        connection.execute(f"DROP VIEW IF EXISTS {quoted(name)}")
        connection.execute(f"DELETE FROM {REGISTRY} WHERE view_name = ?", [name])
    changed = [v for v in views if v.name in only and stored.get(v.name) != v.version]
    relations = _relations(connection)
    for view in changed:
        if missing := view.reads - relations:
            raise WarehouseError(
                f"{view.name} reads {', '.join(sorted(missing))}, which the warehouse does not "
                "hold yet.",
                safe="Nothing was changed.",
                todo="Build it with `just materialize`.",
            )
        _create(connection, view)
        relations.add(view.name)
        connection.execute(f"COMMENT ON VIEW {quoted(view.name)} IS {literal(view.description)}")
        connection.execute(f"DELETE FROM {REGISTRY} WHERE view_name = ?", [view.name])
        connection.execute(
            f"INSERT INTO {REGISTRY} VALUES (?, ?, ?, now())",
            [view.name, view.version, shown(view.file)],
        )
    _carry_comments(connection, views)
    return [view.name for view in changed]


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
    if REGISTRY not in _relations(connection):
        return {}
    return dict(
        connection.execute(
            f"SELECT view_name, version FROM {REGISTRY} "
            "WHERE view_name IN (SELECT view_name FROM duckdb_views())"
        ).fetchall()
    )


def _relations(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the names of the tables and views in the file."""
    return {
        name
        for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() UNION ALL "
            "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall()
    }
