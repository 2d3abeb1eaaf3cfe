"""Parts of dates and times, and their names and texts. Those with a zone are in UTC."""

from __future__ import annotations

import re

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.rule import Call, Rule, once, refuse
from warehouse.engines.spark.rules.casts import time_to_text

_MICROS = "UNIX_MICROS(CAST({0} AS TIMESTAMP))"


_TIMES = "DATE|TIMESTAMP|TIMESTAMPTZ"


_PARTS = {
    "year": "YEAR({0})",
    "month": "MONTH({0})",
    "day": "DAY({0})",
    "quarter": "QUARTER({0})",
    "dayofyear": "DAYOFYEAR({0})",
    "doy": "DAYOFYEAR({0})",
    "dayofmonth": "DAY({0})",
    "dayofweek": "(DAYOFWEEK({0}) - 1)",
    "weekday": "(DAYOFWEEK({0}) - 1)",
    "dow": "(DAYOFWEEK({0}) - 1)",
    "isodow": "(WEEKDAY({0}) + 1)",
    "week": "WEEKOFYEAR({0})",
    "weekofyear": "WEEKOFYEAR({0})",
    "isoyear": "EXTRACT(YEAROFWEEK FROM {0})",
}


_CLOCK = {
    "hour": "HOUR({0})",
    "minute": "MINUTE({0})",
    "second": "SECOND({0})",
    "millisecond": f"(PMOD({_MICROS}, 60000000L) DIV 1000L)",
    "microsecond": f"PMOD({_MICROS}, 60000000L)",
    "epoch_us": _MICROS,
}


_FORMATS = {
    "Y": "yyyy", "m": "MM", "d": "dd", "H": "HH", "M": "mm", "S": "ss", "f": "SSSSSS",
    "y": "yy", "j": "DDD", "B": "MMMM", "b": "MMM", "A": "EEEE", "a": "EEE", "I": "hh", "p": "a",
    "-d": "d", "-m": "M", "-H": "H", "-I": "h", "-M": "m", "-S": "s", "-j": "D",
    "x": "yyyy-MM-dd", "X": "HH:mm:ss",
}  # fmt: skip


def _part_of(call: Call) -> str:
    part = (call.constant(0, "Write date_part('year', x).") or "").lower()
    found = {**_PARTS, **_CLOCK}.get(part)
    if found is None:
        raise Refusal(
            f"no rule knows how Spark tells the {part}.", "Write year(x), month(x), day(x)."
        )
    if part == "year" and call.type_of(1) == "TIMESTAMP WITH TIME ZONE":
        return _zoned_year(call)
    return f"CAST({found.format(call.args[1])} AS {call.spark_type})"


def _zoned_year(call: Call) -> str:
    """DuckDB's years of times with a zone are 1, 2, 3 before the year 1, and not 0, -1, -2."""
    years = once(call.args[-1:], "GREATEST(YEAR({0}), 1 - YEAR({0}))")
    return f"CAST({years} AS {call.spark_type})"


def _quoted(plain: str) -> str:
    """Quote a text in a format: Java takes letters for a part of the time."""
    return "'" + plain.replace("'", "''") + "'" if plain else ""


def _formatted(call: Call) -> str:
    given = call.constant(1, "Write strftime(x, '%Y-%m-%d').")
    if given is None:
        return "CAST(NULL AS STRING)"
    written = plain = ""
    for place, part in enumerate(re.split("%(-?.)", given, flags=re.DOTALL)):
        if place % 2 == 0 or part == "%":
            plain += part
        elif part in _FORMATS:
            written += _quoted(plain)
            if written.endswith(_FORMATS[part][0]):
                raise Refusal(
                    f"Java reads %{part} and what stands before it as one part.",
                    "Write strftime(x, '%a') || strftime(x, '%A').",
                )
            written += _FORMATS[part]
            plain = ""
        else:
            raise Refusal(f"no rule knows %{part}.", "Write %Y, %m, %d, %H, %M, %S.")
    written += _quoted(plain)
    format_ = literals.text(written).replace("{", "{{").replace("}", "}}")
    return time_to_text(call.args[0], f"DATE_FORMAT({{0}}, {format_})")


_TODAY = "it is another one each time."


_ZONE = "Spark knows other offsets of old times."


RULES = (
    Rule(
        "year(TIMESTAMPTZ)",
        _zoned_year,
        "DuckDB's years of times with a zone are 1, 2, 3 before the year 1.",
        probes=("year(tz)", "year(tz - interval 3 year)", "date_part('year', tz - interval 1 day)"),
    ),
    *(
        Rule(
            f"{name}({_TIMES})",
            f"CAST({spark} AS {{type}})",
            "Spark's is an INT.",
            probes=(f"{name}(dt)", f"{name}(ts)", f"{name}(tz)"),
        )
        for name, spark in _PARTS.items()
        if name not in ("doy", "dow")
    ),
    *(
        Rule(
            f"{name}({_TIMES})",
            f"CAST({spark} AS {{type}})",
            "Spark's is an INT.",
            probes=(f"{name}(ts)", f"{name}(tz)"),
        )
        for name, spark in _CLOCK.items()
    ),
    Rule(
        f"date_part(VARCHAR, {_TIMES})",
        _part_of,
        probes=("date_part('year', ts)", "date_part('dow', dt)", "extract(doy from dt)"),
    ),
    Rule(
        "strftime(DATE|TIMESTAMP|TIMESTAMPTZ, VARCHAR)",
        _formatted,
        "The format is written as Java reads it.",
        probes=(
            "strftime(ts, '%Y-%m-%d %H:%M:%S')",
            "strftime(dt, '%d.%m.%Y')",
            "strftime(dt, '{%Y}')",
            "strftime(ts, '%y%j %B %b %A %a %I %p %f %%')",
            "strftime(dt, 'it''s %Y%%')",
            "strftime(ts, '%-d.%-m.%Y %-H:%-M:%-S %-I %-j')",
            "strftime(ts, '%x %X')",
            "strftime(tz, '%Y-%m-%d %H:%M:%S')",
            "strftime(dt, '%m%m')",
            "strftime(dt, '%y%Y')",
        ),
    ),
    refuse(
        "strptime(VARCHAR, VARCHAR)",
        "Spark reads other texts as a time.",
        "Load the column as DATE or DATETIME.",
        ("strptime(s, '%Y-%m-%d')",),
    ),
    Rule(f"last_day({_TIMES})", "LAST_DAY({0})", probes=("last_day(dt)", "last_day(ts)")),
    Rule(
        f"monthname({_TIMES})",
        "DATE_FORMAT({0}, 'MMMM')",
        probes=("monthname(dt)", "monthname(ts)"),
    ),
    Rule(f"dayname({_TIMES})", "DATE_FORMAT({0}, 'EEEE')", probes=("dayname(dt)", "dayname(ts)")),
    Rule(
        "make_date(INT, INT, INT)",
        "MAKE_DATE(CAST({0} AS INT), CAST({1} AS INT), CAST({2} AS INT))",
        probes=("make_date(2024, 2, 29)", "make_date(2000 + k, 1, 31)", "make_date(2023, 2, 29)"),
    ),
    refuse(
        "epoch(TIMESTAMPTZ)",
        "DuckDB adds the parts of such a time up, and the last digit differs.",
        "Write epoch(x::TIMESTAMP).",
        ("epoch(tz)",),
    ),
    Rule(
        "epoch(DATE|TIMESTAMP)",
        f"(CAST({_MICROS} AS DOUBLE) / 1E6D)",
        "Spark's is another type.",
        probes=("epoch(ts)", "epoch(dt)", "epoch(tz::timestamp)", "date_part('epoch', ts)"),
    ),
    Rule(
        f"epoch_ms({_TIMES})",
        f"(({_MICROS} + IF({_MICROS} < 0, -500L, 500L)) DIV 1000L)",
        "DuckDB rounds half away from 0.",
        probes=(
            *("epoch_ms(ts)", "epoch_ms(dt)", "epoch_ms(tz)"),
            *("epoch_ms(ts + interval 500 microsecond)", "epoch_ms(ts - interval 499 microsecond)"),
        ),
    ),
    refuse(
        "to_timestamp(FLOAT)",
        "Spark rounds the fraction otherwise.",
        "Keep the column a time.",
        ("to_timestamp(k)",),
    ),
    refuse(
        "timezone(VARCHAR, ANY)",
        _ZONE,
        "Convert it in the source's SELECT.",
        ("tz at time zone 'Europe/Berlin'", "ts at time zone 'Europe/Berlin'"),
    ),
    *(
        refuse(f"{name}()", _TODAY, "Read a time that a table holds.", (probe,))
        for name, probe in (
            ("now", "now()"),
            ("get_current_timestamp", "get_current_timestamp()"),
            ("current_date", "current_date"),
            ("today", "today()"),
            ("random", "random()"),
            ("uuid", "uuid()"),
            ("gen_random_uuid", "gen_random_uuid()"),
        )
    ),
)
