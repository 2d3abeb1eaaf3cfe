"""What Tab completes in the shell: tables, the columns of the tables that are named, functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from warehouse.project.quoting import quoted

_TOKEN = re.compile(
    r"""'(?:[^']|'')*'?|"(?:[^"]|"")*"?|--[^\n]*|/\*.*?(?:\*/|$)|\w+|\s+|.""", re.DOTALL
)
_NAME = r'(?:\w+|"(?:[^"]|"")+")'
_PLAIN_NAME = re.compile(r"[^\W\d]\w*")
_TABLE_FOLLOWS = re.compile(
    rf"(?:\b(?:from|join|describe|summarize|pivot|unpivot)|^\s*\.schema)\s+"
    rf"(?:{_NAME}(?:\s+(?:as\s+)?\w+)?\s*,\s*)*$",
    re.IGNORECASE,
)
_QUALIFIED = re.compile(rf"({_NAME})\s*\.\s*$")
_NAMED = rf"({_NAME})\s+(?:as\s+)?%s(?!\w)"
"""A table and the other name that a query gives it."""


@dataclass(frozen=True)
class Names:
    """What can be completed.

    Attributes:
        keywords: Those of DuckDB's SQL.
        columns: The columns of each table and view.
        functions: Their names.
        to_quote: The keywords that cannot be the name of a table or column, in small letters.
    """

    keywords: Sequence[str] = ()
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    functions: Sequence[str] = ()
    to_quote: frozenset[str] = frozenset()

    def completions(self, text: str, behind: str = "") -> Iterator[tuple[str, int]]:
        """Yield what can stand in the place of the word that ends a text.

        Args:
            text: What stands before the cursor.
            behind: What stands behind it: it may name tables, too.

        Yields:
            SQL, quoted where that is needed, and how many characters it replaces.
        """
        tokens = _TOKEN.findall(text)
        typed = tokens[-1] if tokens else ""
        opened = typed.startswith('"') and (len(typed) == 1 or typed.count('"') % 2 == 1)
        if not opened and not re.fullmatch(r"\w+", typed):
            typed = ""
            if not (tokens and _QUALIFIED.search(text) and tokens[-1] == "."):
                return
        before = text[: len(text) - len(typed)]
        start = typed.removeprefix('"').replace('""', '"').casefold()
        names, words = self._after(before, text + behind)
        for name in names:
            written = quoted(name) if opened else self.written(name)
            if name.casefold().startswith(start) and written != typed:
                yield written, len(typed)
        for word in () if opened else words:
            if word.startswith(start) and word != typed:
                yield word, len(typed)

    def written(self, name: str) -> str:
        """Return the name of a table or column as SQL takes it."""
        plain = _PLAIN_NAME.fullmatch(name) and name.lower() not in self.to_quote
        return name if plain else quoted(name)

    def _after(self, before: str, text: str) -> tuple[Iterable[str], Iterable[str]]:
        """Return the names of tables and columns that may follow, and the other words."""
        if _TABLE_FOLLOWS.search(before):
            return self.columns, ()
        named = {_unquoted(token).casefold() for token in _TOKEN.findall(text)}
        if qualified := _QUALIFIED.search(before):
            named = self._meant(_unquoted(qualified[1]), text) or named
        tables = [table for table in self.columns if table.casefold() in named] or self.columns
        columns = dict.fromkeys(name for table in tables for name in self.columns[table])
        if qualified:
            return columns, ()
        return dict.fromkeys((*columns, *self.columns)), (*self.keywords, *self.functions)

    def _meant(self, name: str, text: str) -> set[str]:
        """Return the table that is called so, or that a query calls so."""
        by_name = {table.casefold() for table in self.columns}
        if name.casefold() in by_name:
            return {name.casefold()}
        pattern = _NAMED % re.escape(name)
        found = {_unquoted(one).casefold() for one in re.findall(pattern, text, re.IGNORECASE)}
        return found & by_name


def _unquoted(token: str) -> str:
    return token[1:-1].replace('""', '"') if token.startswith('"') else token


def names_of(connection: duckdb.DuckDBPyConnection) -> Names:
    """Return the keywords, the functions, and the tables and views with their columns."""
    columns: dict[str, list[str]] = {}
    for table, column in connection.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal "
        "ORDER BY table_name, column_index"
    ).fetchall():
        columns.setdefault(table, []).append(column)
    kinds = connection.execute(
        "SELECT keyword_name, keyword_category FROM duckdb_keywords()"
    ).fetchall()
    more = ("join", "left", "describe", "summarize", "pivot", "show", "tables", "between", "over")
    functions = connection.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE regexp_full_match(function_name, '[a-z][a-z0-9_]+') ORDER BY ALL"
    ).fetchall()
    words = [*(word for word, kind in kinds if kind == "reserved"), *more]
    return Names(
        words,
        columns,
        [name for (name,) in functions if name not in words],
        frozenset(word for word, kind in kinds if kind in ("reserved", "type_function")),
    )


class ShellCompleter(Completer):
    """Completes what is typed from names that the shell sets before each prompt."""

    def __init__(self) -> None:
        self.names = Names()

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions at the cursor; prompt_toolkit calls this."""
        text = document.text
        before, behind = text[: document.cursor_position], text[document.cursor_position :]
        for written, replaced in self.names.completions(before, behind):
            yield Completion(written, start_position=-replaced)
