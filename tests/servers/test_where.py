"""A source is the user's own SQL: its condition arrives as it is written."""

from __future__ import annotations

from tests.servers.launch import Database
from tests.servers.loading import load
from tests.servers.orders import make_orders, order

CONDITIONS = {
    "note LIKE '%ha?f%' OR note = ':name' OR note = '%s' OR note LIKE 'żółć%'": 4,
    "note = 'it''s \"quoted\" \\\\ {x}' OR note LIKE '100%%'": 2,
    "id > 4 -- and nothing else )": 2,
    "id > 4 # and nothing else )": 2,
    "id IN (SELECT MAX(id) FROM orders) /* the last */": 1,
    "order_date >= CURRENT_DATE - INTERVAL 30 DAY": 0,
}
NOTES = ["100% haéf ha?f", ":name", "%s", 'it\'s "quoted" \\ {x}', "żółć 🎁", None]


def test_any_condition(server: Database) -> None:
    make_orders(server, [order(number, note=note) for number, note in enumerate(NOTES, 1)])
    found = {condition: load(server, "orders", condition)[1].rows for condition in CONDITIONS}
    assert found == CONDITIONS
