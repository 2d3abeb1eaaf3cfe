"""Makes `data/orders.csv`: 10,000 rows with the dirt that real tables have.

The same seed gives the same bytes: `python -m warehouse.sample.generate` changes nothing.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from warehouse.settings import ROOT

CSV = ROOT / "data" / "orders.csv"
ROWS = 10_000
NULL = r"\N"  # as MySQL's SELECT ... INTO OUTFILE writes it

FIRST_DAY = datetime(2025, 11, 1)
DAYS = 365
STATUSES = {"completed": 62, "shipped": 12, "pending": 14, "cancelled": 8, "refunded": 4}
NOTES = (
    NULL,
    NULL,
    NULL,
    "",
    "gift wrap",
    "leave at the door",
    "call first, 9–12 h",
    "🎁 birthday",
)


def orders() -> Iterator[dict[str, object]]:
    """Yield the rows: orders, and now and then a later update of an earlier order."""
    rng = random.Random(20251101)
    seen: list[dict[str, object]] = []
    for row_number in range(ROWS):
        if seen and rng.random() < 0.04:
            row = _update(rng, rng.choice(seen))
        else:
            row = _order(rng, order_id=len(seen) + 1, progress=row_number / ROWS)
            seen.append(row)
        yield _dirty(rng, row)


def _order(rng: random.Random, order_id: int, progress: float) -> dict[str, object]:
    # More orders later in the year and at weekends, amounts with a long tail.
    day = FIRST_DAY + timedelta(days=int(DAYS * progress**0.8))
    if day.weekday() < 5 and rng.random() < 0.15:
        day += timedelta(days=5 - day.weekday())
    day = min(day, FIRST_DAY + timedelta(days=DAYS - 1))
    created = day + timedelta(microseconds=rng.randrange(24 * 3600 * 10**6))
    (status,) = rng.choices(list(STATUSES), list(STATUSES.values()))
    items = 1 + min(int(rng.expovariate(0.9)), 11)
    amount = Decimal(round(rng.lognormvariate(3.6, 0.8) * 100)) / 100 * items
    return {
        "id": order_id,
        "customer_id": 1 + int(1_500 * rng.random() ** 2),
        "status": status,
        "amount": -amount if status == "refunded" else amount,
        "currency": "EUR",
        "order_date": created.date(),
        "created_at": created.isoformat(" ", "microseconds"),
        "updated_at": created.replace(microsecond=0),
        "is_gift": int(rng.random() < 0.1),
        "item_count": items,
        "weight": NULL if rng.random() < 0.1 else round(items * rng.uniform(0.1, 4.0), 3),
        "note": rng.choice(NOTES),
    }


def _update(rng: random.Random, earlier: dict[str, object]) -> dict[str, object]:
    updated = earlier["updated_at"]
    assert isinstance(updated, datetime)
    later = updated + timedelta(seconds=rng.randrange(60, 10 * 24 * 3600))
    return {**earlier, "status": rng.choice(("completed", "cancelled")), "updated_at": later}


def _dirty(rng: random.Random, row: dict[str, object]) -> dict[str, object]:
    row = dict(row)
    status = str(row["status"])
    if rng.random() < 0.08:
        row["status"] = rng.choice((status.upper(), status.title(), f" {status}", f"{status}  "))
    if rng.random() < 0.01:
        row["customer_id"] = NULL
    if rng.random() < 0.001:
        row["id"] = NULL
    if rng.random() < 0.01:
        row["amount"] = Decimal("0.00")
    return row


def main() -> None:
    """Write the file."""
    rows = list(orders())
    with CSV.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
