"""The tables of the file: what views may read besides each other."""

from warehouse.store import cached_days as days
from warehouse.store import history, ledger

ORDERS = "mysql_orders"
ORDERS_DAILY = "mysql_orders_daily"
SOURCES = (ORDERS, ORDERS_DAILY)
KNOWN_TABLES = (*SOURCES, ledger.TABLE, days.TABLE, history.TABLE)

DAY_COLUMN = "order_date"
"""The column whose days `mysql_orders_daily` is cut into."""

KEY, UPDATED = ("id",), "updated_at"
"""The columns that tell its rows apart, and the one with the time of a row's last update."""
