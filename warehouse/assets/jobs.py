"""The job `refresh`: those days of `mysql_orders_daily` that changed, in one run and snapshot."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg
import duckdb
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from warehouse.assets.checks import FRESH, check_keys, evaluate
from warehouse.assets.load import ask, guard_shrink, left_out, origin, say_loaded, stream
from warehouse.assets.refresh import Comparison, Difference, compare
from warehouse.assets.tables import DAY_COLUMN, ORDERS_DAILY
from warehouse.days.calendar import SEPARATOR, parse_days, span
from warehouse.days.ranges import all_days, ranges
from warehouse.errors import WarehouseError, step
from warehouse.mysql.plan import Days
from warehouse.project.view_files import View
from warehouse.store import cached_days as store_days
from warehouse.store import snapshots
from warehouse.store.io_manager import column_schema, next_snapshot
from warehouse.store.stream import SCHEMA, insert

REFRESH = "refresh"
COMPARED = "compared"


@dg.resource(
    config_schema={
        "days": dg.Field(
            dg.Noneable([str]),
            is_required=False,
            description=f"Days, 2026-11-01, and ranges of them, 2026-11-01{SEPARATOR}2026-11-30. "
            "Without any: those whose fingerprints differ from the cache's.",
        )
    },
    description="Which days the job loads.",
)
@contextmanager
def compared(context: dg.InitResourceContext) -> Iterator[Comparison]:
    """Give the days that are named, or compare the cache with MySQL for the length of the run."""
    assert context.log
    chosen = context.resource_config.get("days")
    if not chosen:
        with compare(context.log.info, f"job {REFRESH}") as comparison:
            yield comparison
    else:
        days = sorted({day for text in chosen for day in all_days(*parse_days(text))})
        found = Difference(len(days), True, days)
        yield Comparison([], lambda: found)


def run_config(days: Collection[date]) -> dict[str, Any]:
    """Return what has the job load these days; without any, what has it compare by itself."""
    named = [
        f"{first}" if first == last else f"{first}{SEPARATOR}{last}" for first, last in ranges(days)
    ]
    return {"resources": {COMPARED: {"config": {"days": named}}}}


def build_refresh(checks: list[View]) -> dg.JobDefinition:
    """Make the job. It ends with the checks of the asset, as any run that loads it does."""
    by_key = {
        key: check for key, check in check_keys(checks).items() if check.group == ORDERS_DAILY
    }
    fresh = dg.AssetCheckKey(dg.AssetKey(ORDERS_DAILY), FRESH)

    @dg.op(
        out=dg.Out(dg.Nothing, is_required=False),
        description=f"Reads days of {ORDERS_DAILY} anew, into one snapshot, with an event for each "
        "day. Those whose newest update differs are read while MySQL still counts.",
    )
    def load_changed_days(
        context: dg.OpExecutionContext, compared: dg.ResourceParam[Comparison]
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        if not compared.sure:
            found = compared.result()
            if not found.cached:
                raise WarehouseError(
                    f"{ORDERS_DAILY} was never loaded.",
                    safe=snapshots.SAFE,
                    todo=f"Load it and what reads it first: `just refresh`, or in the UI "
                    f"`{ORDERS_DAILY}+`.",
                )
            if found.none:
                context.log.info(found.words)
                return
        with step(f"Loading changed days of {ORDERS_DAILY}"):
            yield from _load(context, compared)
        for result in evaluate(context.instance, by_key, [*by_key, fresh]):
            yield _evaluation(context.instance, result)

    @dg.job(
        name=REFRESH,
        description=f"Compares each day of {ORDERS_DAILY} with MySQL, and loads those that differ "
        "again: in one run, into one snapshot.",
        resource_defs={COMPARED: compared},
    )
    def refresh() -> None:
        load_changed_days()

    return refresh


def _load(
    context: dg.OpExecutionContext, compared: Comparison
) -> Iterator[dg.AssetMaterialization]:
    """Replace the days that differ, and drop those that are none any more."""
    first, last = span()
    whole = (compared.sure or compared.result().days) == all_days(first, last)
    events: list[dg.AssetMaterialization] = []
    replacing = [f'{SCHEMA}."{ORDERS_DAILY}"'] if whole else []
    with next_snapshot(context, ORDERS_DAILY, replacing) as connection:
        for days in _in_turn(compared):
            if not whole:
                store_days.remove(connection, ORDERS_DAILY, DAY_COLUMN, days)
            events += _read(context, connection, Days(DAY_COLUMN, tuple(ranges(days))))
        store_days.forget(connection, ORDERS_DAILY, DAY_COLUMN, first, last)
        guard_shrink(context, connection, ORDERS_DAILY)
    told = left_out(compared.result().outside)
    for event in events:
        yield event.with_metadata({**event.metadata, **told}) if told else event


def _in_turn(compared: Comparison) -> Iterator[list[date]]:
    """Yield the days that are sure, and then those that MySQL's count adds to them."""
    if compared.sure:
        yield compared.sure
    if more := sorted(set(compared.result().days) - set(compared.sure)):
        yield more


def _read(
    context: dg.OpExecutionContext, connection: duckdb.DuckDBPyConnection, days: Days
) -> Iterator[dg.AssetMaterialization]:
    """Read some days with one SELECT, and say so of each."""
    extraction = ask(context, ORDERS_DAILY, days)
    rows_by_day: dict[date, int] = {}
    rows = stream(context, ORDERS_DAILY, days, extraction, rows_by_day.update, guarded=False)
    insert(connection, ORDERS_DAILY, rows)
    told = {
        **origin(extraction),
        **rows.finish(connection),
        "dagster/column_schema": column_schema(connection, ORDERS_DAILY),
        "dagster/storage_kind": "duckdb",
    }
    say_loaded(context, ORDERS_DAILY, extraction)
    for day, count in rows_by_day.items():
        yield dg.AssetMaterialization(
            ORDERS_DAILY,
            partition=day.isoformat(),
            metadata={**told, "dagster/partition_row_count": count},
        )


def _evaluation(
    instance: dg.DagsterInstance, result: dg.AssetCheckResult
) -> dg.AssetCheckEvaluation:
    """Return a check's result as the event that it is, on what was loaded last."""
    assert result.asset_key and result.check_name
    target = None  # where the history was thrown away
    for load in instance.fetch_materializations(result.asset_key, limit=1).records:
        target = AssetCheckEvaluationTargetMaterializationData(
            storage_id=load.storage_id, run_id=load.run_id, timestamp=load.timestamp
        )
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        target_materialization_data=target,
    )
