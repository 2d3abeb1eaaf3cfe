"""What the checks look at: each thing is asked for once, when the first check wants it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from pymysql.connections import Connection

from warehouse.assets.source_queries import query_of
from warehouse.assets.source_server import server_of, source_server
from warehouse.errors import WarehouseError
from warehouse.mysql.plan import Plan, make_plan
from warehouse.mysql.session import connect
from warehouse.mysql.url import Server
from warehouse.project.project import Project, load_project
from warehouse.project.source_files import Source
from warehouse.settings import Settings, load_settings


class Case:
    """The settings, one read-only connection to MySQL, and the plan of a load. A `with` ends it.

    Each may raise a WarehouseError when it is first asked for.
    """

    def __init__(self, server: str = "") -> None:
        """Look at a server by its name in source files; the usual one has none."""
        self._name = server
        self._others: dict[str, Case] = {}
        self._open = ExitStack()

    def __enter__(self) -> Case:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def settings(self) -> Settings:
        """The settings as a load would read them."""
        return load_settings()

    @cached_property
    def server(self) -> Server:
        """The MySQL of the settings, or the sample server."""
        return source_server(self.settings, lambda _: None, self._name)

    def at(self, server: str) -> Case:
        """Return the same with the connection to another server."""
        if server == self._name:
            return self
        if server not in self._others:
            self._others[server] = self._open.enter_context(Case(server))
        return self._others[server]

    @property
    def servers(self) -> list[str]:
        """The names of the servers that are read; the usual one, which has none, comes first."""
        try:
            return sorted({source.server for source in self.project.sources}) or [""]
        except WarehouseError:  # the check of the sources tells
            return [""]

    @cached_property
    def connection(self) -> Connection[Any]:
        """A session as a load has it: it only reads, in UTC."""
        budget = self.settings.query_budget_seconds
        return self._open.enter_context(connect(self.server, budget_seconds=budget))

    @cached_property
    def project(self) -> Project:
        """The files of the project."""
        return load_project()

    @cached_property
    def plans(self) -> dict[str, Plan | WarehouseError]:
        """What a load would make of each source, or why there would be none."""
        plans: dict[str, Plan | WarehouseError] = {}
        for source in self.project.sources:
            try:
                server_of(source, lambda _: None)
                there = self.at(source.server)
                plans[source.name] = make_plan(there.connection, there.server, query_of(source))
            except WarehouseError as error:
                plans[source.name] = error
        return plans

    @property
    def planned(self) -> Iterator[tuple[Source, Plan]]:
        """The sources that can be loaded."""
        for source in self.project.sources:
            plan = self.plans[source.name]
            if isinstance(plan, Plan):
                yield source, plan
