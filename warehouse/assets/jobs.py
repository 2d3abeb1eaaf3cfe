"""The job `refresh`: those days of the sources that changed, in one run and snapshot."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import dagster as dg
import duckdb
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

from warehouse.assets.checks import allowed_minutes, check_keys, evaluate
from warehouse.assets.load import ask, run_of, say_loaded
from warehouse.assets.naming import Naming
from warehouse.assets.receipts import left_out, origin
from warehouse.assets.refresh import Comparison, Difference, compare_all
from warehouse.assets.source_queries import calendar_of
from warehouse.assets.table_rows import guard_shrink, stream
from warehouse.days.calendar import SEPARATOR
from warehouse.days.ranges import all_days, ranges
from warehouse.days.zones import duckdb_day
from warehouse.errors import SAFE, WarehouseError, step
from warehouse.mysql.plan import Days
from warehouse.project.check_files import FRESH
from warehouse.project.project import Project
from warehouse.project.quoting import quoted
from warehouse.project.source_files import Source
from warehouse.store import cached_days
from warehouse.store.handlers import column_schema
from warehouse.store.io_manager import next_snapshot
from warehouse.store.stream import SCHEMA, insert

REFRESH = "refresh"
COMPARED = "compared"


def build_compared(project: Project) -> dg.ResourceDefinition:
    """Make the resource that tells the job which days to load."""

    @dg.resource(
        config_schema={
            "days": dg.Field(
                dg.Noneable(dg.Map(str, [str])),  # type: ignore[no-untyped-call]
                is_required=False,
                description="By source, days (2026-11-01) and ranges of them "
                f"(2026-11-01{SEPARATOR}2026-11-30). Without any: of every source with days those "
                "whose fingerprints differ from the cache's.",
            )
        },
        description="Which days the job loads.",
    )
    @contextmanager
    def compared(context: dg.InitResourceContext) -> Iterator[list[Comparison]]:
        assert context.log
        named = context.resource_config.get("days")
        if named:
            yield [_chosen(project, name, days) for name, days in named.items()]
            return
        sources = [source for source in project.with_days if source.updated]
        with compare_all(sources, context.log.info, f"job {REFRESH}") as comparisons:
            yield comparisons

    return compared


def _chosen(project: Project, name: str, named: Collection[str]) -> Comparison:
    """Return the comparison that finds the days that are named.

    Raises:
        WarehouseError: there is no such source with days, or no such day.
    """
    source = next((one for one in project.with_days if one.name == name), None)
    if source is None:
        known = ", ".join(one.name for one in project.with_days) or "none"
        raise WarehouseError(
            f"There is no source {name} with days.",
            safe="Nothing was run.",
            todo=f"Sources with days are: {known}.",
        )
    calendar = calendar_of(source)
    days = sorted({day for text in named for day in all_days(*calendar.parse_days(text))})
    found = Difference(len(days), True, days)
    return Comparison(source, [], lambda: found)


def run_config(days: Mapping[str, Collection[date]]) -> dict[str, Any]:
    """Return what has the job load these days; without any, what has it compare by itself."""
    named = {
        source: [
            f"{first}" if first == last else f"{first}{SEPARATOR}{last}"
            for first, last in ranges(each)
        ]
        for source, each in days.items()
    }
    return {"resources": {COMPARED: {"config": {"days": named}}}}


def build_refresh(project: Project, naming: Naming) -> dg.JobDefinition:
    """Make the job. It ends with the checks of the assets, as any run that loads them does."""

    @dg.op(
        name=naming.part("load_changed_days"),
        out=dg.Out(dg.Nothing, is_required=False),
        description="Reads days again, into one snapshot, with an event for each day. Those whose "
        "newest update differs are read while MySQL still counts.",
    )
    def load_changed_days(
        context: dg.OpExecutionContext, compared: dg.ResourceParam[list[Comparison]]
    ) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        waiting = [one for one in compared if one.sure or not _agrees(context, one)]
        if not waiting:
            return
        names = ", ".join(one.source.name for one in waiting)
        with step(f"Loading changed days of {names}"):
            yield from _load(context, project, naming, waiting)
        minutes = allowed_minutes(project.sources)
        settings = project.settings
        for name in (one.source.name for one in waiting):
            checks = [check for check in project.checks if check.group == name]
            by_key = check_keys(checks, naming)
            fresh = dg.AssetCheckKey(naming.key(name), FRESH)
            chosen = [*by_key, fresh]
            for result in evaluate(
                context.instance, settings, by_key, minutes, chosen, context.run_id
            ):
                yield _evaluation(context.instance, result)

    @dg.job(
        name=naming.part(REFRESH),
        description="Compares each day of the sources with days with MySQL, and loads those that "
        "differ again: in one run, into one snapshot.",
        resource_defs={COMPARED: build_compared(project)},
    )
    def refresh() -> None:
        load_changed_days()

    return refresh


def _agrees(context: dg.OpExecutionContext, comparison: Comparison) -> bool:
    """Whether nothing differs.

    Raises:
        WarehouseError: the source was never loaded.
    """
    found = comparison.result()
    name = comparison.source.name
    if not found.cached:
        raise WarehouseError(
            f"{name} was never loaded.",
            safe=SAFE,
            todo=f"Load it and what reads it first: `just refresh`, or in the UI `{name}+`.",
        )
    if found.none:
        context.log.info(found.words)
    return found.none


def _load(
    context: dg.OpExecutionContext,
    project: Project,
    naming: Naming,
    comparisons: list[Comparison],
) -> Iterator[dg.AssetMaterialization]:
    """Replace the days that differ, and drop those that are none any more."""
    settings = project.settings
    events: list[dg.AssetMaterialization] = []
    whole = {one.source.name for one in comparisons if _covers_all(one)}
    replacing = [f'{SCHEMA}."{name}"' for name in sorted(whole)]
    names = ", ".join(one.source.name for one in comparisons)
    tables = [one.source.name for one in comparisons]
    with next_snapshot(context, settings, names, tables, replacing, naming.prefix) as connection:
        for comparison in comparisons:
            source = comparison.source
            assert source.days
            loaded: dict[date, dict[str, Any]] = {}
            day_of_row = duckdb_day(quoted(source.days.name), source.days.zone)
            for days in _in_turn(comparison):
                if source.name not in whole:
                    cached_days.remove(connection, source.name, day_of_row, days)
                chosen = Days(source.days.name, tuple(ranges(days)), source.days.zone)
                loaded.update(_read(context, connection, source, project, naming, chosen))
            outside = left_out(comparison.result().outside)
            events += [
                dg.AssetMaterialization(
                    naming.key(source.name),
                    partition=day.isoformat(),
                    metadata={**about, **outside},
                )
                for day, about in loaded.items()
            ]
            cached_days.forget(connection, source.name, day_of_row, *calendar_of(source).span)
            guard_shrink(run_of(context), connection, source)
    yield from events


def _covers_all(comparison: Comparison) -> bool:
    days = comparison.sure or comparison.result().days
    return days == all_days(*calendar_of(comparison.source).span)


def _in_turn(compared: Comparison) -> Iterator[list[date]]:
    """Yield the days that are sure, and then those that MySQL's count adds to them."""
    if compared.sure:
        yield compared.sure
    if more := sorted(set(compared.result().days) - set(compared.sure)):
        yield more


def _read(
    context: dg.OpExecutionContext,
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    project: Project,
    naming: Naming,
    days: Days,
) -> dict[date, dict[str, Any]]:
    """Read some days with one SELECT. Returns what is told of each of them."""
    run = run_of(context)
    extraction = ask(run, source, days)
    views = list(project.views)
    rows_by_day: dict[date, int] = {}
    rows = stream(run, source, views, days, extraction, rows_by_day.update, guarded=False)
    insert(connection, source.name, rows, project.settings.memory_limit)
    about = {
        **origin(extraction, naming),
        **rows.finish(connection),
        "dagster/column_schema": column_schema(connection, source.name),
        "dagster/storage_kind": "duckdb",
    }
    say_loaded(run, source, extraction)
    return {
        day: {**about, "dagster/partition_row_count": count} for day, count in rows_by_day.items()
    }


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
