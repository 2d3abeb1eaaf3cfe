"""The guard before a load is published: a table that lost too much of itself is refused."""

from __future__ import annotations

from warehouse.errors import WarehouseError
from warehouse.store.snapshots import SAFE


def check_shrink(table: str, before: int, after: int, allowed: float) -> None:
    """See that a table did not lose more than a share of its rows.

    Args:
        table: Its name, for the error.
        before: Rows in the snapshot that everyone reads.
        after: Rows in the one to come.
        allowed: The share that may go: 0 for none, 1 for all.

    Raises:
        WarehouseError: it lost more, or all; says how to do it all the same.
    """
    lost = before - after
    emptied = before and not after and allowed < 1
    if not emptied and lost <= before * allowed:
        return
    raise WarehouseError(
        f"{table} has {before:,} rows and would have {after:,} after this load: "
        f"{lost / before:.0%} fewer, and WAREHOUSE_MAX_SHRINK allows {allowed:.0%}.",
        safe=SAFE,
        todo="If that is right, say so: `just materialize … --force`, or in the UI the run tag "
        "warehouse/force=true.",
    )
