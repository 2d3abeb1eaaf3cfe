"""The connection to MySQL as a resource: what Dagster's pages show of it, and a run's sessions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg

from warehouse.assets.naming import Naming
from warehouse.assets.side_by_side import Loads, close_loads, loads_of
from warehouse.errors import WarehouseError
from warehouse.mysql.url import parse_url
from warehouse.project.project import Project
from warehouse.settings import Settings, mysql_setting

SAMPLE = "the embedded sample server"


def build_mysql(project: Project, naming: Naming) -> dg.ResourceDefinition:
    """Make the resource that holds a run's sessions with MySQL.

    It shows which servers, databases and users, and never a password, which is no part of it. That
    is shown and cannot be chosen: whoever may start a run could have the password sent to a
    server of his own.
    """
    names = sorted({source.server for source in project.sources} or {""})
    server = ", ".join(shown_server(project.settings, name) for name in names)

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
    def mysql(context: dg.InitResourceContext) -> Iterator[Loads]:
        run_id = context.run.run_id if context.run else ""
        try:
            yield loads_of(run_id)
        finally:
            close_loads(run_id)
            if project.settings.spark is not None:
                from warehouse.assets.on_spark.lake_run import end_run

                end_run(run_id)

    return mysql


def shown_server(settings: Settings, name: str = "") -> str:
    """Return a MySQL of the settings as people know it, without its password."""
    setting = mysql_setting(name)
    url = settings.mysql_url_of(name)
    if url is None:
        return f"{setting} is not set" if name else SAMPLE
    try:
        server = replace(parse_url(url.get_secret_value(), folder=settings.folder), label=name)
    except WarehouseError:  # each run tells what is wrong with it
        return f"{setting} cannot be read"
    return f"{server.name} ({'no TLS' if server.tls == 'disabled' else f'TLS: {server.tls}'})"
