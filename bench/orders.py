"""The table that is measured: made on the server, counted there and in DuckDB, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.servers.launch import Database

DDL = """
CREATE TABLE orders (
  id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
  customer_id INT UNSIGNED NOT NULL,
  status ENUM('pending', 'paid', 'shipped', 'completed', 'cancelled') NOT NULL,
  amount DECIMAL(12, 2) NOT NULL,
  currency CHAR(3) NOT NULL,
  order_date DATE NOT NULL,
  created_at DATETIME(6) NOT NULL,
  updated_at TIMESTAMP NOT NULL,
  is_gift TINYINT(1) NOT NULL,
  item_count SMALLINT NOT NULL,
  weight DOUBLE NULL,
  note VARCHAR(80) NULL
)
"""
_ROWS = """
INSERT INTO orders SELECT seq, 1 + (seq * 7919) % 200000, 1 + (seq * 31) % 5,
  ROUND(((seq * 104729) % 1000000) / 100, 2), ELT(1 + seq % 3, 'EUR', 'USD', 'GBP'),
  DATE('2024-12-01') + INTERVAL (seq % 714) DAY,
  TIMESTAMP('2024-12-01') + INTERVAL (seq * 13) % 60000000 SECOND
    + INTERVAL (seq * 997) % 1000000 MICROSECOND,
  TIMESTAMP('2024-12-01') + INTERVAL (seq * 13) % 60000000 SECOND,
  seq % 7 = 0, 1 + seq % 9, IF(seq % 5 = 0, NULL, (seq % 100000) / 7),
  IF(seq % 3 = 0, NULL, CONCAT('note for order ', seq))
FROM {numbers}
"""
CHUNK = 1_000_000
_NUMBERS = {
    "mariadb": "seq_{first}_to_{last}",
    "mysql": """(
  WITH RECURSIVE d AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM d WHERE i < 999)
  SELECT {first} + 1000 * a.i + b.i AS seq FROM d AS a, d AS b
  WHERE {first} + 1000 * a.i + b.i <= {last} ORDER BY seq
) AS numbers""",
}
"""The numbers of a chunk, as `seq`."""

TYPES = {
    "id": "UBIGINT",
    "customer_id": "UINTEGER",
    "status": "VARCHAR",
    "amount": "DECIMAL(12,2)",
    "currency": "VARCHAR",
    "order_date": "DATE",
    "created_at": "TIMESTAMP",
    "updated_at": "TIMESTAMP WITH TIME ZONE",
    "is_gift": "TINYINT",
    "item_count": "SMALLINT",
    "weight": "DOUBLE",
    "note": "VARCHAR",
}
"""What holds every value of the column and no other kind of value."""

FACTS = {
    "rows": "COUNT(*)",
    "amount": "SUM(amount)",
    "id": "SUM(id)",
    "weight": "COUNT(weight)",
    "note": "SUM(LENGTH(note))",
    "order_date": "MAX(order_date)",
    "created_at": "SUM(MICROSECOND(created_at) % 1000000)",
    "is_gift": "SUM(CASE WHEN is_gift THEN 1 ELSE 0 END)",
}
"""Asked in the same words of MySQL and of DuckDB."""


def fill(database: Database, first: int, last: int) -> None:
    """Add the orders of these numbers; make the table for the first one."""
    with_table = [DDL] if first == 1 else []
    database.run("SET time_zone = '+00:00'", *with_table, "SELECT 1")
    for start in range(first, last + 1, CHUNK):
        end = min(start + CHUNK - 1, last)
        numbers = _NUMBERS[database.kind].format(first=start, last=end)
        database.run("SET time_zone = '+00:00'", _ROWS.format(numbers=numbers))
    database.run("ANALYZE TABLE orders")


def facts_sql(table: str) -> str:
    """Return the question for the facts."""
    return f"SELECT {', '.join(FACTS.values())} FROM {table}"


def verdict(truth: Mapping[str, str], found: Mapping[str, str], types: Mapping[str, str]) -> str:
    """Say what became of the values."""
    words = []
    for name, value in truth.items():
        if name == "amount":
            off = abs(Decimal(found[name]) - Decimal(value))
            if off:
                words.append(f"sum(amount) is off by {off.normalize():f}")
        elif value != found[name]:
            words.append(f"{FACTS[name].lower()} is {found[name]}, not {value}")
    # A sum may come out right by luck where each value is only near.
    changed = [
        f"{name} {types.get(name, 'missing')}"
        for name, type_ in TYPES.items()
        if types.get(name) != type_
    ]
    if changed:
        words.append("types changed: " + ", ".join(changed))
    return "; ".join(words) or "exact, every type kept"


def facts_of(row: tuple[Any, ...]) -> dict[str, str]:
    """Name the values of an answer."""
    return {name: str(value) for name, value in zip(FACTS, row, strict=True)}
