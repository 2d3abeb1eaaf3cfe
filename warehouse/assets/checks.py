"""The checks: every file under `checks/` selects the rows that are wrong; none is a pass.

`checks/orders_cleaned/unique_id.sql` is the check `unique_id` of the asset `orders_cleaned`. The
comment on top is its description; a line `-- severity: warn` makes it a warning.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb

from warehouse.assets.tables import KNOWN_TABLES, SOURCES
from warehouse.console.text import counted
from warehouse.errors import WarehouseError, step
from warehouse.project.view_files import View, check_reads, parse
from warehouse.settings import load_settings
from warehouse.store import preview, snapshots

FOLDER = Path(__file__).parents[1] / "checks"
FRESH = "fresh"


def load_checks(views: Collection[View], folder: Path = FOLDER) -> list[View]:
    """Read every file under a folder: `group` is the asset, `name` the check.

    Raises:
        WarehouseError: a file cannot be parsed, is not one SELECT, reads an unknown table, its
            folder is not an asset's name, or its own cannot be a check's; names file and line.
    """
    assets = {*SOURCES, *(view.name for view in views)}
    known = {*KNOWN_TABLES, *assets}
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


def build_checks(checks: list[View]) -> dg.AssetChecksDefinition:
    """Make the asset checks: one a file, and one on the age of each source."""
    by_key = check_keys(checks)

    @dg.multi_asset_check(
        name="checks",
        specs=[
            *(
                dg.AssetCheckSpec(
                    key.name,
                    asset=key.asset_key,
                    description=check.description,
                    metadata={"sql": dg.MetadataValue.md(f"```sql\n{check.sql}\n```")},
                )
                for key, check in by_key.items()
            ),
            *(
                dg.AssetCheckSpec(
                    FRESH,
                    asset=source,
                    description="It was loaded, or found unchanged in MySQL, within the last "
                    "WAREHOUSE_FRESHNESS_MINUTES.",
                )
                for source in SOURCES
            ),
        ],
        can_subset=True,
    )
    def run(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with step("Checking assets"):
            yield from evaluate(context.instance, by_key, context.selected_asset_check_keys)

    return run


def evaluate(
    instance: dg.DagsterInstance,
    checks: Mapping[dg.AssetCheckKey, View],
    chosen: Iterable[dg.AssetCheckKey],
) -> Iterator[dg.AssetCheckResult]:
    """Run some checks on the newest snapshot; those that are not files are on a source's age."""
    with snapshots.read(load_settings().path) as connection:
        # The days of a TIMESTAMP are those of UTC, wherever the checks run.
        connection.execute("SET TimeZone = 'UTC'")
        for key in sorted(chosen):
            if key in checks:
                yield _judge(connection, key, checks[key])
            else:
                yield _age(instance, key)


def check_keys(checks: Iterable[View]) -> dict[dg.AssetCheckKey, View]:
    """Return the checks by Dagster's names for them."""
    return {dg.AssetCheckKey(dg.AssetKey(check.group), check.name): check for check in checks}


def _judge(
    connection: duckdb.DuckDBPyConnection, key: dg.AssetCheckKey, check: View
) -> dg.AssetCheckResult:
    """Count the rows that a check selects, and show the first ones."""
    try:
        ((count,),) = connection.sql(check.sql).count("*").fetchall()
        first = preview.first_rows(connection, check.sql) if count else ""
    except duckdb.Error as error:
        why = f"The check cannot run: {check.at(1)}: {str(error).splitlines()[0]}"
        return dg.AssetCheckResult(
            asset_key=key.asset_key, check_name=key.name, passed=False, description=why
        )
    metadata: dict[str, dg.MetadataValue] = {"rows": dg.MetadataValue.int(count)}
    if count:
        metadata["first_rows"] = dg.MetadataValue.md(first)
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=count == 0,
        severity=dg.AssetCheckSeverity.WARN
        if check.notes.get("severity") == "warn"
        else dg.AssetCheckSeverity.ERROR,
        description=f"Wrong: {counted(count, 'row')}, see {check.at(1)}"
        if count
        else "No row is wrong.",
        metadata=metadata,
    )


def _age(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    """See how long ago a source was last loaded, or found unchanged."""
    allowed = load_settings().freshness_minutes
    event = instance.get_latest_materialization_event(key.asset_key)
    minutes = (datetime.now(UTC).timestamp() - event.timestamp) / 60 if event else None
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=minutes is not None and minutes <= allowed,
        severity=dg.AssetCheckSeverity.WARN,
        description="It was never loaded."
        if minutes is None
        else f"{minutes:.0f} minutes old, {allowed} allowed.",
        metadata={"minutes": minutes} if minutes is not None else {},
    )
