"""A catalog of tables and views without rows, for what DuckDB tells of names and types alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping

import duckdb

from warehouse.engines import progress_bar
from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal, quoted
from warehouse.project.view_files import View


def open_catalog(tables: Mapping[str, Mapping[str, str]]) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that holds these tables, empty.

    Args:
        tables: For each table its columns and their DuckDB types.
    """
    connection = duckdb.connect(
        config={"python_enable_replacements": False, "temp_directory": tempfile.gettempdir()}
    )
    connection.execute("SET TimeZone = 'UTC'")
    progress_bar.only_in_a_terminal(connection)
    for table, columns in tables.items():
        listed = ", ".join(f"{quoted(name)} {type_}" for name, type_ in columns.items())
        connection.execute(f"CREATE TABLE {quoted(table)} ({listed})")
    return connection


def add_views(
    connection: duckdb.DuckDBPyConnection, views: Iterable[View]
) -> dict[str, WarehouseError]:
    """Create views in a catalog, in an order in which they can be created.

    Returns:
        By view, why it cannot be created: it names what is not there.
    """
    broken: dict[str, WarehouseError] = {}
    for view in views:
        try:
            connection.execute(f"CREATE VIEW {quoted(view.name)} AS\n{view.sql}")
        except duckdb.Error as error:
            broken[view.name] = WarehouseError(
                f"{view.at(1)}: {str(error).splitlines()[0]}",
                todo="Correct the file, or load the table that it reads.",
            )
            continue
        connection.execute(f"COMMENT ON VIEW {quoted(view.name)} IS {literal(view.description)}")
    return broken


def columns_of(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns and types of each table and view in a catalog."""
    found: dict[str, dict[str, str]] = {}
    for name, column, type_ in connection.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal ORDER BY table_name, column_index"
    ).fetchall():
        found.setdefault(name, {})[column] = type_
    return found
