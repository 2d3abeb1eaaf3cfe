"""A table's version: a text that differs when the table may have changed. Costs no scan."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.mysql.session import optional, rows

SETTLING = timedelta(seconds=2)
"""The server tells whole seconds: a change within the last two may be followed by an equal one."""

# https://dev.mysql.com/doc/refman/en/information-schema-tables-table.html: InnoDB keeps UPDATE_TIME
# in memory, and forgets it at a restart and when many tables are in use. Other engines tell a time
# that lags behind, or none.
_CHANGED = """
SELECT create_time, update_time, NOW() FROM information_schema.tables
WHERE table_schema = %s AND table_name = %s AND engine = 'InnoDB'
"""


def table_version(connection: Connection[Any], database: str, table: str) -> str | None:
    """Return the table's version by its time of the last change.

    Returns:
        None where it cannot be told: a view, another engine than InnoDB, a table that changed a
        moment ago, one whose time of the last change the server does not know (any more).
    """
    # MySQL 8 and later show the times of a day ago otherwise.
    optional(connection, "SET SESSION information_schema_stats_expiry = 0")
    found = rows(connection, _CHANGED, database, table)
    if not found or not found[0][1]:
        return None
    created, updated, now = (str(value) for value in found[0])
    if datetime.fromisoformat(updated) > datetime.fromisoformat(now) - SETTLING:
        return None
    return f"created {created}, changed {updated}"
