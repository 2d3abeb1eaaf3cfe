"""Which MySQL: that of the settings, or the embedded sample server."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache

from warehouse.mysql.url import Server, parse_url
from warehouse.settings import Settings


def source_server(settings: Settings, say: Callable[[str], None]) -> Server:
    """Find the MySQL of the settings; with none set, it is the embedded sample server.

    Args:
        settings: Those of the run.
        say: Told of the sample server when it starts.
    """
    if settings.mysql_url is not None:
        return parse_url(settings.mysql_url.get_secret_value(), folder=settings.folder)
    starts = not _sample.cache_info().currsize
    server = _sample()
    if starts:
        say(
            "WAREHOUSE_MYSQL_URL is not set: the source is the embedded sample server, which "
            f"speaks MySQL's protocol on port {server.port} over data/*.csv."
        )
    return server


@cache
def _sample() -> Server:
    """Run the sample server as long as this process: a run that fails may not come to end it."""
    from warehouse.sample.server import serve

    running = ExitStack()
    atexit.register(running.close)
    return parse_url(running.enter_context(serve()).url)
