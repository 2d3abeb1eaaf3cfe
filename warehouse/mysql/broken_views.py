"""Why a table or a view in MySQL cannot be read: a sentence that names it and what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import pymysql
from pymysql.connections import Connection

from warehouse.errors import WarehouseError
from warehouse.mysql.server_errors import SAFE, error_number, translate
from warehouse.mysql.session import optional, rows
from warehouse.mysql.url import Server

_KIND = """
SELECT table_type FROM information_schema.tables WHERE table_schema = %s AND table_name = %s
"""
_VIEW = """
SELECT definer, security_type FROM information_schema.views
WHERE table_schema = %s AND table_name = %s
"""
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"

# https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html
_DENIED = (1044, 1045)
"""Said within a session, of a view whose definer is gone: the account itself has logged in."""
_NO_DEFINER = 1449
_INVALID_VIEW = 1356
_GONE = (1049, 1054, 1146, 1305, _INVALID_VIEW)
"""No such database, column, table, function. MySQL says one of the first of a view, too."""
_NO_RIGHT = (1142, 1143, 1370)
"""No right to read a table, to read a column, to call a function."""


def check_source(
    connection: Connection[Any], server: Server, table: str, columns: Sequence[str]
) -> None:
    """See that a table is there, and that a view works, before its rows are asked for.

    Both servers list the columns of a view that does not work for want of a right, and none of one
    that lacks a table or a column; only a SELECT tells, and it asks for no rows.

    Args:
        connection: A session of the account that loads.
        server: Where.
        table: The name of a table or a view.
        columns: Its columns as the account sees them; none if it sees none.

    Raises:
        WarehouseError: it is not there, it does not work, or the account may not read it.
    """
    kind = rows(connection, _KIND, server.database, table)
    if not kind:
        raise _no_table(connection, server, table)
    if kind == [("VIEW",)]:
        _check_view(connection, server, table, columns)
    if not columns:
        raise WarehouseError(
            f"MySQL at {server.name} shows this account none of the columns of `{table}`.",
            safe=SAFE,
            todo="Ask for SELECT on it; of a view, also for EXECUTE on the functions it calls.",
        )


def _check_view(
    connection: Connection[Any], server: Server, view: str, columns: Sequence[str]
) -> None:
    named = ", ".join(map(_quote, columns)) or "*"
    try:
        rows(connection, f"SELECT {named} FROM {_quote(view)} LIMIT 0")
    except pymysql.MySQLError as error:
        raise _broken(connection, server, view, error, bool(columns)) from None


def _broken(
    connection: Connection[Any],
    server: Server,
    view: str,
    error: pymysql.MySQLError,
    has_columns: bool,
) -> WarehouseError:
    """Say what is wrong with a view whose SELECT ended in an error."""
    number = error_number(error)
    definer, security = (
        optional(connection, _VIEW, server.database, view) or [("its definer", "")]
    )[0]
    name = f"The view `{view}` in MySQL at {server.name}"
    right = number in _NO_RIGHT or (
        number == _INVALID_VIEW and (has_columns or _lacks_right(connection, view))
    )
    if number in (*_DENIED, _NO_DEFINER):
        what = f"runs as the account {definer}, which is gone"
        todo = "Ask the DBA to give the view another DEFINER, or SQL SECURITY INVOKER."
    elif right and security == "INVOKER":
        what = "reads with the rights of this account, which lacks one on what the view reads"
        todo = (
            "Ask for SELECT on the tables that it reads and EXECUTE on the functions that it "
            "calls, or for a view with SQL SECURITY DEFINER."
        )
    elif right:
        what = f"reads with the rights of {definer}, which lacks one on what the view reads"
        todo = f"Ask the DBA to grant it to {definer}, or to give the view another DEFINER."
    elif number in _GONE:
        what = "is broken: a table, a column or a function that it names is gone"
        todo = "Ask the DBA to correct the view, or load from another one."
    else:
        meaning = translate(error, server)
        return WarehouseError(
            f"{name} cannot be read: {meaning.what}", safe=SAFE, todo=meaning.todo
        )
    return WarehouseError(f"{name} {what}.", safe=SAFE, todo=todo)


def _lacks_right(connection: Connection[Any], view: str) -> bool:
    """Whether MariaDB hides the columns for want of a right: it says so where they are shown."""
    try:
        rows(connection, f"SHOW COLUMNS FROM {_quote(view)}")
    except pymysql.MySQLError as error:
        return error_number(error) in _NO_RIGHT
    return False


def _no_table(connection: Connection[Any], server: Server, table: str) -> WarehouseError:
    others = [str(name) for (name,) in rows(connection, _TABLES, server.database)]
    close = difflib.get_close_matches(table, others, n=3)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return WarehouseError(
        f"MySQL at {server.name} shows this account no table `{table}`.{hint}",
        safe=SAFE,
        todo="Correct WAREHOUSE_ORDERS_TABLE, or ask for SELECT on the table.",
    )


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
