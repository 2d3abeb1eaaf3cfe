"""Over a compressed connection everything comes as it does over another one, and smaller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import WarehouseEnv
from tests.servers.launch import Database
from tests.servers.loading import query
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.session import connect, rows
from warehouse.mysql.url import parse_url
from warehouse.sample.server import serve as serve_sample

MB = 1 << 20
PACKET = 0xFFFFFF
VALUE = "CONCAT(REPEAT(UNHEX(SHA2(n, 512)), size DIV 64), RIGHT(UNHEX(SHA2(n, 512)), size % 64))"
"""`size` bytes that zlib makes smaller."""
NOISE = "REPEAT((SELECT GROUP_CONCAT(UNHEX(SHA2(d, 512)) SEPARATOR '') FROM block), size DIV 64000)"
"""About `size` bytes that it cannot make smaller: they repeat after more than it remembers."""


@pytest.fixture
def big(server: Database) -> Iterator[Database]:
    """A server that takes large values, with a thousand numbers."""
    ((before,),) = server.run("SELECT @@GLOBAL.max_allowed_packet")
    server.run(
        f"SET GLOBAL max_allowed_packet = {128 * MB}",
        "CREATE TABLE digits (d INT)",
        "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
        "CREATE TABLE block AS SELECT a.d + 10 * b.d + 100 * c.d AS d FROM digits a, digits b, "
        "digits c",
    )
    yield server
    server.run(f"SET GLOBAL max_allowed_packet = {before}")


def compression(url: str) -> str:
    with connect(parse_url(url)) as connection:
        return str(rows(connection, "SHOW SESSION STATUS LIKE 'Compression'")[0][1])


def came(url: str, sql: str) -> list[dict[str, object]]:
    """Return the rows of a SELECT as they are read."""
    extraction = open_extraction(parse_url(url), query(sql))
    return [row for batch in extraction.batches() for row in batch.to_pylist()]


def test_it_is_on_where_the_url_says_so(server: Database) -> None:
    assert compression(server.url()) == "OFF"
    assert compression(f"{server.url()}?compress=fast") == "ON"


def test_under_tls(mysql: Database) -> None:
    mysql.start()
    url = f"{mysql.url()}?ssl_mode=required&compress=true"
    with connect(parse_url(url)) as connection:
        names = "'Compression', 'Ssl_version'"
        shown = dict(rows(connection, f"SHOW SESSION STATUS WHERE variable_name IN ({names})"))
    assert shown["Compression"] == "ON" and shown["Ssl_version"].startswith("TLS")
    numbers = "SELECT 1 AS n" + "".join(f" UNION ALL SELECT {n}" for n in range(2, 500))
    wide = f"SELECT n, REPEAT(n, 4000) AS v FROM ({numbers}) AS numbers"
    assert came(url, wide) == [{"n": n, "v": str(n) * 4000} for n in range(1, 500)]


def test_a_server_that_cannot_is_read_as_it_is(
    mysql: Database, warehouse_env: WarehouseEnv
) -> None:
    with serve_sample() as sample:
        warehouse_env.configure(mysql_url=f"{sample.url}?compress=true")
        warehouse_env.run("mysql_orders")
    assert warehouse_env.query("SELECT count(*) > 0 FROM mysql_orders") == [(True,)]
    mysql.start()
    ((before,),) = mysql.run("SELECT @@GLOBAL.protocol_compression_algorithms")
    mysql.run("SET GLOBAL protocol_compression_algorithms = 'uncompressed'")
    try:
        assert compression(f"{mysql.url()}?compress=true") == "OFF"
    finally:
        mysql.run(f"SET GLOBAL protocol_compression_algorithms = '{before}'")


sizes = st.one_of(
    st.integers(0, 200),  # frames under and over 50 bytes
    st.integers(16_300, 16_500),  # the server's buffer
    st.integers(PACKET - 120, PACKET + 120),  # a row of one packet, and of two
    st.integers(2 * PACKET - 20, 2 * PACKET + 20),
)


@given(chosen=st.lists(sizes, min_size=1, max_size=2))
@example(chosen=[PACKET - 90, PACKET - 80])
@example(chosen=[49, 50, 51, 16_384, 16_385])
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rows_around_every_limit(big: Database, chosen: list[int]) -> None:
    numbered = " UNION ALL ".join(f"SELECT {n} AS n, {s} AS size" for n, s in enumerate(chosen))
    for value in (VALUE, NOISE.replace("size DIV 64000", "CEIL(size / 64000)")):
        value = f"CAST(LEFT({value}, size) AS BINARY)"
        sql = f"SELECT n, {value} AS v, SHA2({value}, 256) AS sum FROM ({numbered}) AS sizes"
        assert came(f"{big.url()}?compress=true", sql) == came(big.url(), sql)


@pytest.mark.parametrize("over", [-30, -13, -1, 0, 1, 30, PACKET - 13, PACKET])
def test_a_command_of_several_frames(big: Database, over: int) -> None:
    """Its answer's packets are counted on from its frames."""
    sql = "SELECT LENGTH('')"
    size = PACKET + over - len(sql)
    with connect(parse_url(f"{big.url()}?compress=true")) as connection:
        assert rows(connection, f"{sql[:-2]}{'x' * size}')") == [(size,)]
        assert rows(connection, "SELECT 1") == [(1,)]
