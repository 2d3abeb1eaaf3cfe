"""All that a user wrote: source, view and check files, read once and checked against each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from keyword import kwlist
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.project.check_files import load_checks
from warehouse.project.source_files import FOLDER, Source, load_sources
from warehouse.project.view_files import View, load_views, shown
from warehouse.settings import PACKAGE, Settings, load_settings

BOOKKEEPING = ("loads", "cached_days", "snapshots")
"""The tables that the warehouse keeps beside those of the sources; views and checks may read them.
"""


RESERVED = frozenset(
    [
        *("arg_dict", "bool", "conf", "config", "context", "dict", "float", "input"),
        *("input_arg_dict", "int", "meta", "output", "output_arg_dict", "str", "type"),
        *("checks", "views"),
        *(word.lower() for word in kwlist),
    ]
)
"""What no asset can be called: Dagster's own words, Python's, and the names of our two steps."""


@dataclass(frozen=True)
class Project:
    """The files of a project.

    Attributes:
        home: Its folder; None for the repository.
        sources: In the order of their names.
        views: In an order in which they can be created.
        checks: Each with the asset that it checks as its group.
    """

    home: Path | None
    sources: tuple[Source, ...]
    views: tuple[View, ...]
    checks: tuple[View, ...]

    @property
    def settings(self) -> Settings:
        """Its settings, read now: those of the environment, and of the folder's `.env`."""
        return load_settings(self.home)

    @cached_property
    def by_name(self) -> Mapping[str, Source]:
        """The sources by their names."""
        return {source.name: source for source in self.sources}

    @property
    def with_days(self) -> list[Source]:
        """The sources that are partitioned by day."""
        return [source for source in self.sources if source.days]

    @property
    def whole(self) -> list[Source]:
        """The sources that are loaded as a whole."""
        return [source for source in self.sources if not source.days]


def load_project(home: Path | None = None) -> Project:
    """Read all files.

    Args:
        home: The folder that holds `sql/` and `checks/`; None to find it, as the settings do.
            Where there is none it is the repository: the sample's files, in this package.

    Raises:
        WarehouseError: a file is wrong, or two do not fit together; names file and line.
    """
    home = load_settings(home).home
    root = home or PACKAGE
    sql, checks = root / "sql", root / "checks"
    if not sql.is_dir():
        raise WarehouseError(
            f"There is no folder {sql}.",
            todo="Correct WAREHOUSE_HOME: it names the folder that holds sql/ and checks/.",
        )
    sources = [replace(source, home=home) for source in load_sources(sql / FOLDER)]
    names = [source.name for source in sources]
    _check_names(sources, ())
    views = load_views((*names, *BOOKKEEPING), sql)
    _check_names(sources, views)
    assets = {*names, *(view.name for view in views)}
    found = load_checks(assets, {*assets, *BOOKKEEPING}, checks)
    return Project(home, tuple(sources), tuple(views), tuple(found))


def _check_names(sources: Collection[Source], views: Collection[View]) -> None:
    """See that each name is free, as DuckDB sees it: whatever its case."""
    taken = dict.fromkeys(BOOKKEEPING, "a table that the warehouse keeps")
    taken |= dict.fromkeys(RESERVED, "something else in Dagster")
    files = [source.file for source in sources] + [view.file for view in views]
    for name, place in ((file.stem, f"{shown(file)}:1") for file in files):
        if owner := taken.get(name.lower()):
            raise WarehouseError(
                f"{place}: {name} is the name of {owner} already.", todo="Rename the file."
            )
        taken[name.lower()] = place
