"""A source on its way to MySQL: its SELECT, the days that it has, the tables that it reads."""

from __future__ import annotations

from warehouse.days.calendar import Calendar
from warehouse.mysql.query import SourceQuery
from warehouse.project.source_files import Source
from warehouse.sample.calendar import first_day_in


def query_of(source: Source) -> SourceQuery:
    """Return the SELECT of a source, which knows its file."""
    return SourceQuery(source.name, source.sql, source.facts, source.at)


def calendar_of(source: Source) -> Calendar:
    """Return the days that a source has.

    Those of the embedded sample, whose days move, begin with its first one where nobody says
    another: each day costs a little, and those before it are empty.
    """
    assert source.days
    settings = source.settings
    sample = settings.mysql_url_of(source.server) is None
    said = source.start or "daily_start" in settings.model_fields_set
    start = first_day_in(settings.path.parent) if sample and not said else settings.daily_start
    return Calendar(source.start or start, source.days.zone)
