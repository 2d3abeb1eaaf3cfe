"""TLS as the URL asks for it. MySQL makes its own certificates at its first start."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.conftest import WarehouseEnv
from tests.servers.launch import PASSWORD, Database
from tests.servers.loading import orders
from tests.servers.orders import make_orders, order
from warehouse.errors import WarehouseError
from warehouse.mysql.extract import open_extraction
from warehouse.mysql.url import parse_url

Connect = Callable[..., None]


@pytest.fixture
def connect(mysql: Database, warehouse_env: WarehouseEnv) -> Connect:
    """Load from an account that may only connect over TLS, with parameters in the URL."""
    mysql.start()
    mysql.run(
        f"CREATE USER IF NOT EXISTS careful@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL",
        "GRANT SELECT ON shop.* TO careful@'%'",
    )
    make_orders(mysql, [order(1)])

    def load(**parameters: object) -> None:
        url = f"{mysql.url(user='careful')}?{urlencode(parameters)}"
        warehouse_env.configure(mysql_url=url)
        warehouse_env.run("mysql_orders")
        assert warehouse_env.query("SELECT count(*) FROM mysql_orders") == [(1,)]

    return load


@pytest.fixture
def foreign_ca(tmp_path: Path) -> Path:
    """A certificate authority that never signed anything."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "foreign-ca.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return file


def test_required(connect: Connect) -> None:
    connect(ssl_mode="required")


def test_verified(connect: Connect, mysql: Database) -> None:
    connect(ssl_mode="verify_ca", ssl_ca=mysql.data / "ca.pem")


def test_a_client_certificate(connect: Connect, mysql: Database) -> None:
    files = {
        "ssl_ca": mysql.data / "ca.pem",
        "ssl_cert": mysql.data / "client-cert.pem",
        "ssl_key": mysql.data / "client-key.pem",
    }
    connect(ssl_mode="verify_ca", **files)


def test_a_server_of_somebody_else(connect: Connect, foreign_ca: Path) -> None:
    with pytest.raises(WarehouseError, match=r"do not agree on TLS.*certificate verify failed"):
        connect(ssl_mode="verify_ca", ssl_ca=foreign_ca)


def test_a_server_of_another_name(connect: Connect, mysql: Database) -> None:
    with pytest.raises(WarehouseError, match="do not agree on TLS"):
        connect(ssl_mode="verify_identity", ssl_ca=mysql.data / "ca.pem")


def test_relative_files_count_from_the_project_folder(tmp_path: Path) -> None:
    url = "mysql+pymysql://u:p@h/shop?ssl_ca=certs/ca.pem&unix_socket=/run/my.sock"
    server = parse_url(url, folder=tmp_path)
    assert (server.ca, server.socket) == (str(tmp_path / "certs/ca.pem"), "/run/my.sock")


def test_a_file_that_is_not_there(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match=r"TLS file .*cannot be read"):
        connect(ssl_mode="verify_ca", ssl_ca=tmp_path / "nowhere.pem")


@pytest.mark.parametrize(
    ("parameters", "transport"),
    [
        ("", "TCP/IP"),
        ("?ssl_mode=disabled", "TCP/IP"),
        ("?ssl_mode=preferred", "SSL/TLS"),
        ("?ssl_mode=required", "SSL/TLS"),
    ],
)
def test_each_connection_is_as_asked(mysql: Database, parameters: str, transport: str) -> None:
    mysql.start()
    make_orders(mysql, [order(1)])
    mysql.clear_log()
    server = parse_url(mysql.url() + parameters)
    extraction = open_extraction(server, orders())
    assert sum(batch.num_rows for batch in extraction.batches()) == 1

    connections = mysql.connections()
    assert len(connections) == 2
    assert all(text.endswith(transport) for text in connections), connections


def test_preferred_where_there_is_none(mariadb: Database) -> None:
    mariadb.start()
    make_orders(mariadb, [order(1)])
    server = parse_url(mariadb.url() + "?ssl_mode=preferred")
    extraction = open_extraction(server, orders())
    assert sum(batch.num_rows for batch in extraction.batches()) == 1
