"""The checks of the assets: one a file, and one on the age of each source."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from warehouse.assets.naming import Naming, table_of
from warehouse.assets.opened import opened
from warehouse.engines.engine import Engine, catalog_of
from warehouse.errors import step
from warehouse.project.check_files import BLOCK, FRESH, severity
from warehouse.project.project import Project
from warehouse.project.source_files import Source
from warehouse.project.view_files import View
from warehouse.settings import Settings
from warehouse.store import audit
from warehouse.store.reviewing import dagster_severity, metadata

_BLOCKS = "Blocking: nothing is published while it fails. "


def build_checks(project: Project, naming: Naming) -> dg.AssetChecksDefinition:
    """Make the asset checks: one a file, and one on the age of each source."""
    by_key = check_keys(project.checks, naming)
    minutes = allowed_minutes(project.sources)

    @dg.multi_asset_check(
        name=naming.part("checks"),
        specs=[
            *(
                dg.AssetCheckSpec(
                    key.name,
                    asset=key.asset_key,
                    description=f"{_BLOCKS * (severity(check) == BLOCK)}{check.description}",
                    metadata={"sql": dg.MetadataValue.md(f"```sql\n{check.sql}\n```")},
                )
                for key, check in by_key.items()
            ),
            *(
                dg.AssetCheckSpec(
                    FRESH,
                    asset=naming.key(source.name),
                    description="It was loaded, or found unchanged in MySQL, within the last "
                    f"{minutes[source.name]} minutes.",
                )
                for source in project.sources
            ),
        ],
        can_subset=True,
    )
    def run(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with step("Checking assets"):
            chosen = context.selected_asset_check_keys
            settings, run_id = project.settings, context.run.run_id
            yield from evaluate(context.instance, settings, by_key, minutes, chosen, run_id)

    return run


def evaluate(
    instance: dg.DagsterInstance,
    settings: Settings,
    checks: Mapping[dg.AssetCheckKey, View],
    minutes: Mapping[str, int],
    chosen: Iterable[dg.AssetCheckKey],
    run_id: str,
) -> Iterator[dg.AssetCheckResult]:
    """Run some checks on what a run sees; those that are not files are on a source's age."""
    with opened(settings, run_id) as engine:
        # The days of a TIMESTAMP are those of UTC, wherever the checks run.
        catalog_of(engine).execute("SET TimeZone = 'UTC'")
        for key in sorted(chosen):
            if key in checks:
                yield _judge(engine, key, checks[key])
            else:
                yield _age(instance, key, minutes[table_of(key.asset_key)])


def allowed_minutes(sources: Iterable[Source]) -> dict[str, int]:
    """Return how old each source may become, in minutes."""
    return {
        source.name: source.freshness or source.settings.freshness_minutes for source in sources
    }


def check_keys(checks: Iterable[View], naming: Naming) -> dict[dg.AssetCheckKey, View]:
    """Return the checks by Dagster's names for them."""
    return {dg.AssetCheckKey(naming.key(check.group), check.name): check for check in checks}


def _judge(engine: Engine, key: dg.AssetCheckKey, check: View) -> dg.AssetCheckResult:
    """Count the rows that a check selects, and show the first ones."""
    found = audit.judge(engine, check)
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=found.passed,
        severity=dagster_severity(found),
        description=found.words,
        metadata=metadata(found),
    )


def _age(instance: dg.DagsterInstance, key: dg.AssetCheckKey, allowed: int) -> dg.AssetCheckResult:
    """See how long ago a source was last loaded, or found unchanged."""
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
