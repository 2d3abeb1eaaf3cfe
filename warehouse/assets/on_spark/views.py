"""The views on Spark: they are not written anywhere, so they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from warehouse.assets.opened import opened
from warehouse.console.text import counted
from warehouse.engines.spark.engine import SparkEngine
from warehouse.errors import WarehouseError
from warehouse.project.view_files import View
from warehouse.settings import Settings
from warehouse.store.views import Written


def on_spark(
    settings: Settings, run_id: str, chosen: Iterable[View], say: Callable[[str], None]
) -> Written:
    """See that Spark takes views as they are, without computing a row.

    Returns:
        Those that it does not take, and why.
    """
    with opened(settings, run_id) as engine:
        assert isinstance(engine, SparkEngine)
        failed = {view.name: error for view in chosen if (error := _error_of(engine, view))}
    if failed:
        say(f"{counted(len(failed), 'view')} cannot run on Spark: {', '.join(failed)}.")
    return Written([], failed)


def _error_of(engine: SparkEngine, view: View) -> WarehouseError | None:
    try:
        engine.register([view.name])
    except WarehouseError as error:
        return error
    return None
