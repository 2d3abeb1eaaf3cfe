"""The command `report`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from warehouse.cli.output import errors_for_people, only_in_duckdb
from warehouse.console.terminal import say
from warehouse.errors import WarehouseError
from warehouse.settings import Settings, load_settings

NEEDED = {"nbformat", "nbclient", "nbconvert", "ipykernel", "matplotlib"}


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="Write the page to this file.",
)
def report(file: Path | None, output: Path) -> None:
    """Write a page to look at, from FILE: a notebook, or Markdown with queries in it.

    \b
      warehouse report
      warehouse report notebooks/report.md --output monday.html

    FILE is run from top to bottom on the newest snapshot; without FILE notebooks/report.md is, or
    else the first notebook there. The page is one HTML file that asks nobody for anything: plots
    are pictures in it, queries and code are folded away, and its end says when each source was
    loaded, and from which server. Its colours are light or dark, as its reader's are.

    In Markdown a block of ```sql is run. What may stand behind the word:

    \b
      ```sql                    the rows as a table
      ```sql revenue            the same, and Python blocks know the rows as revenue
      ```sql show=line          a plot over the first column: line, area, bar, barh
      ```sql revenue show=nothing

    A block of ```python is run, too: draw with matplotlib what these do not.
    """
    with errors_for_people():
        settings = load_settings()
        only_in_duckdb(settings, "report")
        _report(settings, file, output)


def _report(settings: Settings, file: Path | None, output: Path) -> None:
    from warehouse.serve.output import whole_file

    try:
        from warehouse.report import execution, page
        from warehouse.report.origin import read_origins
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        raise WarehouseError(
            f"A report needs {error.name}, which is not installed.",
            todo="`just report` installs it. Without just: pip install 'warehouse[notebook]'.",
        ) from None
    chosen = file or _usual(settings)
    written = datetime.now(UTC)
    (newest,) = read_origins(settings.path, ())
    notebook = execution.read(chosen)
    say(f"Running {chosen} on snapshot {newest.number} ...")
    opened = execution.execute(notebook, chosen)
    if len(opened) > 1:
        say(f"The page shows the snapshots {', '.join(map(str, opened))}, as its end says.")
    origins = read_origins(settings.path, opened)
    text = page.render(notebook, page.Report(chosen, origins, written))
    with whole_file(output) as part:
        part.write_text(text, encoding="utf-8")
    say(f"{len(text.encode()) / 1e3:,.0f} kB that need nothing from outside.")
    click.echo(str(output))


def _usual(settings: Settings) -> Path:
    folder = settings.folder / "notebooks"
    found = [*folder.glob("report.md"), *sorted(folder.glob("*.ipynb"))]
    if not found:
        raise WarehouseError(f"There is no report in {folder}.", todo="Name a file.")
    return found[0]
