"""The checks: every file under `checks/` selects the rows that are wrong; none is a pass.

`checks/orders_cleaned/unique_id.sql` is the check `unique_id` of the asset `orders_cleaned`. The
comment on top is its description; a line `-- severity: warn` makes it a warning, and with
`-- severity: block` nothing is published while it selects a row.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.project.view_files import View, check_reads, parse

FRESH = "fresh"
"""The check of a source's age, which is no file."""

WARN, ERROR, BLOCK = "warn", "error", "block"


def severity(check: View) -> str:
    """Return what a check's failure means: `WARN`, `ERROR` or `BLOCK`."""
    return check.notes.get("severity", ERROR)


def load_checks(assets: Collection[str], known: Collection[str], folder: Path) -> list[View]:
    """Read every file under a folder: `group` is the asset, `name` the check.

    Args:
        assets: What can be checked.
        known: What a check may read.
        folder: Where the files are.

    Raises:
        WarehouseError: a file cannot be parsed, is not one SELECT, reads an unknown table, its
            folder is not an asset's name, or its own cannot be a check's; names file and line.
    """
    checks = []
    for file in sorted(folder.rglob("*.sql")):
        check, lines = parse(file)
        check_reads(check, lines, known)
        if check.group not in assets:
            raise WarehouseError(
                f"{check.at(1)}: there is no asset {check.group} to check.",
                todo=f"Name the folder after one of {', '.join(sorted(assets))}.",
            )
        if not re.fullmatch(r"[A-Za-z0-9_]+", check.name) or check.name == FRESH:
            raise WarehouseError(
                f"{check.at(1)}: {check.name} cannot be a check's name.",
                todo=f"Name the file with letters, digits and _ only, and not {FRESH}, which is "
                "the check of a source's age.",
            )
        checks.append(check)
    return checks
