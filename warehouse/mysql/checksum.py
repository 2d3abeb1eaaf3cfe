"""The checksum of `warehouse.days.checksum` as SQL for MySQL."""

from __future__ import annotations

import re
from collections.abc import Collection

from warehouse.days.checksum import (
    HEX_DIGITS,
    KEY_PRIME,
    NULL_KEY,
    SEPARATOR,
    SIGN,
    SIGNED,
    TIME_FACTOR,
    TIME_PRIME,
    UNSIGNED,
    Clock,
    Recipe,
)
from warehouse.errors import WarehouseError
from warehouse.mysql.columns import Column, quote
from warehouse.mysql.plan import Plan
from warehouse.mysql.server_errors import SAFE

_TIMES = {
    Clock.UNIX_SECONDS: "UNIX_TIMESTAMP({c})",
    Clock.SECONDS: "TO_SECONDS({c})",
    Clock.MICROSECONDS: "TO_SECONDS({c}) * 1000000 + MICROSECOND({c})",
}
# TO_SECONDS counts an impossible date on into the next month; here it is none. Most days are under
# the 29th, so most rows pay for one comparison only.
_POSSIBLE = "IF(DAYOFMONTH({c}) > 28 AND DAYOFMONTH({c}) > DAYOFMONTH(LAST_DAY({c})), NULL, {time})"

_TEXT = "HEX(CONVERT({wire} USING utf8mb4))"
_BYTES = "HEX({wire})"
_KEYS = {
    "VARCHAR": _TEXT,
    "UUID": _TEXT,
    "BLOB": _BYTES,
    # Adding nothing takes off the zeros of ZEROFILL.
    "DECIMAL": "CAST({c} + 0 AS CHAR)",
    **dict.fromkeys(SIGNED, f"CAST({{c}} ^ {SIGN} AS CHAR)"),
    **dict.fromkeys(UNSIGNED, "CAST({c} + 0 AS CHAR)"),
}
"""By DuckDB's type: a key as the text that both sides write alike, whatever its collation."""
_DATED = {
    "DATE": Clock.SECONDS,
    "TIMESTAMP": Clock.MICROSECONDS,
    "TIMESTAMPTZ": Clock.MICROSECONDS,
}


def make_recipe(
    plan: Plan, key: tuple[str, ...], updated: str, unique: Collection[tuple[str, ...]]
) -> Recipe:
    """Choose how a table's checksum is made.

    Args:
        plan: Of the table.
        key: The columns that tell its rows apart.
        updated: The column with the time of a row's last update.
        unique: The columns of each unique index, in lower case.
    """
    columns = [_column(plan, name) for name in key]
    return Recipe(
        key=key,
        updated=updated,
        clock=_clock(_column(plan, updated)),
        one_integer=[column.duckdb_type in SIGNED | UNSIGNED for column in columns] == [True]
        and not columns[0].nullable
        and (stored_name(columns[0]),) in unique,
    )


def check_columns(plan: Plan, key: tuple[str, ...], updated: str) -> None:
    """See that a table has the columns that its checksum is made of.

    Raises:
        WarehouseError: it lacks one, or the type of one has no text that both sides write alike.
    """
    named = " and ".join(f"`{name}`" for name in key)
    todo = f"Reload days by name: just materialize {plan.query.name} --partition DAY"
    time = plan.column(updated)
    if time is None or not time.has_days or not all(plan.column(name) for name in key):
        raise WarehouseError(
            f"{plan.query.place}: {plan.named} needs a date in `{updated}`, and {named}, to tell "
            "which days changed.",
            safe=SAFE,
            todo=todo,
        )
    for name in key:
        column = _column(plan, name)
        kind = _kind(column)
        if kind not in _KEYS and kind not in _DATED:
            raise WarehouseError(
                f"{plan.query.place}: the key `{name}` of {plan.named} is of the type "
                f"{column.mysql_type}, whose values MySQL and DuckDB do not write alike: which "
                "days changed cannot be told.",
                safe=SAFE,
                todo=todo,
            )


def stored_name(column: Column) -> str:
    """Return what a column is called in its table, in lower case, as indexes name it."""
    return (column.origin[2] if column.origin else column.name).lower()


def checksum(plan: Plan, recipe: Recipe) -> str:
    """Return the checksum of a group of rows, an aggregate."""
    time = _time(_column(plan, recipe.updated), recipe.clock)
    keys = [_column(plan, name) for name in recipe.key]
    if recipe.one_integer:
        sign = f" ^ {SIGN}" if keys[0].duckdb_type in SIGNED else ""
        number = f"({quote(keys[0].name)}{sign}) % {KEY_PRIME} + 1"
        # Seconds from 1970 need no remainder: times the factor they fit until the year 2106.
        small = "" if recipe.clock is Clock.UNIX_SECONDS else f" % {TIME_PRIME}"
        spread = f"({time}){small} * {TIME_FACTOR} % {TIME_PRIME} + 1"
        return f"BIT_XOR(({number}) * ({spread}))"
    parts = [f"IFNULL({_text(column)}, '{NULL_KEY}')" for column in keys]
    row = f"CONCAT_WS('{SEPARATOR}', {', '.join(parts)}, {time})"
    return f"SUM(CAST(CONV(LEFT(SHA2({row}, 256), {HEX_DIGITS}), 16, 10) AS UNSIGNED))"


def _column(plan: Plan, name: str) -> Column:
    column = plan.column(name)
    assert column, "check_columns saw it"
    return column


def _kind(column: Column) -> str:
    return column.duckdb_type.partition("(")[0]


def _clock(column: Column) -> Clock:
    if re.search(r"\([1-6]\)", column.mysql_type):
        return Clock.MICROSECONDS
    return Clock.UNIX_SECONDS if column.kind == "timestamp" else Clock.SECONDS


def _time(column: Column, clock: Clock) -> str:
    name = quote(column.name)
    time = _TIMES[clock].format(c=name)
    if clock is Clock.UNIX_SECONDS:
        return f"IFNULL({time}, {clock.none})" if column.nullable else time
    if column.kind != "timestamp":
        time = _POSSIBLE.format(c=name, time=time)
    return f"GREATEST(IFNULL({time}, {clock.none}), {clock.none})"


def _text(column: Column) -> str:
    if clock := _DATED.get(_kind(column)):
        return _time(column, clock)
    name = quote(column.name)
    return _KEYS[_kind(column)].format(c=name, wire=column.rule.wire.format(c=name))
