"""`python -m tests.service`: the README's commands against a server that somebody else runs.

For what a service container or a cloud offers and the tests cannot start themselves. Takes
SERVICE_URL, `mysql+pymysql://root:password@host:port/shop`: an account that may create accounts
and the table `orders`, which is REPLACED. Exit code 1 and a sentence where something differs.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import duckdb
import pymysql
from sqlalchemy.engine import URL, make_url

from warehouse.sample.generate import CSV, NULL
from warehouse.sample.server import COLUMNS
from warehouse.settings import ROOT

READER, PASSWORD = "warehouse", "p@ss:w/rd%"
PATIENCE_SECONDS = 120
FACTS = "COUNT(*), SUM(id), SUM(amount), MIN(order_date), MAX(order_date), COUNT(note)"


def connect(url: URL) -> pymysql.Connection[pymysql.cursors.Cursor]:
    """Connect, waiting for a server that is still starting."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return pymysql.connect(
                host=url.host,
                port=url.port or 3306,
                user=url.username,
                password=url.password or "",
                autocommit=True,
                init_command="SET SESSION time_zone = '+00:00'",
            )
        except pymysql.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(2)


def fill(cursor: pymysql.cursors.Cursor, database: str) -> None:
    """Make the account of the README, and the table of the sample."""
    cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4")
    cursor.execute(f"USE `{database}`")
    cursor.execute("DROP TABLE IF EXISTS orders")
    columns = ", ".join(
        f"`{name}` {type_} {'NULL' if nullable else 'NOT NULL'} COMMENT '{comment}'"
        for name, type_, nullable, _, comment in COLUMNS
    )
    cursor.execute(f"CREATE TABLE orders ({columns})")
    with CSV.open(newline="", encoding="utf-8") as file:
        rows = [[None if cell == NULL else cell for cell in row] for row in csv.reader(file)][1:]
    cursor.executemany(f"INSERT INTO orders VALUES ({', '.join(['%s'] * len(COLUMNS))})", rows)
    cursor.execute(f"CREATE USER IF NOT EXISTS {READER}@'%%' IDENTIFIED BY %s", [PASSWORD])
    cursor.execute(f"GRANT SELECT ON `{database}`.orders TO {READER}@'%'")


def main() -> None:
    """Fill, load, change a day, refresh, compare."""
    url = make_url(os.environ["SERVICE_URL"])
    with (
        closing(connect(url)) as connection,
        connection.cursor() as cursor,
        tempfile.TemporaryDirectory() as folder,
    ):
        fill(cursor, str(url.database))
        cursor.execute("SELECT VERSION(), MIN(order_date) FROM orders")
        version, first = cursor.fetchone() or ()
        print(f"Loading from {version} at {url.host}:{url.port} ...", file=sys.stderr)
        path = Path(folder) / "warehouse.duckdb"
        reader = url.set(username=READER, password=PASSWORD)
        env = {
            **os.environ,
            "WAREHOUSE_MYSQL_URL": reader.render_as_string(hide_password=False),
            "WAREHOUSE_PATH": str(path),
            "WAREHOUSE_DAILY_START": str(first),
            "DAGSTER_HOME": folder,
        }

        def warehouse(*arguments: str) -> str:
            command = [sys.executable, "-m", "warehouse", *arguments]
            return subprocess.run(
                command, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
            ).stdout

        def same(*tables: str) -> None:
            cursor.execute(f"SELECT {FACTS} FROM orders")
            truth = cursor.fetchone()
            with duckdb.connect(str(path.resolve()), read_only=True) as opened:
                for table in tables:
                    found = opened.execute(f"SELECT {FACTS} FROM {table}").fetchone()
                    if found != truth:
                        sys.exit(f"{table} is {found}, and orders is {truth}.")

        warehouse("materialize")
        same("mysql_orders")
        warehouse("materialize", "mysql_orders_daily")
        same("mysql_orders", "mysql_orders_daily")
        cursor.execute(
            "UPDATE orders SET amount = amount + 1, updated_at = NOW() - INTERVAL 5 SECOND "
            "WHERE order_date = '2026-01-15'"
        )
        if "1 day" not in warehouse("refresh"):
            sys.exit("The refresh after a change of one day did not load one day.")
        same("mysql_orders_daily")
        if "nothing was read" not in warehouse("refresh"):
            sys.exit("The refresh after no change read something.")
        print(f"{version}: the cache is the table.")


if __name__ == "__main__":
    main()
