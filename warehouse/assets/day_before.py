"""The sample's first load: as it was a day ago, so that there is history to look at. No Dagster."""

from __future__ import annotations

from warehouse.assets.source_server import day_before, source_server
from warehouse.console.progress import begin_to_narrate, narrate, stop_narrating
from warehouse.project.project import Project
from warehouse.sample.calendar import calendar_in
from warehouse.store import snapshots


def begin_a_day_ago(project: Project) -> bool:
    """Have the sample show yesterday, if nothing is stored yet and the sample is all that is read.

    Returns:
        Whether it does.
    """
    settings = project.settings
    urls = [settings.mysql_url_of(source.server) for source in project.sources]
    new = urls and not any(urls) and not snapshots.newest(settings.path)
    if new and calendar_in(settings.path.parent):
        day_before.set()
    return day_before.is_set()


def shown() -> bool:
    """Whether the sample shows yesterday."""
    return day_before.is_set()


def announce(project: Project) -> None:
    """Say what is done, where the sample server starts; the load itself is not told."""
    source_server(project.settings, narrate)
    narrate(
        "Nothing is loaded yet: the sample comes first as it was a day ago, then as it is now, so "
        "that `just diff` and `just rollback` have something to work on."
    )
    stop_narrating()


def now() -> None:
    """Have the sample show what there is now, and tell of its load."""
    day_before.clear()
    begin_to_narrate()
