"""The job `refresh`: those days of `mysql_orders_daily` that changed, in one run and snapshot."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from pydantic import Field

from warehouse.asset_checks import FRESH, check_keys, evaluate
from warehouse.load import ask, origin, say_loaded, stream
from warehouse.mysql.plan import Days
from warehouse.partitions import SEPARATOR, parse_days, span
from warehouse.ranges import all_days, ranges
from warehouse.refresh import difference
from warehouse.settings import load_settings
from warehouse.store import days as store_days
from warehouse.store import snapshots
from warehouse.store.io_manager import column_schema
from warehouse.store.stream import SCHEMA, insert
from warehouse.tables import DAY_COLUMN, ORDERS_DAILY
from warehouse.views import View

REFRESH = "refresh"
OP = "load_changed_days"


class Chosen(dg.Config):
    """Which days to load."""

    days: list[str] | None = Field(
        None,
        description=f"Days, 2026-11-01, and ranges of them, 2026-11-01{SEPARATOR}2026-11-30. "
        "Without: those whose fingerprints differ from the cache's.",
    )


def run_config(days: Collection[date]) -> dict[str, Any]:
    """Return what has the job load these days."""
    named = [
        f"{first}" if first == last else f"{first}{SEPARATOR}{last}" for first, last in ranges(days)
    ]
    return {"ops": {OP: {"config": {"days": named}}}}


def build_refresh(checks: list[View]) -> dg.JobDefinition:
    """Make the job. It ends with the checks of the asset, as any run that loads it does."""
    by_key = {
        key: check for key, check in check_keys(checks).items() if check.group == ORDERS_DAILY
    }
    fresh = dg.AssetCheckKey(dg.AssetKey(ORDERS_DAILY), FRESH)

    @dg.op(
        name=OP,
        out=dg.Out(dg.Nothing, is_required=False),
        description=f"Reads days of {ORDERS_DAILY} anew: one SELECT, one snapshot, an event for "
        "each day.",
    )
    def load_changed_days(
        context: dg.OpExecutionContext, config: Chosen
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        if config.days is None:
            found = difference(context.log.info, f"job {REFRESH}")
            context.log.info(found.words)
            if found.none:
                return
            chosen = found.days
        else:
            chosen = [day for text in config.days for day in all_days(*parse_days(text))]
        yield from _load(context, chosen)
        for result in evaluate(context.instance, by_key, [*by_key, fresh]):
            yield _evaluation(context.instance, result)

    @dg.job(
        name=REFRESH,
        description=f"Compares each day of {ORDERS_DAILY} with MySQL, and loads those that differ "
        "again: in one run, with one SELECT, into one snapshot.",
    )
    def refresh() -> None:
        load_changed_days()

    return refresh


def _load(context: dg.OpExecutionContext, chosen: list[date]) -> Iterator[dg.AssetMaterialization]:
    """Replace these days of the table, and drop those that are none any more."""
    settings = load_settings()
    first, last = span()
    # Where days are only to be dropped, the newest is read.
    days = Days(DAY_COLUMN, tuple(ranges(chosen or [last])))
    whole = days.ranges == ((first, last),)
    extraction = ask(context, ORDERS_DAILY, days)
    found: dict[date, int] = {}
    rows = stream(context, ORDERS_DAILY, days, extraction, found.update)
    with snapshots.write(
        settings.path,
        keep=settings.keep_snapshots,
        who=f"{ORDERS_DAILY}, run {context.run_id}",
        memory_limit=settings.memory_limit,
        replacing=[f'{SCHEMA}."{ORDERS_DAILY}"'] if whole else [],
        part_of=context.run_id,
        say=context.log.info,
    ) as connection:
        if not whole:
            store_days.forget(connection, ORDERS_DAILY, DAY_COLUMN, first, last)
            store_days.remove(connection, ORDERS_DAILY, DAY_COLUMN, days.listed)
        insert(connection, ORDERS_DAILY, rows)
        counted = rows.finish(connection)
        schema = column_schema(connection, ORDERS_DAILY)
    say_loaded(context, ORDERS_DAILY, extraction)
    for day, count in found.items():
        yield dg.AssetMaterialization(
            ORDERS_DAILY,
            partition=day.isoformat(),
            metadata={
                **origin(extraction),
                **counted,
                "dagster/partition_row_count": count,
                "dagster/column_schema": schema,
                "dagster/storage_kind": "duckdb",
            },
        )


def _evaluation(
    instance: dg.DagsterInstance, result: dg.AssetCheckResult
) -> dg.AssetCheckEvaluation:
    """Return a check's result as the event that it is, on what was loaded last."""
    assert result.asset_key and result.check_name
    (record,) = instance.fetch_materializations(result.asset_key, limit=1).records
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        ),
    )
