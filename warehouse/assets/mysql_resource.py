"""The connection to MySQL as a resource: what Dagster's pages show of it, and a run's sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from warehouse.assets.naming import Naming
from warehouse.assets.side_by_side import Loads
from warehouse.errors import WarehouseError
from warehouse.mysql.url import SETTING, parse_url
from warehouse.settings import Settings

SAMPLE = "the embedded sample server"


def build_mysql(settings: Settings, naming: Naming) -> dg.ResourceDefinition:
    """Make the resource that holds a run's sessions with MySQL.

    It shows which server, database and user, and never a password, which is no part of it. That
    is shown and cannot be chosen: whoever may start a run could have the password sent to a
    server of his own.
    """
    server = shown_server(settings)

    @dg.resource(
        config_schema={
            "server": dg.Field(
                dg.Enum(naming.part("mysql_server"), [dg.EnumValue(server)]),
                default_value=server,
                description="Which MySQL the sources are read from, as which user. The settings "
                "of the project folder say it, and the password: no run can choose another.",
            ),
        },
        description="The sessions with MySQL of one run, which show one instant of it.",
    )
    @contextmanager
    def mysql(_: dg.InitResourceContext) -> Iterator[Loads]:
        loads = Loads()
        try:
            yield loads
        finally:
            loads.close()

    return mysql


def shown_server(settings: Settings) -> str:
    """Return the MySQL of the settings as people know it, without its password."""
    if settings.mysql_url is None:
        return SAMPLE
    try:
        server = parse_url(settings.mysql_url.get_secret_value(), folder=settings.folder)
    except WarehouseError:  # each run tells what is wrong with it
        return f"{SETTING} cannot be read"
    return f"{server.name} ({'no TLS' if server.tls == 'disabled' else f'TLS: {server.tls}'})"
