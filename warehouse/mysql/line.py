"""How much the line to the server carries, measured with an answer that cannot be compressed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from pymysql.connections import Connection
from pymysql.constants import CLIENT

from warehouse.mysql.inspect import round_trip_seconds
from warehouse.mysql.session import optional, rows

FIRST_BYTES = 16_000
LARGEST_BYTES = 4_000_000
AIM_SECONDS = 0.5
"""The second answer is as long as the line takes about so long for, by the first one."""

_BLOCK_BYTES = 64_000  # 1,000 hashes: zlib remembers half as much, and so sees no repetition
_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
_NOISE = f"""
SELECT LEFT(block, %s) FROM (
  SELECT GROUP_CONCAT(UNHEX(SHA2(a.d + 10 * b.d + 100 * c.d, 512)) SEPARATOR '') AS block
  FROM ({_DIGITS}) AS a, ({_DIGITS}) AS b, ({_DIGITS}) AS c
) AS noise, ({_DIGITS}) AS a, ({_DIGITS}) AS b LIMIT %s
"""


@dataclass(frozen=True)
class Line:
    """What is between here and the server.

    Attributes:
        round_trip_seconds: From a question that is no work to its answer.
        bytes_per_second: What arrives of an answer that cannot be compressed.
        compressed: Whether this connection is.
        can_compress: Whether the server offers it.
    """

    round_trip_seconds: float
    bytes_per_second: float
    compressed: bool
    can_compress: bool


def measure_line(connection: Connection[Any]) -> Line:
    """Have the server make two answers of noise, and time them: about a second, 4 MB at most."""
    round_trip = round_trip_seconds(connection)

    def speed(size: int) -> float:
        """Return the bytes a second of an answer of so many bytes or more."""
        began = time.perf_counter()
        answer = rows(connection, _NOISE, min(size, _BLOCK_BYTES), -(-size // _BLOCK_BYTES))
        seconds = time.perf_counter() - began - round_trip
        return sum(len(block) for (block,) in answer) / max(seconds, 1e-6)

    first = speed(FIRST_BYTES)
    further = speed(round(max(FIRST_BYTES, min(LARGEST_BYTES, first * AIM_SECONDS))))
    status = dict(optional(connection, "SHOW SESSION STATUS LIKE 'Compression'"))
    return Line(
        round_trip_seconds=round_trip,
        bytes_per_second=max(first, further),
        compressed=status.get("Compression") == "ON",
        can_compress=bool(connection.server_capabilities & CLIENT.COMPRESS),  # type: ignore[attr-defined]
    )
