"""A value that has no counterpart becomes NULL and is counted; everything else stays exact."""

from __future__ import annotations

import duckdb
import pytest

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.orders import make_orders, order

JSON_OF_MARIADB = {
    "a quote with a backslash": r'{"name":"O\\\'Brien"}',
    "a point at the end": "[1.]",
    "too large a number": "[1e400]",
    "half an escape": r'{"a":"\\u12"}',
    "a comma too many": "[1,]",
    "no number": '{"a":NaN}',
    "a plus": "[+1]",
    "a point at the beginning": "[.5]",
    "a minus alone": "[-]",
    "half an exponent": "[1e]",
    "something behind": '{"a":1} x',
    "the same name twice": '{"":1, "":2}',
    "a control character": '"\x01\x7f"',
    "a lone surrogate": r'"\\ud800"',
    "a comment": '/* c */ {"a":1}',
    "nothing": "",
    "blanks": "   ",
    "zeros in front": "[007]",
    "single quotes": r"[\'a\']",
}


def test_text_that_is_not_utf8(mariadb: Database, warehouse_env: WarehouseEnv) -> None:
    """MariaDB takes surrogates that somebody encoded one by one (CESU-8)."""
    mariadb.start()
    make_orders(mariadb, [order(number) for number in range(1, 5)])
    mariadb.run(
        "ALTER TABLE orders ADD part INT NOT NULL DEFAULT 5, MODIFY id BIGINT UNSIGNED NOT NULL, "
        "ADD v VARCHAR(50) CHARACTER SET utf8mb3, ADD w TEXT CHARACTER SET utf8mb4, ADD b BLOB, "
        "ADD PRIMARY KEY (id, part)",
        "UPDATE orders SET v = 'ok', w = 'ok', b = x'ff' WHERE id = 1",
        "UPDATE orders SET v = _utf8mb3 x'EDA0BDEDB880', w = 'x', b = x'EDA080' WHERE id = 2",
        "UPDATE orders SET v = 'y', w = _utf8mb4 x'41EDA08042' WHERE id = 3",
        "UPDATE orders SET v = _utf8mb3 x'EDA0BDEDB880', b = '' WHERE id = 4",
    )
    result = run(mariadb, warehouse_env)
    assert warehouse_env.query("SELECT id, v, w, b FROM mysql_orders ORDER BY id") == [
        (1, "ok", "ok", b"\xff"),
        (2, None, "x", b"\xed\xa0\x80"),
        (3, "y", None, None),
        (4, None, None, b""),
    ]
    assert result == {
        "v": {"count": 2, "first": "id=2, part=5"},
        "w": {"count": 1, "first": "id=3, part=5"},
    }
    assert warehouse_env.query("SELECT invalid_values, first_invalid FROM loads") == [
        ({"v": 2, "w": 1}, {"v": "id=2, part=5", "w": "id=3, part=5"})
    ]


@pytest.mark.parametrize("what", JSON_OF_MARIADB)
def test_json_that_is_none(mariadb: Database, warehouse_env: WarehouseEnv, what: str) -> None:
    mariadb.start()
    make_orders(mariadb, [order(1), order(2)])
    mariadb.run(
        "ALTER TABLE orders ADD j JSON",
        "SET check_constraint_checks = 0",
        "UPDATE orders SET j = '{\"a\": 1.10}' WHERE id = 1",
        f"UPDATE orders SET j = '{JSON_OF_MARIADB[what]}' WHERE id = 2",
    )
    ((stored,),) = mariadb.run("SELECT j FROM orders WHERE id = 2")
    invalid = run(mariadb, warehouse_env)
    kept = stored if _duckdb_takes(stored) else None
    assert warehouse_env.query("SELECT id, j::VARCHAR FROM mysql_orders ORDER BY id") == [
        (1, '{"a": 1.10}'),
        (2, kept),
    ]
    assert invalid == ({} if kept else {"j": {"count": 1, "first": "row 2 of the result"}})


def _duckdb_takes(text: str) -> bool:
    try:
        duckdb.execute("SELECT CAST(? AS JSON)", [text])
    except duckdb.Error:
        return False
    return True


def run(database: Database, env: WarehouseEnv) -> dict[str, object]:
    """Load the table, and return what the run counted."""
    env.configure(mysql_url=database.url())
    result = env.run("mysql_orders")
    (event,) = result.asset_materializations_for_node("mysql_orders")
    found = event.metadata["invalid_values"].value
    assert isinstance(found, dict)
    return found
