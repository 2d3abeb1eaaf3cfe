"""No changes of a few rows cancel each other. That MySQL counts the same: tests/servers."""

from __future__ import annotations

import itertools

import duckdb
import pytest

from warehouse.days.checksum import Clock, Recipe
from warehouse.store.checksum import checksum

KEYS = {
    "multiples of 2^24": [n << 24 for n in range(1, 5)],
    "multiples of 2^32": [n << 32 for n in range(1, 5)],
    "multiples of 2^48": [n << 48 for n in range(1, 5)],
    "equal low bits": [7 + (n << 32) for n in range(4)],
    "neighbours": [5_000_000, 5_000_001, 5_000_002, 5_000_003],
    "the first ones": [0, 1, 2, 3],
    "powers of two": [1, 2, 4, 8],
    "like Twitter's": [(1_480_000_000_000 + n) << 22 for n in range(4)],
    "over 2^63": [2**64 - 1, 2**63, 2**63 + 1, 2**64 - 2**32],
    "negative": [-1, -2, -(2**63), 2**63 - 1],
    "both signs": [-1, 1, -2, 2],
}
STEPS = [-65536, -3600, -256, -60, -2, -1, 0, 1, 2, 60, 256, 3600, 65536]


@pytest.mark.parametrize("one_integer", [True, False])
@pytest.mark.parametrize("spacing", [0, 1, 60])
@pytest.mark.parametrize("name", KEYS)
def test_changes_do_not_cancel_each_other(name: str, spacing: int, one_integer: bool) -> None:
    """Four rows, each time as it was or a step away: each of the 28,561 days is another one."""
    keys = KEYS[name]
    type_ = "UBIGINT" if max(keys) >= 2**63 else "BIGINT"
    recipe = Recipe(("id",), "changed", Clock.UNIX_SECONDS, one_integer=one_integer)
    steps = list(itertools.product(STEPS, repeat=len(keys)))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE TABLE steps AS SELECT unnest(?::BIGINT[][]) AS step", [steps])
        connection.execute(
            f"CREATE TABLE days AS SELECT day, unnest(?::{type_}[]) AS id, to_timestamp("
            "1763640000 + unnest(step) + unnest(range(len(step))) * ?) AS changed "
            "FROM (SELECT row_number() OVER () AS day, step FROM steps)",
            [keys, spacing],
        )
        found = connection.execute(
            f"SELECT count(*), count(DISTINCT value) FROM (SELECT day, "
            f"{checksum(recipe, {'id': type_})} AS value FROM days GROUP BY day)"
        ).fetchone()
    assert found == (len(STEPS) ** 4, len(STEPS) ** 4)
