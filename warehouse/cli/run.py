"""One run from the command line: narration while it goes, a summary, and Dagster's run history."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from datetime import date
from typing import Any

import click
import dagster as dg

from warehouse.assets.jobs import COMPARED, REFRESH
from warehouse.assets.refresh import Comparison
from warehouse.assets.run_history import history
from warehouse.assets.source_queries import calendar_of
from warehouse.assets.unexpected import for_people
from warehouse.console import progress
from warehouse.console.text import counted
from warehouse.days.calendar import range_tags
from warehouse.definitions import defs, project
from warehouse.errors import WarehouseError
from warehouse.project.project import Project
from warehouse.settings import ROOT, load_settings
from warehouse.store import snapshots
from warehouse.store.io_manager import FORCE_TAG, KEEP_GOING_TAG


def run(
    selection: str | None,
    *,
    partition: str | None = None,
    partition_range: str | None = None,
    force: bool = False,
    keep_going: bool = False,
) -> list[dg.AssetCheckEvaluation]:
    """Materialize a selection of the assets (None: see `everything`) and say what came of it.

    Args:
        selection: In Dagster's own selection language.
        partition: The day, for assets that have days; without it and a range: all days.
        partition_range: The first and the last day.
        force: Publish even a table that lost more rows than allowed, or without a view that breaks.
        keep_going: Publish what could be loaded if a source fails.

    Returns:
        The checks of severity error that failed in this run.

    Raises:
        WarehouseError: the selection names nothing, or the run failed; says why.
        KeyboardInterrupt: somebody stopped it.
    """
    began = time.monotonic()
    keys = select(selection)
    days = _days(keys, partition, partition_range)
    progress.begin_to_narrate()
    with history() as instance:
        try:
            result = _execute_assets(instance, keys, days, force, keep_going)
        except WarehouseError as error:
            raise _with_others(error, keys) from None
        _summary([result], time.monotonic() - began)
        _raise_failures(result)
    return _failed(result)


def _with_others(error: WarehouseError, keys: list[dg.AssetKey]) -> WarehouseError:
    """Say of a failed load that the others are not published, either."""
    sources = [one.name for one in project.whole if dg.AssetKey(one.name) in keys]
    if len(sources) < 2:
        return error
    return WarehouseError(
        error.what,
        safe=f"{error.safe} Of {', '.join(sources)} none is published: they show one instant.",
        todo=f"{error.todo} --keep-going publishes what can be loaded.",
    )


def _raise_failures(result: dg.ExecuteInProcessResult) -> None:
    """Tell what failed in a run that went on.

    Raises:
        WarehouseError: something did.
    """
    texts: list[str] = []
    for event in result.filter_events(lambda event: event.is_step_failure):
        cause = event.step_failure_data.error
        while cause is not None and cause.cls_name != WarehouseError.__name__:
            cause = cause.cause
        text = cause.message.partition(": ")[2].strip() if cause else "see the run's page"
        texts.append(f"{event.step_key}: {text}")
    if texts:
        raise WarehouseError(
            "\n".join(texts),
            safe="Everything else is published.",
            todo="Correct it, and run again.",
        )


def load_changed(
    compared: list[Comparison], began: float, *, force: bool = False
) -> list[dg.AssetCheckEvaluation]:
    """Load those days again that differ from MySQL.

    Args:
        compared: The comparisons, which may still go on.
        began: When the refresh began, by the monotonic clock.
        force: As in `run`.

    Returns:
        As `run`.

    Raises:
        WarehouseError: the load failed.
        KeyboardInterrupt: somebody stopped it.
    """
    results: list[dg.ExecuteInProcessResult] = []
    with history() as instance:
        known = [one for one in compared if one.sure or one.result().cached]
        if known:
            job = defs.resolve_job_def(REFRESH)
            results.append(_execute(instance, job, force, resources={COMPARED: known}))
        for one in compared:
            if one not in known:  # the first time, what reads it is written too
                keys = select(f"{one.source.name}+")
                days = calendar_of(one.source).span
                results.append(_execute_assets(instance, keys, days, force))
        for one in compared:
            if gone := one.result().gone:
                click.echo(f"{counted(len(gone), 'day')} dropped: before the first day.")
        _summary(results, time.monotonic() - began, "MySQL was asked for no rows")
    return [check for result in results for check in _failed(result)]


def _failed(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    """Return the checks of severity error that failed in a run: a warning is no failure."""
    return [
        check
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]


def _execute_assets(
    instance: dg.DagsterInstance,
    keys: list[dg.AssetKey],
    days: tuple[date, date] | None,
    force: bool,
    keep_going: bool = False,
) -> dg.ExecuteInProcessResult:
    tags = {
        **(range_tags(*days) if days else {}),
        **({KEEP_GOING_TAG: "true"} if keep_going else {}),
    }
    return _execute(
        instance,
        defs.resolve_implicit_global_asset_job_def(),
        force,
        asset_selection=keys,
        tags=tags,
    )


def _execute(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    force: bool,
    *,
    resources: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    asset_selection: list[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run once, in this process."""
    try:
        return job.execute_in_process(
            instance=instance,
            asset_selection=asset_selection,
            resources=resources,
            run_config={"loggers": {"narration": {}}},
            tags={**(tags or {}), **({FORCE_TAG: "true"} if force else {})},
            raise_on_error=KEEP_GOING_TAG not in (tags or {}),
        )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        raise KeyboardInterrupt from None
    except Exception as error:
        raise for_people("The run", error) from None


def everything(project: Project) -> dg.AssetSelection:
    """Return what is built when nothing is named: what the SELECTs of whole tables can build.

    Loading the sources with days as well would ask MySQL for the same rows twice; the views that
    read one are built as soon as it is there.
    """
    path = load_settings().path
    chosen: dg.AssetSelection = dg.AssetSelection.all()
    for source in project.with_days:
        daily = dg.AssetSelection.assets(source.name)
        chosen = chosen - daily
        if not snapshots.newest(path):
            chosen = chosen - daily.downstream()
            continue
        with snapshots.read(path) as connection:
            if not snapshots.has_table(connection, source.name):
                chosen = chosen - daily.downstream()
    return chosen


def _days(
    keys: list[dg.AssetKey], partition: str | None, partition_range: str | None
) -> tuple[date, date] | None:
    """Return the first and the last day to load, or None if nothing chosen has days."""
    daily = [source for source in project.with_days if dg.AssetKey(source.name) in keys]
    names = ", ".join(source.name for source in daily)
    if not daily:
        if partition or partition_range:
            known = ", ".join(source.name for source in project.with_days)
            raise WarehouseError(
                "None of the chosen assets has days.",
                safe="Nothing was run.",
                todo=f"Name one that has ({known}), or leave out the days.",
            )
        return None
    if len({calendar_of(source) for source in daily}) > 1:
        raise WarehouseError(
            f"{names} do not have the same days.",
            safe="Nothing was run.",
            todo="Load them one after the other.",
        )
    if partition and partition_range:
        raise WarehouseError("Name one day or a range of days, not both.", safe="Nothing was run.")
    calendar = calendar_of(daily[0])
    if partition:
        day = calendar.parse_day(partition)
        return day, day
    return calendar.parse_range(partition_range) if partition_range else calendar.span


def select(
    selection: str | None, defs: dg.Definitions = defs, project: Project = project
) -> list[dg.AssetKey]:
    """Return the assets that a selection means, in Dagster's own selection language.

    Args:
        selection: None for `everything`.
        defs: Where the assets are.
        project: What they were made of.

    Raises:
        WarehouseError: it names what is not there.
    """
    graph = defs.resolve_asset_graph()
    wrong = WarehouseError(
        f"{selection} selects no asset.",
        safe="Nothing was run.",
        todo="Write the name of an asset, or an expression such as 'orders_cleaned+' or "
        "'key:orders_summary or key:order_stats'.",
    )
    try:
        chosen = dg.AssetSelection.from_string(selection) if selection else everything(project)
        if keys := sorted(chosen.resolve(graph)):
            return keys
        raise wrong
    except dg.DagsterInvalidSubsetError:
        known = sorted(key.to_user_string() for key in graph.get_all_asset_keys())
        close = difflib.get_close_matches(str(selection), known, n=1)
        hint = f"Did you mean {close[0]}? " if close else ""
        raise WarehouseError(
            f"There is no asset {selection}.",
            safe="Nothing was run.",
            todo=f"{hint}Known are {', '.join(known)}.",
        ) from None
    except dg.DagsterError:  # it is no expression
        raise wrong from None


def _summary(
    results: list[dg.ExecuteInProcessResult], seconds: float, no_rows: str = "MySQL was not asked"
) -> None:
    """Print what was built, what MySQL was asked, and where to look next."""
    rows = [("asset", "rows", "seconds", "")]
    built: dict[str, list[dict[str, Any]]] = {}
    for event in [e for result in results for e in result.get_asset_materialization_events()]:
        metadata: dict[str, Any] = {
            key: value.value
            for key, value in event.step_materialization_data.materialization.metadata.items()
        }
        name = event.asset_key.to_user_string() if event.asset_key else ""
        built.setdefault(name, []).append(metadata)
    loads = [load for events in built.values() for load in _loads(events)]
    selects = sum(load.get("select_statements", 0) for load in loads)
    rows += [_line(name, events) for name, events in built.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for asset, count, took, what in rows if built else []:
        line = f"{asset:<{widths[0]}}  {count:>{widths[1]}}  {took:>{widths[2]}}  {what}"
        click.echo(line.rstrip())
    settings = load_settings()
    snapshot = snapshots.newest(settings.path)
    assert snapshot is not None
    size = snapshot.file.stat().st_size
    shown = settings.path.relative_to(ROOT) if settings.path.is_relative_to(ROOT) else settings.path
    answer = {0: no_rows, 1: "MySQL was asked for the rows once"}.get(
        selects, f"MySQL was asked for rows {selects} times"
    )
    _say_checks([e for result in results for e in result.get_asset_check_evaluations()])
    click.echo(
        f"\n{counted(len(built), 'asset')} in {seconds:.1f} s. {answer}.\n"
        f"{shown}: snapshot {snapshot.number}, {size / 1e6:.1f} MB.\n"
        f'Look next: just sql "from order_stats" · just status · just dev'
    )


def _loads(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an event of each load: all days that one query brought tell the same of it."""
    return list({event.get("query"): event for event in events}.values())


def _say_checks(evaluations: list[dg.AssetCheckEvaluation]) -> None:
    """Print how many checks passed, and each that did not."""
    failed = [check for check in evaluations if not check.passed]
    if not evaluations:
        return
    click.echo(f"\n{len(evaluations) - len(failed)} of {len(evaluations)} checks passed.")
    for check in failed:
        click.echo(
            f"{check.severity.value}: {check.asset_key.to_user_string()}, {check.check_name}: "
            f"{check.description}"
        )


def _line(name: str, events: list[dict[str, Any]]) -> tuple[str, str, str, str]:
    """Return an asset's line; one with days has an event for each of them."""
    if "written" in events[0]:
        count = events[0].get("dagster/row_count")  # not in time, if it takes long
        rows = "" if count is None else f"{count:,}"
        return name, rows, "", "view, written" if events[0]["written"] else "view, up to date"
    counts = [
        event[key]
        for event in events
        for key in ("dagster/row_count", "dagster/partition_row_count")
        if key in event
    ]
    if not counts:  # a Python object, kept by pickle_cache
        return name, "", "", ""
    seconds = sum(load.get("seconds", 0.0) for load in _loads(events))
    source = project.by_name.get(name)
    days = f", {counted(len(events), 'day')}" * bool(source and source.days)
    return name, f"{sum(counts):,}", f"{seconds:.1f}", f"table{days}"
