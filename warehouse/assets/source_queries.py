"""A source on its way to MySQL: its SELECT, the days that it has, the tables that it reads."""

from __future__ import annotations

from warehouse.days.calendar import Calendar
from warehouse.mysql.query import SourceQuery
from warehouse.project.source_files import Source


def query_of(source: Source) -> SourceQuery:
    """Return the SELECT of a source, which knows its file."""
    return SourceQuery(source.name, source.sql, source.facts, source.at)


def calendar_of(source: Source) -> Calendar:
    """Return the days that a source has."""
    assert source.days
    return Calendar(source.start or source.settings.daily_start, source.days.zone)
