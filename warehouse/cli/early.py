"""What `materialize` asks MySQL while Dagster, which takes seconds, is still being imported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from warehouse.assets.begin import Run, begin_together
from warehouse.assets.day_before import announce, begin_a_day_ago
from warehouse.assets.side_by_side import close_loads, loads_of
from warehouse.console.progress import narrate
from warehouse.project.project import Project, load_project
from warehouse.project.source_files import Source


@contextmanager
def begin_early(
    selection: str | None, *, force: bool, keep_going: bool, plan: bool
) -> Iterator[str | None]:
    """Begin the loads of a run, as long as a `with` lasts. Yields the id that the run must have.

    Args:
        selection: That of the run. Dagster reads expressions: only a name tells before it which
            sources are meant, or none, which means all. Otherwise nothing
            begins, and it yields None.
        force: As in the run.
        keep_going: As in the run.
        plan: Whether it may come to nothing: then the sample has no past, which would be published.
    """
    project = load_project()
    if project.settings.spark is not None:  # its executors ask MySQL
        yield None
        return
    a_day_ago = not plan and begin_a_day_ago(project)
    sources = _meant(project, selection)
    if not sources:
        yield None
        return
    run = Run(str(uuid4()), force, keep_going, automatic=False, say=narrate, warn=narrate)
    loads = loads_of(run.run_id)

    def begin() -> None:
        if a_day_ago:
            announce(project)
        begin_together(loads, sources, project, run)

    loads.open_early(begin)
    try:
        yield run.run_id
    finally:
        close_loads(run.run_id)


def _meant(project: Project, selection: str | None) -> list[Source]:
    """Return the sources that a run loads as a whole, in Dagster's order of steps: by name."""
    named = (selection or "").removesuffix("+")
    chosen = [source for source in project.whole if selection is None or source.name == named]
    return sorted(chosen, key=lambda source: source.name)
