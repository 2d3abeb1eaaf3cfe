"""What all commands share: errors for people, and tables on a terminal or in a pipe."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click
import duckdb

from warehouse.cli.exit_codes import ExitCode
from warehouse.errors import WarehouseError
from warehouse.store.tampering import SnapshotChanged


@contextmanager
def errors_for_people() -> Iterator[None]:
    """Show an error meant for people as its text alone, and leave with its exit code.

    A reader that closes the pipe has what it wants: that is no error. What somebody did to a
    snapshot is said on stderr.
    """
    try:
        with _warnings_for_people():
            yield
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        _drop_output()
    except WarehouseError as error:
        click.echo(f"\n{error}" if sys.stderr.isatty() else str(error), err=True)
        sys.exit(ExitCode.FAILED)
    except duckdb.Error as error:  # not of a query, which explains its own: the file is damaged
        click.echo(str(error).splitlines()[0], err=True)
        click.echo("`just rollback NUMBER` makes an older snapshot the newest again.", err=True)
        sys.exit(ExitCode.FAILED)
    except OSError as error:
        if error.filename is None:  # stdout goes to a full disk
            _drop_output()
        what = error.filename or "The output"
        click.echo(f"{what} could not be read or written: {error.strerror}.", err=True)
        sys.exit(ExitCode.FAILED)
    except (KeyboardInterrupt, RuntimeError) as error:
        # What Ctrl-C becomes inside DuckDB.
        if isinstance(error, RuntimeError) and str(error) != "Query interrupted":
            raise
        click.echo("Stopped. Nothing half-written is visible.", err=True)
        sys.exit(ExitCode.STOPPED)


@contextmanager
def _warnings_for_people() -> Iterator[None]:
    """Show warnings on a snapshot that was changed as their text alone, each once."""
    shown: set[str] = set()

    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if not issubclass(category, SnapshotChanged):
                others(message, category, filename, lineno, file, line)
            elif (text := str(message)) not in shown:
                shown.add(text)
                click.echo(f"Warning: {text}", err=True)

        warnings.simplefilter("always", SnapshotChanged)
        warnings.showwarning = show
        yield


def _drop_output() -> None:
    """Let go of what stdout did not take: Python would try again at its exit, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(relation: duckdb.DuckDBPyRelation) -> None:
    """Print a table: on a terminal as much as fits, with a line on what does not; else all."""
    if sys.stdout.isatty():
        width = os.get_terminal_size().columns
        relation.show(max_width=width, max_rows=100)
    else:
        relation.show(max_width=10**9, max_rows=10**9, max_col_width=10**9)
