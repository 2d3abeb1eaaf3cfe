"""What a run prints at its end: what was built, what MySQL was asked, and where to look next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import dagster as dg

from warehouse.assets.opened import newest
from warehouse.console.columns import Heading, print_table
from warehouse.console.terminal import QUIET
from warehouse.console.text import counted
from warehouse.definitions import project
from warehouse.settings import load_settings

HEADINGS = (
    Heading("asset", least=20),
    Heading("rows", right=True),
    Heading("seconds", right=True),
    Heading("", style=lambda _: QUIET),
)


def print_summary(
    results: list[dg.ExecuteInProcessResult], seconds: float, no_rows: str = "MySQL was not asked"
) -> None:
    """Print what was built, what MySQL was asked, and where to look next."""
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
    if built:
        print_table(HEADINGS, [_line(name, events) for name, events in built.items()])
    snapshot = newest(load_settings())
    assert snapshot is not None
    answer = {0: no_rows, 1: "MySQL was asked for the rows once"}.get(
        selects, f"MySQL was asked for rows {selects} times"
    )
    _say_checks([e for result in results for e in result.get_asset_check_evaluations()])
    click.echo(
        f"\n{counted(len(built), 'asset')} in {seconds:.1f} s. {answer}.\n"
        f"{snapshot.place}: snapshot {snapshot.number}, {snapshot.bytes / 1e6:.1f} MB.\n"
        f'Look next: just sql "from {_newest(built)}" · just status · just dev'
    )


def _newest(built: Mapping[str, object]) -> str:
    """Return what is worth a look: the last view that was built, or else the last table."""
    views = [view.name for view in project.views if view.name in built]
    return (views or list(built) or ["loads"])[-1]


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
