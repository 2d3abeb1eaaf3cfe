"""The command that runs the sample source alone."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from warehouse.cli.output import errors_for_people
from warehouse.errors import WarehouseError
from warehouse.sample.calendar import SampleCalendar, calendar_in
from warehouse.settings import find_home, load_settings


@click.command("sample-mysql")
@click.option("--port", default=3307, show_default=True, help="0 takes a free one.")
def sample_mysql(port: int) -> None:
    """Run the sample source alone, and print each query that it is asked."""
    import threading

    from warehouse.sample.server import serve

    def show(query: str) -> None:
        click.echo(f"{datetime.now(UTC):%H:%M:%S}  {' '.join(query.split())}")

    with errors_for_people(), serve(port, on_query=show, calendar=_calendar()) as server:
        click.echo(
            f"A MySQL-protocol server over data/*.csv, until Ctrl-C. In another terminal:\n"
            f"  WAREHOUSE_MYSQL_URL={server.url} just materialize",
            err=True,
        )
        threading.Event().wait()


def _calendar() -> SampleCalendar | None:
    """Return the days that the embedded server of this folder's project shows too."""
    try:
        find_home()
    except WarehouseError:  # it belongs to no project
        return SampleCalendar(datetime.now(UTC).date())
    return calendar_in(load_settings().path.parent)
