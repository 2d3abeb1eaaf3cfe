"""The table `orders` as a shop would have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

from tests.servers.launch import Database
from warehouse.sample.server import COLUMNS

Row = Sequence[Any]


def make_orders(database: Database, rows: Iterable[Row] = (), table: str = "orders") -> None:
    """Create the table anew and fill it."""
    columns = ",\n".join(
        f"`{name}` {mysql_type} {'NULL' if nullable else 'NOT NULL'}"
        + (" DEFAULT CURRENT_TIMESTAMP" if mysql_type == "timestamp" else "")
        for name, mysql_type, nullable, *_ in COLUMNS
    )
    database.run(
        f"DROP TABLE IF EXISTS `{table}`",
        f"CREATE TABLE `{table}` ({columns})",
        # The shipped project has a source of these, too.
        "CREATE TABLE IF NOT EXISTS customers (id INT PRIMARY KEY, name VARCHAR(80))",
    )
    insert(database, rows, table)


def insert(database: Database, rows: Iterable[Row], table: str = "orders") -> None:
    """Add rows, with times taken as UTC."""
    marks = ", ".join(["%s"] * len(COLUMNS))
    with closing(database.admin("shop")) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION time_zone = '+00:00'")
        cursor.executemany(f"INSERT INTO `{table}` VALUES ({marks})", list(rows))


def fill(database: Database, count: int) -> None:
    """Add orders 2 to `count`, made by the server of order 1."""
    digits = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
    places = range(len(str(count)))
    number = " + ".join(f"d{place}.d * {10**place}" for place in places)
    tables = ", ".join(f"({digits}) AS d{place}" for place in places)
    others = ", ".join(f"o.{name}" for name, *_ in COLUMNS[1:])
    database.run(
        f"INSERT INTO orders SELECT n, {others} FROM orders AS o, "
        f"(SELECT {number} AS n FROM {tables}) AS numbers "
        f"WHERE o.id = 1 AND n BETWEEN 2 AND {count} ORDER BY n"
    )


def order(number: int, status: str = "completed", amount: str = "10.50", **others: object) -> Row:
    """Return a row: order `number`, one minute after the one before it."""
    moment = datetime(2024, 1, 1) + timedelta(minutes=number)
    values: dict[str, object] = {
        "id": number,
        "customer_id": 1 + number % 7,
        "status": status,
        "amount": amount,
        "currency": "EUR",
        "order_date": moment.date(),
        "created_at": moment,
        "updated_at": moment,
        "is_gift": number % 2,
        "item_count": 1 + number % 5,
        "weight": number / 8,
        "note": None,
    }
    values.update(others)
    return list(values.values())
