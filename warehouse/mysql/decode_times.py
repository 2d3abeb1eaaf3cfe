"""Decoders of dates and times, see `decode`.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from warehouse.mysql.decode import Decoded, Integers, Mask, Rows, to_array

_EPOCH_OF_MONTHS = 1970 * 12
_DAY = 86_400


def date(rows: Rows, nulls: Mask) -> Decoded:
    """Decode dates as days from 1970; what is no day becomes NULL."""
    at, length = _temporal(rows, nulls)
    days, invalid = _days(rows, at, length)
    return _valid(days.astype(np.int32), nulls, invalid)


def moment(rows: Rows, nulls: Mask) -> Decoded:
    """Decode dates with a time as microseconds from 1970; what is no day becomes NULL."""
    at, length = _temporal(rows, nulls)
    days, invalid = _days(rows, at, length)
    seconds = days * _DAY + _clock(rows, at + 5, length >= 7)
    return _valid(_microseconds(rows, seconds, at + 8, length >= 11), nulls, invalid)


def duration(rows: Rows, nulls: Mask) -> Decoded:
    """Decode times, which may be negative and longer than a day, as microseconds."""
    at, length = _temporal(rows, nulls)
    some = length >= 8
    days = np.where(some, rows.take(at + 2, "<u4"), 0).astype(np.int64)
    seconds = days * _DAY + _clock(rows, at + 6, some)
    micros = _microseconds(rows, seconds, at + 9, length >= 12)
    negative = some & (rows.bytes[np.where(some, at + 1, 0)] == 1)
    return Decoded(to_array(np.where(negative, -micros, micros), nulls))


def _temporal(rows: Rows, nulls: Mask) -> tuple[Integers, Integers]:
    """Go behind values of a date or a time. Returns where each begins, and its length.

    Parts that are zero are left out from the end.
    """
    at = rows.at
    length = np.where(nulls, 0, rows.bytes[at]).astype(np.int64)
    rows.advance(at + length + ~nulls)
    return at, length


def _days(rows: Rows, at: Integers, length: Integers) -> tuple[Integers, Mask]:
    """Return the days from 1970 of dates, and which of these are no days."""
    some = length >= 4
    year = np.where(some, rows.take(at + 1, "<u2"), 0).astype(np.int64)
    month, day = (
        np.where(some, rows.take(at + place, "u1"), 0).astype(np.int64) for place in (3, 4)
    )
    first, days_in = _months()
    place = np.minimum(year, 9999) * 16 + np.minimum(month, 15)
    invalid = (day < 1) | (day > days_in[place])
    return first[place] + day - 1, invalid


@cache
def _months() -> tuple[Integers, Integers]:
    """Return, for 16 * year + month, the first day from 1970 and how many days there are.

    What is no month of the years 1 to 9999 has none.
    """
    place = np.arange(10_000 * 16)
    year, month = place >> 4, place & 15
    real = (year >= 1) & (month >= 1) & (month <= 12)
    months = np.where(real, year * 12 + month - 1 - _EPOCH_OF_MONTHS, 0)
    first, following = (
        (months + more).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        for more in (0, 1)
    )
    return first, np.where(real, following - first, 0)


def _clock(rows: Rows, at: Integers, some: Mask) -> Integers:
    """Return the seconds of the hour, minute and second that begin there."""
    hour, minute, second = (
        np.where(some, rows.take(at + place, "u1"), 0).astype(np.int64) for place in range(3)
    )
    return (hour * 60 + minute) * 60 + second


def _microseconds(rows: Rows, seconds: Integers, at: Integers, some: Mask) -> Integers:
    fraction = np.where(some, rows.take(at, "<u4"), 0).astype(np.int64)
    return seconds * 1_000_000 + fraction


def _valid(values: Integers | npt.NDArray[np.int32], nulls: Mask, invalid: Mask) -> Decoded:
    invalid = invalid & ~nulls
    if not invalid.any():
        return Decoded(to_array(values, nulls))
    return Decoded(to_array(values, nulls | invalid), invalid)
