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
from warehouse.assets.load import FORCE_TAG
from warehouse.assets.refresh import Comparison
from warehouse.assets.run_history import history
from warehouse.assets.tables import ORDERS_DAILY
from warehouse.assets.unexpected import for_people
from warehouse.console import progress
from warehouse.console.text import counted
from warehouse.days.calendar import parse_day, parse_range, range_tags, span
from warehouse.definitions import defs
from warehouse.errors import WarehouseError
from warehouse.settings import ROOT, load_settings
from warehouse.store import snapshots


def run(
    selection: str | None,
    *,
    partition: str | None = None,
    partition_range: str | None = None,
    force: bool = False,
) -> list[dg.AssetCheckEvaluation]:
    """Materialize a selection of the assets (None: see `everything`) and say what came of it.

    Args:
        selection: In Dagster's own selection language.
        partition: The day, for assets that have days; without it and a range: all days.
        partition_range: The first and the last day.
        force: Publish even a table that lost more rows than allowed.

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
        result = _execute_assets(instance, keys, days, force)
        _summary(result, time.monotonic() - began)
    return _failed(result)


def load_changed(
    compared: Comparison, began: float, *, force: bool = False
) -> list[dg.AssetCheckEvaluation]:
    """Load those days again that differ from MySQL.

    Args:
        compared: The comparison, which may still go on.
        began: When the refresh began, by the monotonic clock.
        force: As in `run`.

    Returns:
        As `run`.

    Raises:
        WarehouseError: the load failed.
        KeyboardInterrupt: somebody stopped it.
    """
    with history() as instance:
        if compared.sure or compared.result().cached:
            job = defs.resolve_job_def(REFRESH)
            result = _execute(instance, job, force, resources={COMPARED: compared})
        else:  # the first time, what reads it is written too
            result = _execute_assets(instance, select(f"{ORDERS_DAILY}+"), span(), force)
        found = compared.result()
        if found.gone:
            click.echo(f"{counted(len(found.gone), 'day')} dropped: before WAREHOUSE_DAILY_START.")
        _summary(result, time.monotonic() - began, "MySQL was asked for no rows")
    return _failed(result)


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
) -> dg.ExecuteInProcessResult:
    return _execute(
        instance,
        defs.resolve_implicit_global_asset_job_def(),
        force,
        asset_selection=keys,
        tags=range_tags(*days) if days else {},
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
        )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        raise KeyboardInterrupt from None
    except Exception as error:
        raise for_people("The run", error) from None


def everything() -> dg.AssetSelection:
    """Return what is built when nothing is named: what one SELECT of the whole table can build.

    Loading `mysql_orders_daily` as well would ask MySQL for the same rows twice; the views that
    read it are built as soon as it is there.
    """
    path = load_settings().path
    daily = dg.AssetSelection.assets(ORDERS_DAILY)
    if snapshots.newest(path):
        with snapshots.read(path) as connection:
            if snapshots.count(connection, ORDERS_DAILY):
                return dg.AssetSelection.all() - daily
    return dg.AssetSelection.all() - daily.downstream()


def _days(
    keys: list[dg.AssetKey], partition: str | None, partition_range: str | None
) -> tuple[date, date] | None:
    """Return the first and the last day to load, or None if nothing chosen has days."""
    if dg.AssetKey(ORDERS_DAILY) not in keys:
        if partition or partition_range:
            raise WarehouseError(
                "None of the chosen assets has days.",
                safe="Nothing was run.",
                todo=f"Name {ORDERS_DAILY}, or leave out the days.",
            )
        return None
    if partition and partition_range:
        raise WarehouseError("Name one day or a range of days, not both.", safe="Nothing was run.")
    if partition:
        day = parse_day(partition)
        return day, day
    return parse_range(partition_range) if partition_range else span()


def select(selection: str | None) -> list[dg.AssetKey]:
    """Return the assets that a selection means, in Dagster's own selection language.

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
        chosen = dg.AssetSelection.from_string(selection) if selection else everything()
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
    result: dg.ExecuteInProcessResult, seconds: float, no_rows: str = "MySQL was not asked"
) -> None:
    """Print what was built, what MySQL was asked, and where to look next."""
    rows = [("asset", "rows", "seconds", "")]
    built: dict[str, list[dict[str, Any]]] = {}
    for event in result.get_asset_materialization_events():
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
    _say_checks(result)
    click.echo(
        f"\n{counted(len(built), 'asset')} in {seconds:.1f} s. {answer}.\n"
        f"{shown}: snapshot {snapshot.number}, {size / 1e6:.1f} MB.\n"
        f'Look next: just sql "from order_stats" · just status · just dev'
    )


def _loads(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an event of each load: all days that one query brought tell the same of it."""
    return list({event.get("query"): event for event in events}.values())


def _say_checks(result: dg.ExecuteInProcessResult) -> None:
    """Print how many checks passed, and each that did not."""
    evaluations = result.get_asset_check_evaluations()
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
    days = f", {counted(len(events), 'day')}" * (name == ORDERS_DAILY)
    return name, f"{sum(counts):,}", f"{seconds:.1f}", f"table{days}"
