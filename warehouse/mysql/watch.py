"""Whether a silent query still works: its state is asked for on a second connection.

A network that lets no more bytes through, such as one whose NAT forgot the connection, looks like a
query that takes long: nothing comes, and nobody hangs up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from warehouse.errors import WarehouseError
from warehouse.mysql.server_errors import SAFE, no_connection_free
from warehouse.mysql.session import connect, rows
from warehouse.mysql.url import Server

SILENCE_SECONDS = 15.0
"""After so long without a byte the query's state is asked for, and again after each such time."""
ASK_SECONDS = 10.0
"""So long the server has to answer that."""
STRIKES = 2
"""A query is given up when it was found not to work so often in a row."""

_SENDING = ("Writing to net", "Sending to client")
"""The states, of MariaDB and of MySQL, of a query that waits for the network to take its rows."""


@dataclass
class Watch:
    """Watches one query, which runs on the connection of this number."""

    server: Server
    connection_id: int
    _heard: float = field(default_factory=time.monotonic)
    _asked: float = field(default_factory=time.monotonic)
    _strikes: int = 0

    def heard(self) -> None:
        """Note that something came."""
        self._heard = self._asked = time.monotonic()
        self._strikes = 0

    def look(self) -> None:
        """Called now and then while nothing comes: ask for the query's state when it is time.

        Raises:
            WarehouseError: the query is gone, or its bytes do not arrive; or the server is gone.
        """
        if time.monotonic() - self._asked < SILENCE_SECONDS:
            return
        found = self._fault()
        self._asked = time.monotonic()
        self._strikes = self._strikes + 1 if found else 0
        if found and self._strikes >= STRIKES:
            silent = time.monotonic() - self._heard
            raise WarehouseError(
                f"Nothing came from MySQL at {self.server.name} for {silent:.0f} s, and {found}: "
                "the connection is dead.",
                safe=SAFE,
                todo="Check the network between here and there (VPN, NAT, firewall); run again.",
            )

    def _fault(self) -> str:
        """Say what is wrong with the query; empty if it works, or if that cannot be told."""
        try:
            with connect(self.server, within=ASK_SECONDS) as connection:
                processes = rows(connection, "SHOW PROCESSLIST")
        except WarehouseError as error:
            limited = no_connection_free(error)
            return "" if limited else "a second connection cannot be opened"
        state = {row[0]: (str(row[4]), str(row[6])) for row in processes}.get(self.connection_id)
        if state is None:
            return "the server no longer knows the query"
        command, doing = state
        if command == "Sleep":
            return "the server has sent all of it"
        return "the server waits for the network to take its rows" if doing in _SENDING else ""
