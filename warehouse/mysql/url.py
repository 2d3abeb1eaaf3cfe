"""Where the data comes from: a connection URL, taken apart once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from sqlalchemy.engine import make_url

from warehouse.errors import WarehouseError

TLS_MODES = ("disabled", "preferred", "required", "verify_ca", "verify_identity")
"""As in MySQL's own clients: https://dev.mysql.com/doc/refman/en/connection-options.html"""

COMPRESS = {"true": True, "zlib": True, "fast": True, "false": False}
"""What `compress` may say. zlib is what every server has, and how much it tries is the server's
choice: `fast` and `true` mean it too."""

FILES = ("ssl_ca", "ssl_cert", "ssl_key", "unix_socket")
PARAMETERS = ("ssl_mode", *FILES, "compress", "charset")
EXAMPLE = "mysql+pymysql://user:password@host:3306/shop"

SETTING = "WAREHOUSE_MYSQL_URL"
HIGHEST_PORT = 65535

ENCODED = "%@:/?#[]"
"""What separates the parts of a URL, https://www.rfc-editor.org/rfc/rfc3986#section-2.2; within a
part each is percent-encoded. Otherwise a password could pass for a host, a port or a database."""

# Half a surrogate pair is how Python shows a byte of the environment that is not UTF-8.
_UNREADABLE = r"\s\x00-\x1f\x7f\ud800-\udfff"
_TEXT = rf"(?:[^{re.escape(ENCODED)}{_UNREADABLE}]|%[0-9A-Fa-f]{{2}})*"
_FORM = re.compile(
    r"[A-Za-z][A-Za-z0-9+]*://"
    rf"(?:(?P<user>{_TEXT})(?::(?P<password>(?:{_TEXT}:)*{_TEXT}))?@)?"
    r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\])?(?::[0-9]{1,5})?"
    rf"(?:/(?P<database>{_TEXT}))?"
    rf"(?:\?[^@#{_UNREADABLE}]*)?"
)


@dataclass(frozen=True)
class Server:
    """One MySQL database: how to reach it, and how to name it to people.

    Attributes:
        label: Its name in source files; empty for the usual one.
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
    compressed: bool = False
    label: str = ""

    @property
    def name(self) -> str:
        """How people call it: never with the password."""
        address = f"{self.user}@{self.socket or f'{self.host}:{self.port}'}/{self.database}"
        return f"{self.label} ({address})" if self.label else address

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


def parse_url(url: str, setting: str = SETTING, folder: Path = Path()) -> Server:
    """Read a SQLAlchemy-style URL, TLS and compression as query parameters.

    `ssl_mode` is one of `TLS_MODES`; with only `ssl_ca` given it is `verify_identity`, as in
    PyMySQL, and `disabled` where no parameter speaks of TLS. `compress` is one of `COMPRESS`.

    Args:
        url: The value of the setting.
        setting: The setting's name, for the errors.
        folder: Where the paths of files in it count from: that of the project.

    Raises:
        WarehouseError: not such a URL, or one whose parts cannot be told apart for certain: then
            any part may be a piece of the password, and the text shows none of them.
    """
    if not _is_readable(url):
        raise _unusable(setting, "is not a connection URL that can be read")
    parsed = make_url(url)
    if parsed.get_backend_name() not in ("mysql", "mariadb"):
        raise _unusable(setting, f"starts with `{parsed.drivername}://`, which is not MySQL")
    if not parsed.database:
        raise _unusable(setting, "names no database")
    if (parsed.port or 0) > HIGHEST_PORT:
        raise _unusable(setting, f"has a port above {HIGHEST_PORT}")
    options = {
        # Runs change the working folder.
        key: str(folder.absolute() / str(value)) if key in FILES else str(value)
        for key, value in parsed.query.items()
    }
    if unknown := sorted(set(options) - set(PARAMETERS)):
        known = ", ".join(PARAMETERS)
        raise _unusable(setting, f"has the parameter `{unknown[0]}`; known are {known}")
    ca = options.get("ssl_ca")
    tls = options.get("ssl_mode", "verify_identity" if ca else "disabled").lower()
    if tls not in TLS_MODES:
        raise _unusable(setting, f"has an unknown ssl_mode; known are {', '.join(TLS_MODES)}")
    if tls.startswith("verify") and not ca:
        raise _unusable(setting, f"has ssl_mode={tls} without ssl_ca, the file to verify against")
    compress = options.get("compress", "false").lower()
    if compress not in COMPRESS:
        raise _unusable(setting, f"has an unknown compress; known are {', '.join(COMPRESS)}")
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
        compressed=COMPRESS[compress],
    )


def _is_readable(url: str) -> bool:
    """Whether the URL can be cut into its parts in one way only, and each part is text."""
    form = _FORM.fullmatch(url)
    return form is not None and all(_is_text(part or "") for part in form.groups())


def _is_text(encoded: str) -> bool:
    try:
        unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _unusable(setting: str, why: str) -> WarehouseError:
    characters = ", ".join(f"{character} as {quote(character, safe='')}" for character in ENCODED)
    return WarehouseError(
        f"{setting} {why}.",
        safe="Nothing was asked of any server.",
        todo=f"Its form is {EXAMPLE}. In the user, the password and the database write "
        f"{characters} and a space as %20; Python does it: urllib.parse.quote(password, safe='').",
    )
