"""How the rows of a day become one number: what MySQL and DuckDB must compute alike.

`mysql.checksum` and `store.checksum` say it in SQL. A row's value is mixed from its key and its
time together, so that rows which swap their times, or change by the same step, do not cancel out.

- A single integer that a unique index guards, the usual `id`: the product of two remainders, put
  together by XOR. It costs a tenth more than counting the rows, and no two rows can be the same.
- Any other key: the sum of the first bits of SHA-256, which takes five times as long. A sum,
  because equal rows would cancel each other by XOR.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

KEY_PRIME = 4_294_967_291
TIME_PRIME = 4_294_967_279
TIME_FACTOR = 1_640_531_527
"""Primes under 2^32, so that a product fits 64 unsigned bits, and a factor under 2^31, so that
its product with a remainder fits 63: MySQL and DuckDB raise an error where a number overflows.
The factor spreads neighbouring seconds over all bits."""

SIGN = 1 << 63
"""Added to a signed integer, it makes it an unsigned one: MySQL's `^`, which no value overflows."""

HEX_DIGITS = 15
"""So much of SHA-256 makes a number that fits 63 bits."""

SEPARATOR = " "
NULL_KEY = "-"
"""Between the parts of a key, and for one that is NULL: neither is in a number or in hex digits."""

SIGNED = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"})
UNSIGNED = frozenset({"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "BOOLEAN"})
"""DuckDB's types of keys that are integers."""


class Clock(Enum):
    """What a time is counted in; one that is NULL or no date counts as `none`."""

    UNIX_SECONDS = 0
    """From 1970. MySQL's own number of a TIMESTAMP, which costs nothing."""
    SECONDS = 31_622_399
    """From the year 0, as MySQL counts them; years 1 to 9999."""
    MICROSECONDS = 31_622_400 * 10**6 - 1
    """The same in microseconds."""

    @property
    def none(self) -> int:
        """What stands for no time: one less than the first one."""
        return self.value


@dataclass(frozen=True)
class Recipe:
    """Of which columns a table's checksum is made, and how.

    Attributes:
        key: The columns that tell rows apart.
        updated: The column with the time of a row's last update.
        clock: In what that time is counted.
        one_integer: Whether the key is one integer that a unique index guards.
    """

    key: tuple[str, ...]
    updated: str
    clock: Clock
    one_integer: bool
