"""Where the data comes from: a connection URL, taken apart once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, urlencode

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from warehouse.errors import WarehouseError
from warehouse.settings import ROOT

TLS_MODES = ("disabled", "preferred", "required", "verify_ca", "verify_identity")
"""As in MySQL's own clients: https://dev.mysql.com/doc/refman/en/connection-options.html"""

FILES = ("ssl_ca", "ssl_cert", "ssl_key", "unix_socket")
PARAMETERS = ("ssl_mode", *FILES, "charset")
EXAMPLE = "mysql+pymysql://user:password@host:3306/shop"


@dataclass(frozen=True)
class Server:
    """One MySQL database: how to reach it, and how to name it to people.

    Attributes:
        plugin: By which plugin the account logs in; empty before it did.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: str = "disabled"
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    socket: str | None = None
    plugin: str = ""

    @property
    def name(self) -> str:
        """How people call it: never with the password."""
        return f"{self.user}@{self.socket or f'{self.host}:{self.port}'}/{self.database}"

    @property
    def address(self) -> str:
        """The same as a link for metadata, without the user."""
        return f"mysql://{self.host}:{self.port}/{self.database}"

    def redact(self, text: str) -> str:
        """Take the password, as it is, encoded or as Python shows it, out of a text."""
        word = self.password
        forms = {word, quote(word, safe=""), quote(word), quote_plus(word)}
        forms |= {repr(word)[1:-1], ascii(word)[1:-1], repr(word.encode())[2:-1]}
        for secret in sorted(forms - {""}, key=len, reverse=True):
            # A password of a letter or two is part of many words: as one of its own it is secret.
            edge = r"\b" if len(secret) < 3 and secret.isalnum() else ""
            text = re.sub(edge + re.escape(secret) + edge, "***", text)
        return text

    def connectorx_url(self) -> str:
        """The URL in ConnectorX's words, with the password in it."""
        # It looks for a Unix socket by itself otherwise: "Access denied" in the server's log.
        options = {"prefer_socket": "false", "ssl-mode": self.tls}
        if self.ca:
            options["ssl-ca"] = self.ca
        account = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mysql://{account}@{host}:{self.port}/{quote(self.database, safe='')}?" + urlencode(
            options, safe="/"
        )


def parse_url(url: str) -> Server:
    """Read a SQLAlchemy-style URL, TLS as query parameters.

    `ssl_mode` is one of `TLS_MODES`; with only `ssl_ca` given it is `verify_identity`, as in
    PyMySQL, and `disabled` where no parameter speaks of TLS.

    Raises:
        WarehouseError: not such a URL; the text shows the form, never what was given.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _unusable("is not a connection URL") from None
    if parsed.get_backend_name() not in ("mysql", "mariadb"):
        raise _unusable(f"starts with `{parsed.drivername}://`, which is not MySQL")
    if not parsed.database:
        raise _unusable("names no database")
    if "@" in (parsed.host or ""):
        raise _unusable("has an @ in its user or password (write it as %40)")
    options = {
        # Files count from the root, as in all settings: runs change the working folder.
        key: str(ROOT / str(value)) if key in FILES else str(value)
        for key, value in parsed.query.items()
    }
    unknown = sorted(set(options) - set(PARAMETERS))
    if unknown:
        raise _unusable(f"has the parameter `{unknown[0]}`; known are {', '.join(PARAMETERS)}")
    ca = options.get("ssl_ca")
    tls = options.get("ssl_mode", "verify_identity" if ca else "disabled").lower()
    if tls not in TLS_MODES:
        raise _unusable(f"has ssl_mode={tls}; known are {', '.join(TLS_MODES)}")
    if tls.startswith("verify") and not ca:
        raise _unusable(f"has ssl_mode={tls} without ssl_ca, the file to verify against")
    return Server(
        host=parsed.host or "127.0.0.1",
        port=parsed.port or 3306,
        database=parsed.database,
        user=parsed.username or "",
        password=parsed.password or "",
        tls=tls,
        ca=ca,
        cert=options.get("ssl_cert"),
        key=options.get("ssl_key"),
        socket=options.get("unix_socket"),
    )


def _unusable(why: str) -> WarehouseError:
    return WarehouseError(
        f"WAREHOUSE_MYSQL_URL {why}.",
        safe="Nothing was asked of any server.",
        todo=f"Its form is {EXAMPLE}; special characters in the password are percent-encoded.",
    )
