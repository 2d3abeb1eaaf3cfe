"""Makes the files of the sample: 10,000 orders and their customers, with the dirt of real tables.

The same seeds give the same bytes: `python -m warehouse.sample.generate` changes nothing.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from warehouse.sample.tables import CUSTOMERS, ORDERS

CSV = ORDERS.csv
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

NEWCOMERS = 20
"""So many customers have signed up and never ordered."""
COUNTRIES = {"DE": 44, "AT": 12, "FR": 12, "NL": 9, "PL": 8, "IT": 8, "CH": 7}
SEGMENTS = {"private": 78, "business": 18, "public": 4}
FIRST_NAMES = (
    *("Anna", "Björn", "Chloé", "Daniel", "Élodie", "Femke", "Giulia", "Hanna", "Ivan"),
    *("Jürgen", "Katarzyna", "Luca", "Małgorzata", "Noah", "Olga", "Paul", "Søren", "Zoë"),
)
LAST_NAMES = (
    *("Bauer", "Bianchi", "de Vries", "Dubois", "Fischer", "Gruber", "Huber", "Kowalski"),
    *("Lefèvre", "Müller", "Nowak", "O'Brien", "Rossi", "Schäfer", "van den Berg", "Weiß"),
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


def customers() -> Iterator[dict[str, object]]:
    """Yield those who ordered, those of the numbers between who did not, and some newcomers."""
    rng = random.Random(20251102)
    last_day = FIRST_DAY + timedelta(days=DAYS)
    first_orders = _first_orders()
    for number in range(1, max(first_orders) + NEWCOMERS + 1):
        day = FIRST_DAY + timedelta(seconds=rng.randrange(DAYS * 24 * 3600))
        known = first_orders.get(number, day)
        signed_up = known - timedelta(seconds=rng.randrange(60, 400 * 24 * 3600))
        since = int((last_day - signed_up).total_seconds())
        changed = rng.random() < 0.3
        name = f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"
        (country,) = rng.choices(list(COUNTRIES), list(COUNTRIES.values()))
        (segment,) = rng.choices(list(SEGMENTS), list(SEGMENTS.values()))
        yield {
            "id": number,
            "name": rng.choice((f" {name}", f"{name} ", f"  {name}"))
            if rng.random() < 0.04
            else name,
            "country": NULL if rng.random() < 0.03 else country,
            "segment": segment,
            "signed_up_at": signed_up,
            "updated_at": signed_up + timedelta(seconds=rng.randrange(since) if changed else 0),
        }


def _first_orders() -> dict[int, datetime]:
    """Return when each customer ordered first, to the second."""
    found: dict[int, datetime] = {}
    for row in orders():
        number = row["customer_id"]
        if isinstance(number, int):
            created = datetime.fromisoformat(str(row["created_at"])).replace(microsecond=0)
            found[number] = min(found.get(number, created), created)
    return found


FILES = {ORDERS.csv: orders, CUSTOMERS.csv: customers}
"""What makes the rows of each file."""


def text(rows: Iterable[dict[str, object]]) -> str:
    """Return the text of a file with these rows."""
    rows = list(rows)
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def main() -> None:
    """Write the files."""
    for path, rows in FILES.items():
        path.write_text(text(rows()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
