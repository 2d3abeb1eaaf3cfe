"""The guard before a load is published: a table that lost too much of itself is refused."""

from __future__ import annotations

from fractions import Fraction

from warehouse.errors import WarehouseError
from warehouse.store.snapshots import SAFE


def check_shrink(table: str, before: int, after: int, allowed: float, note: str = "") -> None:
    """See that a table did not lose more than a share of its rows.

    Args:
        table: Its name, for the error.
        before: Rows in the snapshot that everyone reads.
        after: Rows in the one to come.
        allowed: The share that may go: 0 for none, 1 for all.
        note: The note of the source's file that says so; empty for the setting.

    Raises:
        WarehouseError: it lost more, or all; says how to do it all the same.
    """
    lost = before - after
    may_go = int(before * Fraction(str(allowed)))  # as it was written: 100 * 0.29 is below 29
    if lost <= may_go:
        return
    raise WarehouseError(
        f"{table} had {before:,} rows and would have {after:,} after this load: {lost:,} fewer, "
        f"and {note or 'WAREHOUSE_MAX_SHRINK'}={allowed:g} allows {may_go:,}.",
        safe=SAFE,
        todo="If that is right, say so: with --force, or in the UI by the run tag "
        "warehouse/force=true.",
    )
