"""MySQL's errors in words about the cache, not about the source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from warehouse.errors import WarehouseError
from warehouse.mysql.server_errors import SAFE, translate
from warehouse.mysql.url import Server

SETTING = "WAREHOUSE_CACHE_MYSQL_URL"
_DENIED = (1044, 1142, 1143, 1227)
_GRANTS = "Its account needs SELECT, INSERT, CREATE, ALTER and DROP there: docs/caches.md."


@contextmanager
def plain_errors(server: Server, safe: str) -> Iterator[None]:
    """Say what went wrong in words about the cache, and never with the password."""
    try:
        yield
    except pymysql.MySQLError as error:
        reworded = _reworded(translate(error, server))
        denied = bool(error.args) and error.args[0] in _DENIED
        raise WarehouseError(
            reworded.what, safe=safe, todo=_GRANTS if denied else reworded.todo
        ) from None
    except WarehouseError as error:
        reworded = _reworded(error)
        # What is safe there is the warehouse's file, which has no part in this.
        kept = safe if reworded.safe == SAFE else reworded.safe
        raise WarehouseError(reworded.what, safe=kept, todo=reworded.todo) from None


def _reworded(error: WarehouseError) -> WarehouseError:
    """Name the setting of the cache where an error names that of the source."""
    what, safe, todo = (
        text.replace("WAREHOUSE_MYSQL_URL", SETTING)
        for text in (error.what, error.safe, error.todo)
    )
    return WarehouseError(what, safe=safe, todo=todo)
