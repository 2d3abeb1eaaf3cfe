"""Nothing waits for ever: a connection that no longer brings bytes is told from one that works."""

from __future__ import annotations

import time
from datetime import date

import pytest

from tests.servers.launch import Database
from tests.servers.loading import orders
from tests.servers.proxy import proxy
from tests.servers.thin_line import thin_line
from warehouse.errors import WarehouseError
from warehouse.mysql import protocol, watch
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.fingerprints import ask_days
from warehouse.mysql.plan import Days, describe
from warehouse.mysql.url import parse_url

MINUTE = 60


@pytest.fixture
def table(server: Database) -> Database:
    """A server with a table of some 20 MB."""
    server.run(
        "CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(1000))",
        "INSERT INTO orders (v) VALUES (REPEAT('x', 1000))",
        *["INSERT INTO orders (v) SELECT v FROM orders"] * 14,
        "ANALYZE TABLE orders",
    )
    return server


@pytest.mark.parametrize("swallows", [False, True], ids=["server waits", "server has sent all"])
@pytest.mark.parametrize("compress", ["false", "true"], ids=["plain", "compressed"])
def test_the_network_falls_silent(
    table: Database, swallows: bool, compress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 2.0)
    if compress == "true":  # as many bytes on the network
        noise = ", ".join(f"SHA2(CONCAT(id, '-{n}'), 512)" for n in range(7))
        table.run(*[f"INSERT INTO orders (v) SELECT CONCAT({noise}) FROM orders"] * 2)
    with proxy(table, after=3_000_000, swallows=swallows) as (network, url):
        extraction = open_extraction(parse_url(f"{url}?compress={compress}"), orders())
        began = time.monotonic()
        with pytest.raises(WarehouseError, match="the connection is dead") as caught:
            for _ in extraction.batches():
                pass
    assert network.silent.is_set()
    assert 2 < time.monotonic() - began < MINUTE / 3
    assert extraction.rows > 0
    assert "Check the network" in str(caught.value)


@pytest.mark.parametrize("compress", ["false", "true"], ids=["plain", "compressed"])
def test_a_block_that_takes_long_is_no_silence(
    table: Database, compress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over a thin line bytes come all the time, and rows are handed on now and then."""
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "BLOCK_BYTES", 8_000_000)
    kilobits = {"false": 40_000, "true": 200}[compress]
    with thin_line((table.host, table.port), kilobits * 1000, 0.01) as port:
        url = f"{table.url()}?compress={compress}".replace(f":{table.port}/", f":{port}/")
        extraction = open_extraction(parse_url(url), orders())
        began = time.monotonic()
        assert sum(batch.num_rows for batch in extraction.batches()) == 2**14
    assert time.monotonic() - began > 2


def test_a_query_that_works_for_its_first_row_is_waited_for(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 0.5)
    server.run("CREATE TABLE orders (id INT PRIMARY KEY)", "INSERT INTO orders VALUES (1), (2)")
    extraction = open_extraction(parse_url(server.url()), orders("SLEEP(2.5) = 0"))
    assert sum(batch.num_rows for batch in extraction.batches()) == 2
    looks = [query for query in server.queries() if query == "SHOW PROCESSLIST"]
    assert len(looks) > 2


def test_a_reader_that_is_slow_is_no_silence(
    table: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 0.2)
    extraction = open_extraction(parse_url(table.url()), orders())
    for number, _ in enumerate(extraction.batches()):
        if number < 3:
            time.sleep(1)
    assert extraction.rows == 2**14


def test_an_account_with_one_connection(table: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be asked is no reason to give up."""
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 0.3)
    table.run(
        "CREATE USER IF NOT EXISTS single@'%' IDENTIFIED BY 'one' WITH MAX_USER_CONNECTIONS 1",
        "GRANT SELECT ON shop.* TO single@'%'",
    )
    server = parse_url(table.url(user="single", password="one"))
    extraction = open_extraction(server, orders("id < 2 AND SLEEP(2) = 0"))
    assert sum(batch.num_rows for batch in extraction.batches()) == 1


def test_a_count_of_days_whose_network_falls_silent(
    server: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENCE_SECONDS", 1.0)
    server.run(
        "CREATE TABLE orders (id INT PRIMARY KEY, day DATE, updated_at DATETIME)",
        "INSERT INTO orders VALUES (1, '2026-01-01', '2026-01-01'), (2, '2026-01-02', NULL)",
    )
    with proxy(server) as (network, url):
        plan = describe(parse_url(url), orders("SLEEP(1) = 0"))
        days = Days("day", ((date(2026, 1, 1), date(2026, 1, 3)),))
        began = time.monotonic()
        with (
            pytest.raises(WarehouseError, match="the connection is dead"),
            ask_days(plan, days, key=("id",), updated="updated_at") as asked,
        ):
            network.mute()  # the server still counts, and its answer is lost
            asked.counted(lambda _: None)
    assert time.monotonic() - began < MINUTE / 3
