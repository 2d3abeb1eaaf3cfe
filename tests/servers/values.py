"""Values of every type: as a SQL literal for the server, and what they are in Python."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Values:
    """A column of a MySQL type, what it is in DuckDB, and its values.

    Attributes:
        known: Pairs of a literal and the value it must become.
        invalid: Literals that no date stands for; they become NULL and are counted.
        only: The one kind of server that has the type.
    """

    mysql: str
    duckdb: str
    known: tuple[tuple[str, Any], ...]
    invalid: tuple[str, ...] = ()
    only: str | None = None

    @property
    def rows(self) -> list[tuple[str, Any]]:
        """All values with what they become; where the column takes it, also NULL."""
        nothing = [] if "NOT NULL" in self.mysql else [("NULL", None)]
        return [*self.known, *nothing, *((literal, None) for literal in self.invalid)]


def _float32(value: float) -> float:
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def _integers(mysql: str, duckdb: str, *values: int) -> Values:
    return Values(mysql, duckdb, tuple((str(value), value) for value in values))


def _decimals(mysql: str, duckdb: str, *values: str, only: str | None = None) -> Values:
    exact = str if duckdb == "VARCHAR" else Decimal
    return Values(mysql, duckdb, tuple((value, exact(value)) for value in values), only=only)


def _texts(mysql: str, *values: str, only: str | None = None) -> Values:
    return Values(mysql, "VARCHAR", tuple((_literal(value), value) for value in values), only=only)


def _blobs(mysql: str, *values: bytes) -> Values:
    return Values(mysql, "BLOB", tuple((f"x'{value.hex()}'", value) for value in values))


def _vectors(mysql: str, *values: list[float]) -> Values:
    known = (
        (f"STRING_TO_VECTOR('{value}')", [_float32(number) for number in value]) for value in values
    )
    return Values(mysql, "FLOAT[]", tuple(known), only="mysql")


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\0")
    return f"'{escaped}'"


def _point(x: float, y: float) -> bytes:
    return struct.pack("<BIdd", 1, 1, x, y)


_AWKWARD = (
    "",
    " leading, trailing ",
    'line\nnew\r\n\ttab "quoted" \\ \\n',
    "a\0b",
    "🎁 żółć",
    r"\N",
    "NULL",
)
_UUIDS = (
    "123e4567-e89b-12d3-a456-426614174000",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
)
_INVALID_DATES = (
    "'0000-00-00'",
    "'2024-00-15'",
    "'2024-05-00'",
    "'2024-02-31'",
    "'2023-02-29'",
    "'0000-03-01'",
)
_INVALID_TIMES = tuple(f"{literal[:-1]} 12:30:00'" for literal in _INVALID_DATES)
_DATES = (
    ("'0001-01-01'", date(1, 1, 1)),
    ("'1582-10-10'", date(1582, 10, 10)),
    ("'1900-02-28'", date(1900, 2, 28)),
    ("'1969-12-31'", date(1969, 12, 31)),
    ("'2000-02-29'", date(2000, 2, 29)),
    ("'2024-12-31'", date(2024, 12, 31)),
    ("'9999-12-31'", date(9999, 12, 31)),
)
_TIMES = (
    ("'0001-01-01 00:00:00.000001'", datetime(1, 1, 1, microsecond=1)),
    ("'1969-12-31 23:59:59.999999'", datetime(1969, 12, 31, 23, 59, 59, 999999)),
    ("'2024-03-31 02:30:00'", datetime(2024, 3, 31, 2, 30)),
    ("'9999-12-31 23:59:59.999999'", datetime(9999, 12, 31, 23, 59, 59, 999999)),
)
_DOUBLES = (
    ("0.1", 0.1),
    ("1.7976931348623157e308", 1.7976931348623157e308),
    ("-2.2250738585072014e-308", -2.2250738585072014e-308),
    ("123456789.12345678", 123456789.12345678),
    ("1e22", 1e22),
)
_FLOATS = tuple(
    (str(value), _float32(value))
    for value in (0.1, 16777217.0, 123456.789, 3.4028234e38, -1.17549435e-38, 1 / 3)
)

VALUES = [
    _integers("TINYINT", "TINYINT", -128, 0, 127),
    _integers("TINYINT UNSIGNED", "UTINYINT", 0, 255),
    _integers("TINYINT(1)", "TINYINT", 0, 1, 2, -128, 127),
    _integers("SMALLINT", "SMALLINT", -(2**15), 2**15 - 1),
    _integers("SMALLINT UNSIGNED", "USMALLINT", 0, 2**16 - 1),
    _integers("MEDIUMINT", "INTEGER", -(2**23), 2**23 - 1),
    _integers("MEDIUMINT UNSIGNED", "UINTEGER", 0, 2**24 - 1),
    _integers("INT", "INTEGER", -(2**31), 2**31 - 1),
    _integers("INT UNSIGNED", "UINTEGER", 0, 2**32 - 1),
    _integers("INT(8) ZEROFILL", "UINTEGER", 0, 42, 2**32 - 1),
    _integers("BIGINT", "BIGINT", -(2**63), 2**63 - 1, 2**53 + 1),
    _integers("BIGINT UNSIGNED", "UBIGINT", 0, 2**63, 2**64 - 1),
    _integers("BIGINT NOT NULL", "BIGINT", *range(20)),
    _integers("YEAR", "SMALLINT", 0, 1901, 2155),
    _decimals("DECIMAL(12,2)", "DECIMAL(12,2)", "0.00", "0.01", "-9999999999.99"),
    _decimals(
        "DECIMAL(38,10)", "DECIMAL(38,10)", *(f"{s}{'9' * 28}.{'9' * 10}" for s in ("", "-"))
    ),
    _decimals("DECIMAL(38,0)", "DECIMAL(38,0)", "9" * 38, "-1"),
    _decimals("DECIMAL(38,30)", "DECIMAL(38,30)", f"{'9' * 8}.{'9' * 30}", f"-0.{'0' * 29}1"),
    _decimals("DECIMAL(38,38)", "DECIMAL(38,38)", f"-0.{'0' * 37}1", only="mariadb"),
    _decimals("DECIMAL(5,0) UNSIGNED ZEROFILL", "DECIMAL(5,0)", "7", "99999"),
    _decimals("DECIMAL(39,1)", "VARCHAR", f"{'9' * 38}.9", "-0.1"),
    _decimals("DECIMAL(65,30)", "VARCHAR", f"-{'9' * 35}.{'9' * 30}", f"0.{'0' * 29}1"),
    Values("FLOAT", "FLOAT", _FLOATS),
    Values("FLOAT(7,3)", "FLOAT", (("1234.567", _float32(1234.567)), ("-0.001", _float32(-0.001)))),
    Values("DOUBLE", "DOUBLE", _DOUBLES),
    Values("DOUBLE(10,2)", "DOUBLE", (("12345678.91", 12345678.91), ("-0.01", -0.01))),
    # MariaDB stores it as 0.
    Values("FLOAT", "FLOAT", (("-0e0", -0.0),), only="mysql"),
    Values("DOUBLE", "DOUBLE", (("-0e0", -0.0),), only="mysql"),
    Values("BIT(1)", "BOOLEAN", (("b'0'", False), ("b'1'", True))),
    Values("BIT(7)", "UBIGINT", (("b'0'", 0), ("b'1111111'", 127))),
    Values("BIT(64)", "UBIGINT", (("0", 0), (str(2**64 - 1), 2**64 - 1))),
    Values("DATE", "DATE", _DATES, _INVALID_DATES),
    Values("DATE NOT NULL", "DATE", _DATES, _INVALID_DATES),
    Values("DATETIME(6)", "TIMESTAMP", _TIMES, _INVALID_TIMES),
    Values("DATETIME(6) NOT NULL", "TIMESTAMP", _TIMES, _INVALID_TIMES),
    Values("DATETIME", "TIMESTAMP", (("'1000-01-01'", datetime(1000, 1, 1)),), _INVALID_TIMES),
    Values(
        "DATETIME(3)",
        "TIMESTAMP",
        (("'2024-01-01 00:00:00.123'", datetime(2024, 1, 1, microsecond=123000)),),
    ),
    Values(
        "TIMESTAMP(6) NULL",
        "TIMESTAMP WITH TIME ZONE",
        (
            ("'1970-01-01 00:00:01'", _utc(1970, 1, 1, 0, 0, 1)),
            ("'2024-10-27 01:30:00.5'", _utc(2024, 10, 27, 1, 30, 0, 500000)),
            ("'2038-01-19 03:14:07.999999'", _utc(2038, 1, 19, 3, 14, 7, 999999)),
        ),
        ("'0000-00-00'",),
    ),
    Values(
        "TIMESTAMP NOT NULL DEFAULT '2024-01-01 00:00:00'",
        "TIMESTAMP WITH TIME ZONE",
        (("'2024-01-01 00:00:00'", _utc(2024, 1, 1)),),
        ("'0000-00-00'",),
    ),
    Values(
        "TIME(6)",
        "INTERVAL",
        (
            ("'838:59:59'", timedelta(hours=838, minutes=59, seconds=59)),
            ("'-838:59:59'", -timedelta(hours=838, minutes=59, seconds=59)),
            ("'-00:00:00.000001'", -timedelta(microseconds=1)),
            ("'23:59:59.999999'", timedelta(hours=23, minutes=59, seconds=59, microseconds=999999)),
            ("'00:00:00'", timedelta()),
        ),
    ),
    Values(
        "TIME",
        "INTERVAL",
        (
            ("'-12:00:00'", -timedelta(hours=12)),
            ("'100:00:01'", timedelta(hours=100, seconds=1)),
        ),
    ),
    _texts("CHAR(40)", "", "abc", " leading", "🎁"),
    Values("CHAR(10) CHARACTER SET latin1", "VARCHAR", (("'abc   '", "abc"),)),  # as MySQL gives it
    _texts("VARCHAR(100)", *_AWKWARD),
    _texts("VARCHAR(100) CHARACTER SET latin1", "", "é", "Größe €", "a\0b"),
    _texts("VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", *_AWKWARD),
    _texts("VARCHAR(40) CHARACTER SET ucs2", "漢字 é"),
    _texts("TINYTEXT", *_AWKWARD),
    _texts("TEXT", *_AWKWARD),
    _texts("MEDIUMTEXT", *_AWKWARD),
    _texts("LONGTEXT", *_AWKWARD, '{"json": "only by looks"}'),
    _texts("ENUM('a', 'b ä', '', 'x,y')", "a", "b ä", "", "x,y"),
    _texts("SET('x', 'y', 'ü')", "", "x", "x,y,ü"),
    _blobs("BINARY(4)", b"\0\1\0\0", b"\xff\xfe\xfd\xfc"),
    Values("BINARY(3)", "BLOB", (("x'61'", b"a\0\0"),)),
    _blobs("VARBINARY(20)", b"", b"\0", b"\xff\0\xfe", "é".encode()),
    _blobs("TINYBLOB", b"", bytes(range(255))),
    _blobs("BLOB", b"", bytes(range(256))),
    _blobs("MEDIUMBLOB", b"\0" * 1000),
    _blobs("LONGBLOB", bytes(range(256)) * 40),
    Values(
        "JSON",
        "JSON",
        tuple(
            (_literal(json.dumps(value, ensure_ascii=False)), json.dumps(value, ensure_ascii=False))
            for value in ({"a": 1.5, "b": None}, [1, "🎁\n\"'\\", 2**64 - 1], "", [], {})
        ),
    ),
    Values("GEOMETRY", "BLOB", (("ST_GeomFromText('POINT(1 -2.5)')", _point(1, -2.5)),)),
    Values("POINT", "BLOB", (("ST_GeomFromText('POINT(0.1 1e300)')", _point(0.1, 1e300)),)),
    Values("UUID", "UUID", tuple((f"'{u}'", UUID(u)) for u in _UUIDS), only="mariadb"),
    _texts("INET4", "1.2.3.4", "255.255.255.255", only="mariadb"),
    _texts("INET6", "::1", "2001:db8::ff00:42:8329", only="mariadb"),
    _vectors("VECTOR(3)", [1.5, -2.25, 3e-10], [0.1, 123456.789, -0.0]),
    _vectors("VECTOR", [1.0], [1.0, 2.0, 3.0, 4.0]),
]
