"""`python -m tests.engines.shipped`: would the shipped views and checks run on Spark?

It needs no warehouse: the types of the sample's tables stand here, and a test compares them with a
loaded sample.
"""

from __future__ import annotations

import sys

from warehouse.engines.translated_views import Outcome, translate_checks, translate_views
from warehouse.project.project import load_project

_ORDERS = {
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
TABLES = {
    "mysql_orders": _ORDERS,
    "mysql_orders_daily": _ORDERS,
    "mysql_customers": {
        "id": "UINTEGER",
        "name": "VARCHAR",
        "country": "VARCHAR",
        "segment": "VARCHAR",
        "signed_up_at": "TIMESTAMP",
        "updated_at": "TIMESTAMP WITH TIME ZONE",
    },
    "loads": {
        "started_at": "TIMESTAMP WITH TIME ZONE",
        "table_name": "VARCHAR",
        "rows": "BIGINT",
        "run_id": "VARCHAR",
    },
    "cached_days": {
        "table_name": "VARCHAR",
        "day": "DATE",
        "rows": "BIGINT",
        "asked_at": "TIMESTAMP WITH TIME ZONE",
        "run_id": "VARCHAR",
    },
    "snapshots": {
        "number": "BIGINT",
        "written_at": "TIMESTAMP WITH TIME ZONE",
        "writer": "VARCHAR",
        "part_of": "VARCHAR",
    },
}
"""The columns that the shipped files may read, and their types."""


def outcomes() -> list[Outcome]:
    """Translate all shipped views, and then all checks."""
    project = load_project()
    views = translate_views(project.views, TABLES)
    return [*views.values(), *translate_checks(project.checks, TABLES, views)]


def main() -> int:
    """Print what is refused. Returns the exit code."""
    refused = [outcome.refused for outcome in outcomes() if outcome.refused]
    for one in refused:
        print(one)
    return int(bool(refused))


if __name__ == "__main__":
    sys.exit(main())
