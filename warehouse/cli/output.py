"""What all commands share: errors for people, and tables on a terminal or in a pipe."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

import click
import duckdb

from warehouse.assets.unexpected import for_people
from warehouse.cli.exit_codes import ExitCode
from warehouse.console.terminal import say
from warehouse.errors import SAFE, WarehouseError, interrupted, printable, quoted_from
from warehouse.settings import Settings
from warehouse.store.tampering import SnapshotChanged

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What writing to stdout ends in where that goes to a file."""


@contextmanager
def errors_for_people() -> Iterator[None]:
    """Show an error as a text for people, and leave with its exit code.

    What nobody foresaw names the command, and the file that holds the whole text. A reader that
    closes the pipe has what it wants: that is no error. What somebody did to a snapshot is said on
    stderr.
    """
    try:
        with _warnings_for_people():
            yield
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough
        _drop_output()
    except (click.ClickException, click.exceptions.Exit):
        raise  # click's own, for the command line itself
    except (KeyboardInterrupt, click.Abort):  # the second, where a question was to be answered
        _stopped()
    except Exception as error:
        if interrupted(error):
            _stopped()
        if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
            _drop_output()  # stdout goes to a full disk
        _fail(_said(error))


def only_in_duckdb(settings: Settings, command: str) -> None:
    """See that a command which reads DuckDB's file is not taken for one that reads the lake.

    Raises:
        WarehouseError: the settings name Spark.
    """
    if settings.spark is not None:
        raise WarehouseError(
            f"WAREHOUSE_SPARK is set, and `just {command}` reads DuckDB's file alone.",
            safe="Nothing was run.",
            todo=f"Run it without: WAREHOUSE_SPARK=off just {command}. docs/spark.md lists what "
            "runs on Spark.",
        )


def _said(error: Exception) -> str:
    if isinstance(error, duckdb.Error):  # not of a query, which explains its own
        return str(
            WarehouseError(
                f"The warehouse cannot be read: {quoted_from(str(error).partition(chr(10))[0])}",
                safe=SAFE,
                todo="If it stays so, the file is damaged: `just rollback NUMBER` makes an older "
                "snapshot the newest again.",
            )
        )
    if isinstance(error, OSError) and (error.filename is not None or error.errno in _FULL):
        what = error.filename or "The output"
        return printable(f"{what} could not be read or written: {error.strerror}.")
    context = click.get_current_context(silent=True)
    command = f"`just {context.info_name}`" if context else "The command"
    return str(for_people(command, error))


def _fail(text: str) -> NoReturn:
    say(f"\n{text}" if sys.stderr.isatty() else text)
    sys.exit(ExitCode.FAILED)


def _stopped() -> NoReturn:
    say("Stopped. Nothing half-written is visible.")
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
                say(f"Warning: {text}")

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
