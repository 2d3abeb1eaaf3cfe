"""The tables of the sample, described as data: all else in here follows from this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from warehouse.settings import SHIPPED

DATABASE = "shop"


class TableColumn(NamedTuple):
    """A column, as CREATE TABLE says it in a real MySQL, and how DuckDB holds it."""

    name: str
    mysql_type: str
    nullable: bool
    duckdb_type: str
    comment: str


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: As clients call it.
        comment: What it holds.
        csv: The file with its rows; NULL is written `\\N`.
        columns: In the order of the file.
        key: The names of the primary key's columns; empty where the table has none.
        as_of: A query of the rows at the end of a `last_day`, from those of the file, `moved` so
            that they end with `first_use`; None where each day shows the same rows.
    """

    name: str
    comment: str
    csv: Path
    columns: tuple[TableColumn, ...]
    key: tuple[str, ...] = ()
    as_of: str | None = None


_ORDERS_AS_OF = """
WITH later AS (  -- four weeks of orders come again and again, with new numbers
  SELECT * EXCLUDE (n) REPLACE (
    CAST(id + n * (SELECT max(id) - min(id) + 1 FROM moved WHERE order_date > {first_use} - 28)
      AS UBIGINT) AS id,
    order_date + CAST(28 * n AS INTEGER) AS order_date,
    created_at + to_days(CAST(28 * n AS INTEGER)) AS created_at,
    updated_at + to_days(CAST(28 * n AS INTEGER)) AS updated_at
  )
  FROM moved, range(1, 1 + (27 + greatest(0, {last_day} - {first_use})) // 28) AS again (n)
  WHERE order_date > {first_use} - 28
),
settling AS (  -- what is completed was pending on its own day: from the first use's eve on
  SELECT *, lower(trim(status)) = 'completed' AND CAST(updated_at AS DATE) = order_date
    AND (order_date = {first_use} - 1 OR order_date > {first_use}) AS settles
  FROM (FROM moved UNION ALL FROM later)
)
SELECT * EXCLUDE (settles) REPLACE (
  CASE WHEN settles AND order_date = {last_day} THEN 'pending' ELSE status END AS status,
  CASE WHEN settles AND order_date < {last_day} THEN updated_at + to_days(1)
    ELSE updated_at END AS updated_at
)
FROM settling
WHERE greatest(order_date, CAST(updated_at AS DATE)) <= {last_day}
"""

ORDERS = Table(
    name="orders",
    comment="Orders of the sample shop, with the dirt that real tables have",
    csv=SHIPPED / "data" / "orders.csv",
    columns=(
        TableColumn("id", "bigint unsigned", True, "UBIGINT", "Order number"),
        TableColumn("customer_id", "int unsigned", True, "UINTEGER", "Who ordered"),
        TableColumn(
            "status",
            "varchar(20)",
            False,
            "VARCHAR",
            "Where the order stands, as the shop wrote it",
        ),
        TableColumn(
            "amount", "decimal(12,2)", False, "DECIMAL(12,2)", "Order total; negative for a refund"
        ),
        TableColumn("currency", "char(3)", False, "VARCHAR", "ISO 4217 code of the amount"),
        TableColumn("order_date", "date", False, "DATE", "Day of the order, UTC"),
        TableColumn("created_at", "datetime(6)", False, "TIMESTAMP", "Moment of the order, UTC"),
        TableColumn("updated_at", "timestamp", False, "TIMESTAMPTZ", "Last change of the row"),
        TableColumn("is_gift", "tinyint(1)", False, "TINYINT", "1: wrapped as a gift"),
        TableColumn("item_count", "smallint", False, "SMALLINT", "Items in the order"),
        TableColumn("weight", "double", True, "DOUBLE", "Kilograms, if weighed"),
        TableColumn("note", "varchar(80)", True, "VARCHAR", "What the customer asked for"),
    ),
    as_of=_ORDERS_AS_OF,
)
"""The shop repeats the row of an order that changed, so it has no key."""

CUSTOMERS = Table(
    name="customers",
    comment="Customers of the sample shop, with and without orders",
    csv=SHIPPED / "data" / "customers.csv",
    columns=(
        TableColumn("id", "int unsigned", False, "UINTEGER", "Customer number"),
        TableColumn("name", "varchar(100)", False, "VARCHAR", "First and last name, as typed"),
        TableColumn("country", "char(2)", True, "VARCHAR", "ISO 3166 code, if known"),
        TableColumn("segment", "varchar(20)", False, "VARCHAR", "private, business or public"),
        TableColumn("signed_up_at", "datetime", False, "TIMESTAMP", "When they signed up, UTC"),
        TableColumn("updated_at", "timestamp", False, "TIMESTAMPTZ", "Last change of the row"),
    ),
    key=("id",),
)

TABLES = (ORDERS, CUSTOMERS)
