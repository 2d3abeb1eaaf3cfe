"""What can be told of a SELECT in MySQL's dialect without asking MySQL.

MySQL is the judge of its own dialect. What is told here is what must be known before: that it is
one SELECT, which tables it reads, and whether its answer depends on more than they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokenizer_core import Token, TokenType

_BEGINS = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.VALUES)

_OF_THE_MOMENT = (
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.Localtime,
    exp.Localtimestamp,
    exp.UtcDate,
    exp.UtcTime,
    exp.UtcTimestamp,
    exp.CurrentRole,
    exp.CurrentSchema,
    exp.CurrentUser,
    exp.CurrentVersion,
    exp.SessionUser,
    exp.Rand,
    exp.Uuid,
    exp.Parameter,
    exp.SessionParameter,
    # A function that is not known may be one of the user's own, which may read anything.
    exp.Anonymous,
)
"""What depends on the clock, on chance or on the session."""

_CLOCKS = frozenset({"UTC_DATE", "UTC_TIME", "UTC_TIMESTAMP"})
"""Functions that MySQL takes without parentheses, and sqlglot for columns; reserved words both."""
_STATEMENTS = ("DELETE", "UPDATE")
"""What may follow WITH."""
_LOCKS = (("FOR", "UPDATE"), ("FOR", "SHARE"), ("LOCK", "IN", "SHARE", "MODE"))


class NoSelect(Exception):
    """The text is not one SELECT; the number of the line where that shows."""

    def __init__(self, what: str, line: int) -> None:
        """Say what it is instead."""
        super().__init__(what)
        self.line = line


@dataclass(frozen=True, order=True)
class TableName:
    """A table in MySQL; without a database it is in that of the connection."""

    database: str
    name: str


@dataclass(frozen=True)
class QueryFacts:
    """What is told of a SELECT.

    Attributes:
        reads: The tables that it names; None if that cannot be told.
        constant: Whether its answer is the same as long as these tables are.
        star_of: The table whose columns it takes as they are: `select * from t`, with or without a
            WHERE; None for any other query.
        plain_of: The table whose rows it takes one by one, some columns or all of them, so that
            the table's indexes serve conditions on them; None for any other query.
        ordered: Whether it asks for an order, which a table has not.
    """

    reads: frozenset[TableName] | None
    constant: bool
    star_of: TableName | None = None
    plain_of: TableName | None = None
    ordered: bool = False


_UNKNOWN = QueryFacts(reads=None, constant=False)


def examine(sql: str) -> QueryFacts:
    """Tell what can be told of a SELECT.

    Raises:
        NoSelect: it is something else, or more than one statement, or it locks or writes.
    """
    tokens = _tokens(sql)
    if not tokens:
        raise NoSelect("it is empty", 1)
    if tokens[0].token_type not in _BEGINS:
        raise NoSelect(f"it begins with {tokens[0].text.upper()}", tokens[0].line)
    _check_tokens(sql, tokens)
    try:
        parsed = sqlglot.parse_one(sql, dialect="mysql")
    except SqlglotError:
        return _UNKNOWN  # MySQL may know it all the same
    if not isinstance(parsed, exp.Query | exp.Values):
        raise NoSelect(f"it is a {parsed.key.upper()}", tokens[0].line)
    reads = _tables(parsed)
    plain = _plain_table(parsed)
    return QueryFacts(
        reads=reads,
        constant=parsed.find(*_OF_THE_MOMENT) is None
        and _CLOCKS.isdisjoint(token.text.upper() for token in tokens),
        star_of=plain if plain and _is_star(parsed) else None,
        plain_of=plain,
        ordered=parsed.args.get("order") is not None,
    )


def _check_tokens(sql: str, tokens: Sequence[Token]) -> None:
    """See that a text that begins as a SELECT does no more than that, whoever can parse it.

    What is looked for are reserved words: MySQL takes none of them for a name, except quoted or
    behind a dot.

    Raises:
        NoSelect: it does.
    """
    for token in tokens:
        for comment in token.comments:
            if comment.startswith(("!", "M!")):
                line = sql[: max(sql.find(f"/*{comment}"), 0)].count("\n") + 1
                raise NoSelect("it hides SQL in a comment that MySQL executes: /*! … */", line)
    words = [
        "" if token.token_type in (TokenType.IDENTIFIER, TokenType.STRING) else token.text.upper()
        for token in tokens
    ]
    for place, (word, token) in enumerate(zip(words, tokens, strict=True)):
        if word == ";" and place < len(tokens) - 1:
            raise NoSelect("it goes on behind a semicolon", tokens[place + 1].line)
        if place and words[place - 1] == ".":
            continue
        if any(tuple(words[place : place + len(lock)]) == lock for lock in _LOCKS):
            raise NoSelect("it locks rows: SELECT … FOR UPDATE or LOCK IN SHARE MODE", token.line)
        if word in _STATEMENTS:
            raise NoSelect(f"it holds {word}", token.line)
        if word == "INTO":
            raise NoSelect("it writes: SELECT … INTO", token.line)


def without_end(sql: str) -> str:
    """Take the semicolons off the end of a statement; comments behind them stay.

    Raises:
        NoSelect: it cannot be read.
    """
    ends: list[Token] = []
    for token in reversed(_tokens(sql)):
        if token.token_type != TokenType.SEMICOLON:
            break
        ends.append(token)
    for token in ends:
        sql = sql[: token.start] + sql[token.end + 1 :]
    return sql.rstrip()


def _tokens(sql: str) -> list[Token]:
    try:
        return list(sqlglot.tokenize(sql, dialect="mysql"))
    except SqlglotError as error:
        raise NoSelect(f"it cannot be read: {str(error).splitlines()[0]}", 1) from None


def expand_star(sql: str, columns: str) -> str:
    """Put columns in the place of the `*` of a query that has `star_of`."""
    star = next(t for t in sqlglot.tokenize(sql, dialect="mysql") if t.token_type == TokenType.STAR)
    return sql[: star.start] + columns + sql[star.end + 1 :]


def line_of(sql: str, name: str) -> int:
    """Return the line of a query that first names something, 1 if none does."""
    tokens: list[Token] = sqlglot.tokenize(sql, dialect="mysql")
    return next((t.line for t in tokens if t.text.lower() == name.lower()), 1)


def _tables(parsed: exp.Expr) -> frozenset[TableName]:
    found = {
        TableName(source.db, source.name)
        for scope in traverse_scope(parsed)
        for source in scope.sources.values()
        if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier)
    }
    return frozenset(found - {TableName("", "dual"), TableName("", "DUAL")})


def _plain_table(parsed: exp.Expr) -> TableName | None:
    """Return the one table of a query that does no more than to choose columns and rows."""
    if not isinstance(parsed, exp.Select):
        return None
    used = {name for name, value in parsed.args.items() if value}
    tables = list(parsed.find_all(exp.Table))
    plain = used <= {"expressions", "from_", "from", "where", "order"}
    if not plain or len(tables) != 1 or parsed.find(exp.AggFunc, exp.Window, exp.Subquery):
        return None
    table = TableName(tables[0].db, tables[0].name)
    return table if table in _tables(parsed) else None


def _is_star(parsed: exp.Expr) -> bool:
    expressions = parsed.args["expressions"]
    return len(expressions) == 1 and isinstance(expressions[0], exp.Star)
