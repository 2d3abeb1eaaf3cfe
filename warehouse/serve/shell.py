"""The interactive shell: SQL until a semicolon, each time on the newest snapshot."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from warehouse.errors import WarehouseError
from warehouse.serve import queries
from warehouse.serve.query_errors import no_table
from warehouse.serve.shell_looks import Looks
from warehouse.store import history, snapshots

HELP = """\
SQL ends with a semicolon and may take several lines.
.tables      the tables and views, and what they are
.schema X    the columns of X
.mode M      how rows are shown: table (as much as fits), line, csv, json, markdown (all of them)
.timer on    say how long each query takes; .timer off
.help        this
.quit        leave, as Ctrl-D, exit and quit do
Tab completes. Ctrl-C clears the line, and stops a query that runs."""

LEAVING = {".quit", ".exit", "quit", "exit"}

Show = Callable[[duckdb.DuckDBPyRelation], None]
_TABLE_FOLLOWS = re.compile(r"\b(from|join|describe|summarize)\s+(\w+\s*,\s*)*$", re.I)


@dataclass
class Newest:
    """A connection that moves on to the newest snapshot.

    Temporary tables and settings last for as long as the snapshot does.
    """

    path: Path
    number: int = 0
    _connection: duckdb.DuckDBPyConnection | None = None

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a connection to the newest snapshot: the same one until there is a newer."""
        newest = snapshots.newest(self.path)
        if self._connection is None or newest is None or newest.number != self.number:
            self.close()
            self._connection = snapshots.open_newest(self.path)
            ((self.number,),) = self._connection.execute(
                f"SELECT max(number) FROM {history.TABLE}"
            ).fetchall()
        return self._connection

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(frozen=True)
class Names:
    """What can be completed."""

    keywords: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    functions: Sequence[str] = ()

    def after(self, text: str, before: str = "") -> list[str]:
        """Return the names that may follow: behind FROM and JOIN the tables, else first the columns
        of the tables that are mentioned.

        Args:
            text: All that was typed.
            before: What stands before the word that is typed.
        """
        if _TABLE_FOLLOWS.search(before):
            return list(self.columns)
        words = set(re.findall(r"\w+", text.lower()))
        mentioned = [table for table in self.columns if table.lower() in words] or self.columns
        columns = dict.fromkeys(name for table in mentioned for name in self.columns[table])
        return [*columns, *self.columns, *self.keywords, *self.functions]


def names_of(connection: duckdb.DuckDBPyConnection) -> Names:
    """Return the keywords, and the tables and views with their columns."""
    columns: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal "
        "ORDER BY table_name, column_index"
    ).fetchall():
        columns.setdefault(table, []).append(column)
    keywords = connection.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    ).fetchall()
    more = ("join", "left", "describe", "summarize", "pivot", "show", "tables", "between", "over")
    functions = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE regexp_full_match(function_name, '[a-z][a-z0-9_]+') ORDER BY ALL"
    ).fetchall()
    words = [*(word for (word,) in keywords), *more]
    return Names(words, columns, [name for (name,) in functions if name not in words])


class _Completer(Completer):
    def __init__(self) -> None:
        self.names = Names()

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Completion]:
        word = document.get_word_before_cursor(pattern=re.compile(r"\w+"))
        if word:
            before = document.text_before_cursor[: -len(word)]
            for name in self.names.after(document.text, before):
                if name.lower().startswith(word.lower()) and name != word:
                    yield Completion(name, start_position=-len(word))


def run(path: Path, show: Show) -> None:
    """Read and answer until the person leaves.

    Raises:
        WarehouseError: there is no warehouse yet.
    """
    newest = Newest(path)
    newest.connect()
    completer = _Completer()
    looks = Looks(show)
    prompt: PromptSession[str] = PromptSession(
        lexer=PygmentsLexer(SqlLexer),
        completer=completer,
        history=_history(),
        multiline=Condition(lambda: not complete(prompt.default_buffer.text)),
        prompt_continuation="       ...> ",
        bottom_toolbar=f" {path} · .help · Ctrl-D leaves",
    )
    try:
        while True:
            try:
                completer.names = names_of(newest.connect())
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
                print("Stopped.", file=sys.stderr)
            except WarehouseError as error:
                print(error, file=sys.stderr)
    finally:
        newest.close()


def complete(text: str) -> bool:
    """Whether Enter ends the input: a command, nothing, or SQL up to its semicolon."""
    text = text.strip()
    return not text or text.startswith(".") or text.endswith(";") or _leaves(text)


def _leaves(text: str) -> bool:
    return text.rstrip("; ").lower() in LEAVING


def _answer(newest: Newest, text: str, looks: Looks) -> None:
    before = newest.number
    connection = newest.connect()
    if newest.number != before:
        print(
            f"Snapshot {newest.number} is new; temporary tables and settings went with {before}.",
            file=sys.stderr,
        )
    if text.startswith("."):
        _command(connection, text, looks)
        return
    with queries.errors_explained(connection), looks.timed():
        relation = queries.run(connection, text)
        if relation is not None:
            looks.print(connection, relation)


def _command(connection: duckdb.DuckDBPyConnection, text: str, looks: Looks) -> None:
    command, _, name = text.partition(" ")
    name = name.strip().rstrip(";")
    show = looks.show
    if command == ".help":
        print(HELP)
    elif command == ".mode":
        looks.choose(name)
    elif command == ".timer":
        looks.time(name)
    elif command == ".tables":
        show(
            connection.sql(
                "SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables() "
                "UNION ALL SELECT view_name, 'view', comment FROM duckdb_views() "
                "WHERE NOT internal ORDER BY ALL"
            )
        )
    elif command == ".schema":
        tables = {table.lower(): table for table in names_of(connection).columns}
        if name.lower() not in tables:
            raise no_table(name or "of no name", list(tables.values()))
        show(
            connection.sql(
                'SELECT column_name AS "column", data_type AS type, comment FROM duckdb_columns() '
                "WHERE table_name = ? ORDER BY column_index",
                params=[tables[name.lower()]],
            )
        )
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
