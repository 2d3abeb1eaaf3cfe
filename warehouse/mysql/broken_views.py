"""Why a table or a view in MySQL cannot be read: a sentence that names it and what is wrong."""

from __future__ import annotations

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
_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position
"""

# https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html
_DENIED = (1044, 1045)
"""Said within a session, of a view whose definer is gone: the account itself has logged in."""
_NO_DEFINER = 1449
_INVALID_VIEW = 1356
_GONE = (1049, 1054, 1146, 1305, _INVALID_VIEW)
"""No such database, column, table, function. MySQL says one of the first of a view, too."""
_NO_RIGHT = (1142, 1143, 1370)
"""No right to read a table, to read a column, to call a function."""


def check_view(connection: Connection[Any], server: Server, database: str, view: str) -> None:
    """See that a view works, if it is one, without asking it for a row.

    Both servers list the columns of a view that does not work for want of a right, and none of one
    that lacks a table or a column; only a SELECT tells.

    Args:
        connection: A session of the account that loads.
        server: Where.
        database: Of the view.
        view: The name of a table or a view.

    Raises:
        WarehouseError: it is a view that does not work, or that the account may not read.
    """
    if rows(connection, _KIND, database, view) != [("VIEW",)]:
        return
    columns = [str(name) for (name,) in rows(connection, _COLUMNS, database, view)]
    listed = ", ".join(map(_quote, columns)) or "*"
    try:
        rows(connection, f"SELECT {listed} FROM {_quote(database)}.{_quote(view)} LIMIT 0")
    except pymysql.MySQLError as error:
        raise _broken(connection, server, (database, view), error, bool(columns)) from None


def _broken(
    connection: Connection[Any],
    server: Server,
    where: tuple[str, str],
    error: pymysql.MySQLError,
    has_columns: bool,
) -> WarehouseError:
    """Say what is wrong with a view whose SELECT ended in an error."""
    number = error_number(error)
    view = where[1]
    definer, security = (optional(connection, _VIEW, *where) or [("its definer", "")])[0]
    name = f"The view `{view}` in MySQL at {server.name}"
    right = number in _NO_RIGHT or (
        number == _INVALID_VIEW and (has_columns or _lacks_right(connection, where))
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


def _lacks_right(connection: Connection[Any], where: tuple[str, str]) -> bool:
    """Whether MariaDB hides the columns for want of a right: it says so where they are shown."""
    try:
        rows(connection, f"SHOW COLUMNS FROM {'.'.join(map(_quote, where))}")
    except pymysql.MySQLError as error:
        return error_number(error) in _NO_RIGHT
    return False


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
