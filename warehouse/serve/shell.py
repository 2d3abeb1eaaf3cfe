"""The interactive shell: SQL until a semicolon, each time on the newest snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from warehouse.console.terminal import say
from warehouse.engines.engine import Engine, catalog_of
from warehouse.errors import WarehouseError
from warehouse.project.quoting import literal
from warehouse.serve import queries
from warehouse.serve.newest import newest_number, open_engine
from warehouse.serve.query_errors import no_table
from warehouse.serve.shell_completion import ShellCompleter, names_of
from warehouse.serve.shell_looks import STYLE, Looks
from warehouse.settings import Settings

HELP = """\
SQL ends with a semicolon and may take several lines.
.tables      the tables and views, and what they are
.schema X    the columns of X
.mode M      how rows are shown: table, line, csv, json, markdown
.timer on    say how long each query takes; .timer off
.help        this
.quit        leave, as Ctrl-D, exit and quit do
Tab completes. Ctrl-C clears the line, and stops a query that runs. Rows that are more than the
screen shows open in a pager: the arrow keys scroll, G goes to the end, q leaves."""

_TABLES = """\
SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables()
UNION ALL SELECT view_name, 'view', comment FROM duckdb_views() WHERE NOT internal ORDER BY ALL"""
_COLUMNS = """\
SELECT column_name AS "column", data_type AS type, comment FROM duckdb_columns()
WHERE table_name = {table} ORDER BY column_index"""

LEAVING = {".quit", ".exit", "quit", "exit"}

Show = Callable[[duckdb.DuckDBPyRelation], None]


@dataclass
class Newest:
    """An engine that moves on to the newest snapshot.

    Temporary tables and settings last for as long as the snapshot does.
    """

    settings: Settings
    number: int = 0
    _engine: Engine | None = None

    def open(self) -> Engine:
        """Return the engine on the newest snapshot: the same one until there is a newer."""
        number = newest_number(self.settings)
        if self._engine is None or number != self.number:
            self.close()
            self._engine = open_engine(self.settings)
            self.number = number
        return self._engine

    def close(self) -> None:
        """Close the engine, if there is one."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def run(settings: Settings, show: Show) -> None:
    """Read and answer until the person leaves.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    newest = Newest(settings)
    newest.open()
    completer = ShellCompleter()
    looks = Looks(show)
    prompt: PromptSession[str] = PromptSession(
        lexer=PygmentsLexer(SqlLexer),
        style=STYLE,
        include_default_pygments_style=False,
        completer=completer,
        history=_history(),
        multiline=Condition(lambda: not complete(prompt.default_buffer.text)),
        prompt_continuation="       ...> ",
        bottom_toolbar=f" {_place(settings)} · .help · Ctrl-D leaves",
    )
    try:
        while True:
            try:
                completer.names = names_of(catalog_of(newest.open()))
                text = prompt.prompt(f"snapshot {newest.number}> ").strip()
            except EOFError:
                return
            except KeyboardInterrupt:
                continue
            if _leaves(text):
                return
            try:
                if text:
                    _answer(newest, text, looks)
            except KeyboardInterrupt:
                say("Stopped.")
            except WarehouseError as error:
                say(str(error))
    finally:
        newest.close()


def _place(settings: Settings) -> str:
    """Return where the rows come from; a token in the URL of a Spark is not shown."""
    if settings.spark is None:
        return str(settings.path)
    from warehouse.engines.spark.server_name import name_of

    return name_of(settings.spark)


def complete(text: str) -> bool:
    """Whether Enter ends the input: a command, nothing, or SQL up to its semicolon."""
    text = text.strip()
    return not text or text.startswith(".") or text.endswith(";") or _leaves(text)


def _leaves(text: str) -> bool:
    return text.rstrip("; ").lower() in LEAVING


def _answer(newest: Newest, text: str, looks: Looks) -> None:
    before = newest.number
    engine = newest.open()
    if newest.number != before:
        say(f"Snapshot {newest.number} is new; temporary tables and settings went with {before}.")
    if text.startswith("."):
        _command(catalog_of(engine), text, looks)
        return
    with queries.errors_explained(engine), looks.timed():
        relation = queries.run(engine, text)
        if relation is not None:
            looks.print(engine, relation)


def _command(connection: duckdb.DuckDBPyConnection, text: str, looks: Looks) -> None:
    command, _, name = text.partition(" ")
    name = name.strip().rstrip(";")
    if command == ".help":
        print(HELP)
    elif command == ".mode":
        looks.choose(name)
    elif command == ".timer":
        looks.time(name)
    elif command == ".tables":
        looks.print(connection, connection.sql(_TABLES), "table")
    elif command == ".schema":
        asked = name.strip('"').replace('""', '"')
        tables = {table.lower(): table for table in names_of(connection).columns}
        if asked.lower() not in tables:
            raise no_table(asked or "of no name", list(tables.values()))
        columns = connection.sql(_COLUMNS.format(table=literal(tables[asked.lower()])))
        looks.print(connection, columns, "table")
    else:
        raise WarehouseError(f"There is no command {text}.", todo=".help lists them.")


def _history() -> History:
    """Return what was typed, kept in the person's own folder for such things if there is one."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    file = state / "warehouse" / "history.sql"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch()
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
