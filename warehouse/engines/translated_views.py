"""The views and checks of a project for Spark, each with the columns of the views before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from warehouse.engines.refusal import Refused
from warehouse.engines.spark.translate import Translated, translate
from warehouse.project.project import BOOKKEEPING
from warehouse.project.view_files import View

Tables = Mapping[str, Mapping[str, str]]
"""Tables and views: their columns and DuckDB types."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        view: The view or check.
        translated: Its SELECT for Spark; None if it is refused.
        refused: Why it is.
    """

    view: View
    translated: Translated | None = None
    refused: Refused | None = None


def translate_views(views: Iterable[View], tables: Tables) -> dict[str, Outcome]:
    """Translate views in an order in which they can be created.

    A view that reads a refused one is refused, too.

    Args:
        views: In that order, as `Project.views`.
        tables: The tables, without the views.

    Returns:
        By the name of the view.
    """
    known = dict(tables)
    outcomes: dict[str, Outcome] = {}
    for view in views:
        outcome = _translate(view, known, outcomes)
        outcomes[view.name] = outcome
        if outcome.translated:
            known[view.name] = dict(outcome.translated.columns)
    return outcomes


def translate_checks(
    checks: Iterable[View], tables: Tables, views: Mapping[str, Outcome]
) -> Iterator[Outcome]:
    """Translate checks, after the views that they may read.

    Args:
        checks: As `Project.checks`.
        tables: The tables, without the views.
        views: What became of the views.
    """
    known = dict(tables)
    for name, outcome in views.items():
        if outcome.translated:
            known[name] = dict(outcome.translated.columns)
    for check in checks:
        yield _translate(check, known, views)


def _translate(view: View, tables: Tables, views: Mapping[str, Outcome]) -> Outcome:
    for name in sorted(view.reads):
        if name in views and views[name].refused:
            why = f"it reads {name}, which is refused."
            return Outcome(view, refused=Refused(view.at(1), "", why, f"Correct {name} first."))
        if name not in tables:
            why = f"it reads {name}, which the warehouse does not hold yet."
            todo = (
                "It comes with the first load."
                if name in BOOKKEEPING
                else f"Build it with `just materialize {name}`."
            )
            return Outcome(view, refused=Refused(view.at(1), "", why, todo))
    read = {name: tables[name] for name in view.reads}  # to bind among all takes as much longer
    try:
        return Outcome(view, translate(view.sql, read, view.at))
    except Refused as refused:
        return Outcome(view, refused=refused)
