"""Which days are read again, and in how many queries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from warehouse.days.fingerprint import CachedDay, Fingerprint, changed_days
from warehouse.days.ranges import ranges

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
SOME = Fingerprint(rows=2, newest=NOON, checksum=3)


def test_a_day_that_agrees_is_left_alone() -> None:
    assert changed_days([DAY], {DAY: SOME}, {DAY: CachedDay(SOME, LATER)}) == []


def test_a_day_never_read_is_read_even_if_it_is_empty() -> None:
    assert changed_days([DAY], {}, {}) == [DAY]
    assert changed_days([DAY], {}, {DAY: CachedDay(Fingerprint(), LATER)}) == []


def test_each_part_of_the_fingerprint_tells() -> None:
    for other in (
        Fingerprint(1, NOON, 3),
        Fingerprint(2, NOON + timedelta(seconds=1), 3),
        Fingerprint(2, NOON, 4),
        Fingerprint(2, None, 3),
    ):
        assert changed_days([DAY], {DAY: other}, {DAY: CachedDay(SOME, LATER)}) == [DAY]
    assert changed_days([DAY], {}, {DAY: CachedDay(SOME, LATER)}) == [DAY]


def test_a_day_read_within_the_second_of_its_newest_update_is_read_again() -> None:
    for seconds, settled in ((0.5, False), (1.0, False), (1.1, True)):
        cached = CachedDay(SOME, NOON + timedelta(seconds=seconds))
        assert changed_days([DAY], {DAY: SOME}, {DAY: cached}) == ([] if settled else [DAY])


@given(st.sets(st.dates(date(2026, 2, 20), date(2026, 3, 20))))
def test_ranges_hold_the_days_and_no_other_and_are_as_few_as_can_be(days: set[date]) -> None:
    joined = ranges(days)
    held = [a + timedelta(days=n) for a, b in joined for n in range((b - a).days + 1)]
    assert held == sorted(days)
    gaps = [after[0] - before[1] for before, after in pairwise(joined)]
    assert all(gap > timedelta(days=1) for gap in gaps)
