"""One run from the command line: narration while it goes, a summary, and Dagster's run history."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import click
import dagster as dg

from warehouse.assets import day_before
from warehouse.assets.everything import ALL
from warehouse.assets.in_process import execute
from warehouse.assets.jobs import COMPARED, REFRESH
from warehouse.assets.opened import newest
from warehouse.assets.refresh import Comparison
from warehouse.assets.run_history import history
from warehouse.assets.source_queries import calendar_of
from warehouse.assets.unexpected import for_people
from warehouse.cli.outcome import failed_checks, raise_failures
from warehouse.cli.selection import batches, select
from warehouse.cli.summary import print_summary
from warehouse.console.text import counted
from warehouse.days.calendar import range_tags
from warehouse.definitions import defs, project
from warehouse.errors import WarehouseError, interrupted
from warehouse.project.check_files import FRESH
from warehouse.settings import load_settings
from warehouse.store.io_manager import FORCE_TAG, KEEP_GOING_TAG
from warehouse.store.run_events import was_stopped


@dataclass(frozen=True)
class Request:
    """What a run is to build.

    Attributes:
        selection: In Dagster's own selection language; None: see `everything`.
        partition: The day, for assets that have days; without it and a range: all days.
        partition_range: The first and the last day.
        force: Publish even a table that lost more rows than allowed, without a view that breaks, or
            with rows that a check of severity block finds.
        keep_going: Publish what could be loaded if a source fails.
        run_id: Of the run, if its loads have begun already.
        plan: Whether it is shown before it is published: the checks then run on what is shown.
    """

    selection: str | None
    partition: str | None = None
    partition_range: str | None = None
    force: bool = False
    keep_going: bool = False
    run_id: str | None = None
    plan: bool = False


def run(request: Request) -> list[dg.AssetCheckEvaluation]:
    """Materialize a selection of the assets and say what came of it.

    Returns:
        The checks that failed in this run; a warning is no failure.

    Raises:
        WarehouseError: the selection names nothing, or the run failed; says why.
        KeyboardInterrupt: somebody stopped it.
    """
    began = time.monotonic()
    settings = load_settings()
    before = newest(settings)
    with history() as instance:
        results = execute_request(instance, request)
        published = newest(settings) != before
        if published or all(result.success for result in results):
            print_summary(results, time.monotonic() - began)
        raise_failures(results, published=published)
        return failed_checks(instance, results)


def execute_request(
    instance: dg.DagsterInstance, request: Request
) -> list[dg.ExecuteInProcessResult]:
    """Materialize a selection of the assets.

    Raises:
        WarehouseError: the selection names nothing, or a run failed and does not keep going.
        KeyboardInterrupt: somebody stopped it.
    """
    keys = select(request.selection)
    runs = batches(keys, request.partition, request.partition_range)
    results = []
    run_id = request.run_id
    if day_before.shown():
        run_id = _load_day_before(instance, keys, request)
    for number, batch in enumerate(runs, 1):
        # What began before Dagster was there belongs to the last run, as all whole sources do.
        begun = run_id if number == len(runs) else None
        try:
            results.append(
                _execute_assets(
                    instance,
                    batch.keys,
                    batch.days,
                    request.force,
                    request.keep_going,
                    begun,
                    checks=_ages(batch.keys) if request.plan else None,
                )
            )
        except WarehouseError as error:
            raise _with_others(error, keys) from None
    return results


def _load_day_before(
    instance: dg.DagsterInstance, keys: list[dg.AssetKey], request: Request
) -> str | None:
    """Load the sample as it was a day ago, without its days, and see to it that today is next.

    Returns:
        The id of the run that is next, if its loads have begun already: they have not any more.
    """
    whole = {source.name for source in project.whole}
    chosen = [key for key in keys if key in select(None)]
    if not any(key.to_user_string() in whole for key in chosen):
        day_before.now()
        return request.run_id
    if request.run_id is None:
        day_before.announce(project)
    try:
        _execute_assets(
            instance,
            chosen,
            None,
            request.force,
            request.keep_going,
            request.run_id,
            checks=(),
        )
    except WarehouseError as error:
        raise _with_others(error, keys) from None
    finally:
        day_before.now()
    return None


def _with_others(error: WarehouseError, keys: list[dg.AssetKey]) -> WarehouseError:
    """Say of a failed load that the others are not published, either."""
    sources = [one.name for one in project.whole if dg.AssetKey(one.name) in keys]
    if len(sources) < 2 or project.settings.spark is not None:  # whose views come later
        return error
    return WarehouseError(
        error.what,
        safe=f"{error.safe} Of {', '.join(sources)} none is published: they show one instant.",
        todo=f"{error.todo} --keep-going publishes what can be loaded.",
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
        print_summary(results, time.monotonic() - began, "MySQL was asked for no rows")
        return failed_checks(instance, results)


def _ages(keys: Iterable[dg.AssetKey]) -> list[dg.AssetCheckKey]:
    """Return the checks on the age of the sources among these assets."""
    sources = {dg.AssetKey(source.name) for source in project.sources}
    return [dg.AssetCheckKey(key, FRESH) for key in keys if key in sources]


def _execute_assets(
    instance: dg.DagsterInstance,
    keys: list[dg.AssetKey],
    days: tuple[date, date] | None,
    force: bool,
    keep_going: bool = False,
    run_id: str | None = None,
    *,
    checks: Collection[dg.AssetCheckKey] | None = None,
) -> dg.ExecuteInProcessResult:
    tags = {
        **(range_tags(*days) if days else {}),
        **({KEEP_GOING_TAG: "true"} if keep_going else {}),
    }
    every = defs.resolve_job_def(ALL)
    if {*keys} == every.asset_layer.selected_asset_keys:
        chosen = [] if checks is None else keys
        return _execute(
            instance, every, force, keys=chosen, checks=checks, tags=tags, run_id=run_id
        )
    job = defs.resolve_implicit_global_asset_job_def()
    return _execute(instance, job, force, keys=keys, checks=checks, tags=tags, run_id=run_id)


def _execute(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    force: bool,
    *,
    resources: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    keys: Collection[dg.AssetKey] = (),
    checks: Collection[dg.AssetCheckKey] | None = None,
    run_id: str | None = None,
) -> dg.ExecuteInProcessResult:
    """Run once, in this process.

    Raises:
        WarehouseError: the run failed.
        KeyboardInterrupt: somebody stopped it.
    """
    try:
        result = execute(
            instance,
            job,
            keys=keys,
            checks=checks,
            resources=resources,
            run_id=run_id,
            tags={**(tags or {}), **({FORCE_TAG: "true"} if force else {})},
            raise_on_error=KEEP_GOING_TAG not in (tags or {}),
        )
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        raise KeyboardInterrupt from None
    except Exception as error:
        if interrupted(error):
            raise KeyboardInterrupt from None
        raise for_people("The run", error) from None
    if any(map(was_stopped, result.filter_events(lambda event: event.is_step_failure))):
        raise KeyboardInterrupt  # a run that keeps going tells no other way
    return result
