"""A schema that nobody chose for us: 200 tables, some with names that nobody should choose."""

from __future__ import annotations

from contextlib import closing
from itertools import product

from tests.servers.launch import READER, Database

DATABASE = "strange"
TABLES = 200
ODD = (
    *("select", "order", "ORDERS", "orders", "Orders", "1st", "2024", "with space", "a.b"),
    *("quo`te", "it's", 'dou"ble', "semi;colon", "dash--dash", "/*star*/", "per%cent", "{brace}"),
    *("back\\slash", "Größe", "客户", "новый", "mysql_orders", "mysql orders", "#1", "a\nb", "$"),
    *("loads", "snapshots", "type", "qualify", "utc_date", "into", "x" * 64, "客" * 40),
)
"""Names of tables that MySQL takes."""
AREAS = "billing shop crm stock web staff fleet support audit ads mail legal geo lab"
THINGS = "accounts orders items events notes files prices users visits tags jobs codes"
USUAL = tuple("_".join(parts) for parts in product(AREAS.split(), THINGS.split()))[: 200 - len(ODD)]
ODD_COLUMNS = ("key", "a b", "quo`te", "com,ma", "co:lon", "Größe", "per%s", "line\nbreak", "1")


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def make_strange(database: Database) -> None:
    """Make the schema anew, readable by the account that loads. Each table has one row."""
    with closing(database.admin()) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        cursor.execute(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
        cursor.execute(f"GRANT SELECT ON {DATABASE}.* TO {READER}@'%'")
        connection.select_db(DATABASE)
        for number, name in enumerate([*ODD, *USUAL]):
            odd = ODD_COLUMNS[number % len(ODD_COLUMNS)] if name in ODD else "code"
            comment = f"Table {number}" if name in ODD else name.replace("_", " ").capitalize()
            secret = "password_hash CHAR(60)," if name.endswith("_users") else ""
            cursor.execute(
                f"CREATE TABLE {quoted(name)} (id INT PRIMARY KEY, {quoted(odd)} INT NOT NULL, "
                f"{secret} made_at DATETIME, changed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP "
                f"ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY one ({quoted(odd)}), KEY by_day "
                f"(made_at)) COMMENT = '{comment}'"
            )
            cursor.execute(f"INSERT INTO {quoted(name)} (id, {quoted(odd)}) VALUES (1, 7)")
