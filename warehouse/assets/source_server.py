"""Which MySQL: one of the settings, or the embedded sample server."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from warehouse.errors import SAFE, WarehouseError
from warehouse.mysql.url import Server, parse_url
from warehouse.project.source_files import Source
from warehouse.sample.calendar import SampleCalendar, calendar_in
from warehouse.settings import Settings, mysql_setting

if TYPE_CHECKING:
    from warehouse.sample.server import SampleServer

day_before = threading.Event()
"""Set while the embedded sample server is to show its tables as they were a day ago."""


class UnknownServer(WarehouseError):
    """The settings have no URL of a server."""


def server_of(source: Source, say: Callable[[str], None]) -> Server:
    """Find the MySQL that a source reads, see `source_server`.

    Raises:
        WarehouseError: the settings do not know it; names the file.
    """
    try:
        return source_server(source.settings, say, source.server)
    except UnknownServer as error:
        raise WarehouseError(
            f"{source.at(2 - source.line)}: {source.name} is from {source.server}. {error.what}",
            safe=error.safe,
            todo=error.todo,
        ) from None


def source_server(settings: Settings, say: Callable[[str], None], name: str = "") -> Server:
    """Find a MySQL of the settings; the usual one, if not set, is the embedded sample server.

    Args:
        settings: Those of the run.
        say: Told of the sample server when it starts.
        name: Of a further server, which must be set; empty for the usual one.

    Raises:
        UnknownServer: the settings have no URL of it.
        WarehouseError: its URL cannot be read.
    """
    url = settings.mysql_url_of(name)
    if name and url is None:
        raise UnknownServer(
            f"{mysql_setting(name)} is not set.",
            safe=SAFE,
            todo="Set it to the server's URL, in the environment or in .env.",
        )
    if url is not None:
        server = parse_url(url.get_secret_value(), mysql_setting(name), folder=settings.folder)
        return replace(server, label=name)
    starts = _sample.cache_info().misses
    sample = _sample(calendar_in(settings.path.parent))
    sample.database.days_back = int(day_before.is_set())
    server = parse_url(sample.url)
    if _sample.cache_info().misses > starts:
        say(
            "WAREHOUSE_MYSQL_URL is not set: the source is the embedded sample server, which "
            f"speaks MySQL's protocol on port {server.port} over data/*.csv."
        )
    return server


@cache
def _sample(calendar: SampleCalendar | None) -> SampleServer:
    """Run the sample server as long as this process: a run that fails may not come to end it."""
    from warehouse.sample.server import serve

    running = ExitStack()
    atexit.register(running.close)
    return running.enter_context(serve(calendar=calendar))
