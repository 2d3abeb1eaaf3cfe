"""A table's version: a text that differs when the table may have changed. Costs no scan."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pymysql.connections import Connection

from warehouse.mysql.session import optional, rows

SETTLING = timedelta(seconds=2)
"""The server tells whole seconds: a change within the last two may be followed by an equal one."""

# https://dev.mysql.com/doc/refman/en/information-schema-tables-table.html: UPDATE_TIME is kept in
# memory for InnoDB, from the server's start on; hence the start is a part of the version.
_CHANGED = """
SELECT table_type, create_time, update_time, NOW() FROM information_schema.tables
WHERE table_schema = %s AND table_name = %s
"""


def table_version(connection: Connection[Any], database: str, table: str) -> str | None:
    """Return the table's version by its time of the last change.

    Returns:
        None where it cannot be told: a view, a table that changed a moment ago, a server that says
        too little.
    """
    # MySQL 8 and later show the times of a day ago otherwise.
    optional(connection, "SET SESSION information_schema_stats_expiry = 0")
    uptime = rows(connection, "SHOW GLOBAL STATUS LIKE 'Uptime'")
    found = rows(connection, _CHANGED, database, table)
    if not uptime or not found or found[0][0] != "BASE TABLE":
        return None
    _, created, updated, now = (str(value) if value else None for value in found[0])
    assert now is not None
    if updated and datetime.fromisoformat(updated) > datetime.fromisoformat(now) - SETTLING:
        return None
    # Two clocks of whole seconds: rounded to minutes, for a second's difference is no restart.
    started = datetime.fromisoformat(now) - timedelta(seconds=int(uptime[0][1]))
    return f"started {_minute(started):%Y-%m-%d %H:%M}, created {created}, changed {updated}"


def _minute(moment: datetime) -> datetime:
    return (moment + timedelta(seconds=30)).replace(second=0, microsecond=0)
