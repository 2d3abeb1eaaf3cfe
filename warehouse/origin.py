"""Which MySQL: that of the settings, or the embedded sample server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from warehouse.mysql.url import Server, parse_url
from warehouse.settings import Settings


@contextmanager
def source(settings: Settings, say: Callable[[str], None]) -> Iterator[Server]:
    """Find the MySQL of the settings; with none set, run the embedded sample server."""
    if settings.mysql_url is not None:
        yield parse_url(settings.mysql_url.get_secret_value())
        return
    from warehouse.sample.server import serve

    with serve() as sample:
        say(
            "WAREHOUSE_MYSQL_URL is not set: the source is the embedded sample server, which "
            f"speaks MySQL's protocol on port {sample.port} over data/orders.csv."
        )
        yield parse_url(sample.url)
