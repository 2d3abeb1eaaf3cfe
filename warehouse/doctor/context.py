"""What the checks look at: each thing is asked for once, when the first check wants it."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import Any

from pymysql.connections import Connection

from warehouse.assets.source_server import source
from warehouse.mysql.plan import Plan, make_plan
from warehouse.mysql.session import connect
from warehouse.mysql.url import Server
from warehouse.settings import Settings, load_settings


class Case:
    """The settings, one read-only connection to MySQL, and the plan of a load. A `with` ends it.

    Each may raise a WarehouseError when it is first asked for.
    """

    def __init__(self) -> None:
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
        return source(self.settings, lambda _: None)

    @cached_property
    def connection(self) -> Connection[Any]:
        """A session as a load has it: it only reads, in UTC."""
        budget = self.settings.query_budget_seconds
        return self._open.enter_context(connect(self.server, budget_seconds=budget))

    @cached_property
    def plan(self) -> Plan:
        """What a load would make of the table."""
        return make_plan(self.connection, self.server, self.settings.orders_table)
