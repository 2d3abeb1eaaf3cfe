"""Which assets and which days a command means."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from datetime import date

import dagster as dg

from warehouse.assets.everything import everything
from warehouse.assets.naming import OWN
from warehouse.assets.source_queries import calendar_of
from warehouse.days.calendar import Calendar
from warehouse.definitions import defs, project
from warehouse.errors import WarehouseError
from warehouse.project.project import Project


def select(
    selection: str | None, defs: dg.Definitions = defs, project: Project = project
) -> list[dg.AssetKey]:
    """Return the assets that a selection means, in Dagster's own selection language.

    Args:
        selection: None for `everything`.
        defs: Where the assets are.
        project: What they were made of.

    Raises:
        WarehouseError: it names what is not there, or the project is empty.
    """
    if not project.sources and not project.views:
        raise WarehouseError(
            "There is nothing to build yet: sql/sources/ holds no file.",
            safe="Nothing was run.",
            todo="`just tables` lists what there is in MySQL, `just add TABLE` writes the file of "
            "a source.",
        )
    graph = defs.resolve_asset_graph()
    wrong = WarehouseError(
        f"{selection} selects no asset.",
        safe="Nothing was run.",
        todo="Write the name of an asset, or an expression such as 'orders_cleaned+' or "
        "'key:orders_summary or key:order_stats'.",
    )
    try:
        chosen = dg.AssetSelection.from_string(selection) if selection else everything(project, OWN)
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


@dataclass(frozen=True)
class Batch:
    """What one run builds.

    Attributes:
        days: The first and the last day of its sources with days; None if it has none.
    """

    keys: list[dg.AssetKey]
    days: tuple[date, date] | None


def batches(
    keys: list[dg.AssetKey], partition: str | None, partition_range: str | None
) -> list[Batch]:
    """Part what is chosen into runs: one run has the same days for all of its sources.

    Sources that begin on other days, or whose days are those of another time zone, come first, in
    runs of their own; the last run builds everything else.

    Args:
        keys: All assets.
        partition: A day.
        partition_range: The first and the last day; without either it is all days of each source.

    Raises:
        WarehouseError: the days mean nothing for what is chosen.
    """
    daily = [source for source in project.with_days if dg.AssetKey(source.name) in keys]
    if not daily and (partition or partition_range):
        known = ", ".join(source.name for source in project.with_days)
        raise WarehouseError(
            "None of the chosen assets has days.",
            safe="Nothing was run.",
            todo=f"Name one that has ({known}), or leave out the days.",
        )
    if partition and partition_range:
        raise WarehouseError("Name one day or a range of days, not both.", safe="Nothing was run.")
    by_calendar: dict[Calendar, list[dg.AssetKey]] = {}
    for source in daily:
        by_calendar.setdefault(calendar_of(source), []).append(dg.AssetKey(source.name))
    runs = [
        Batch(some, _chosen_days(calendar, partition, partition_range))
        for calendar, some in by_calendar.items()
    ]
    *first, last = runs or [Batch([], None)]
    others = [key for key in keys if not any(key in run.keys for run in first)]
    return [*first, replace(last, keys=others)]


def _chosen_days(
    calendar: Calendar, partition: str | None, partition_range: str | None
) -> tuple[date, date]:
    if partition:
        day = calendar.parse_day(partition)
        return day, day
    return calendar.parse_range(partition_range) if partition_range else calendar.span
