"""Dates and times: arithmetic, and what lies between. Those with a zone are in UTC."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.expression import CONSTANT, Node
from warehouse.engines.spark.rule import Call, Rule, constant, once, refuse

_UNITS = {
    "to_years": (12, 0, 0),
    "to_quarters": (3, 0, 0),
    "to_months": (1, 0, 0),
    "to_weeks": (0, 7, 0),
    "to_days": (0, 1, 0),
    "to_hours": (0, 0, 3_600_000_000),
    "to_minutes": (0, 0, 60_000_000),
    "to_seconds": (0, 0, 1_000_000),
    "to_milliseconds": (0, 0, 1_000),
    "to_microseconds": (0, 0, 1),
}
"""Months, days and microseconds of DuckDB's functions that make an interval."""


_MICROS = "UNIX_MICROS(CAST({0} AS TIMESTAMP))"


_TIMES = "DATE|TIMESTAMP|TIMESTAMPTZ"


_TRUNCATED = {
    **{name: name.upper() for name in ("year", "quarter", "month", "week", "day")},
    **{name: name.upper() for name in ("hour", "minute", "second")},
    "milliseconds": "MILLISECOND",
    "millisecond": "MILLISECOND",
    "microseconds": "MICROSECOND",
    "microsecond": "MICROSECOND",
}


def interval(node: Node) -> tuple[int, int, int]:
    """Return a constant interval: months, days, microseconds.

    Raises:
        Refusal: it is none.
    """
    if node.name == CONSTANT and node.value and not node.value["is_null"]:
        held = node.value["value"]
        return held["months"], held["days"], held["micros"]
    if node.name in _UNITS:
        count = constant(node.children[0])
        if isinstance(count, str) and count.lstrip("-").isdigit():
            months, days, micros = (int(count) * unit for unit in _UNITS[node.name])
            return months, days, micros
    raise Refusal("Spark needs a constant interval here.", "Write interval 3 day, or date + n.")


def _moved(sign: int, turned: bool = False) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        start, other = (1, 0) if turned else (0, 1)
        months, days, micros = interval(call.node.children[other])
        if call.type == "TIMESTAMP WITH TIME ZONE" and (months or days):
            pass  # in UTC each day has 24 hours
        written = f"CAST({call.args[start]} AS {call.spark_type})"
        for count, unit in ((months, "MONTH"), (days, "DAY")):
            if count:
                written = f"({written} + INTERVAL '{sign * count}' {unit})"
        if micros:
            whole, rest = divmod(abs(micros), 1_000_000)
            minus = "-" if (micros < 0) != (sign < 0) else ""
            written = f"({written} + INTERVAL '{minus}{whole}.{rest:06}' SECOND)"
        return written

    return write


_MOVED = "DATE_FROM_UNIX_DATE(UNIX_DATE({0}) {sign} {1})"
"""Spark's DATE_ADD goes round, without an error, where the sum of the days is too large."""

_DAYS_BETWEEN = "(CAST(UNIX_DATE({0}) AS BIGINT) - UNIX_DATE({1}))"
"""Spark's DATEDIFF is an INT, and goes round as well."""


def _quarters(type_: str) -> str:
    """DuckDB cuts off before the year 1, too, but not for times with a zone."""
    if type_ == "TIMESTAMP WITH TIME ZONE":
        return "((YEAR({1}) - YEAR({0})) * 4 + QUARTER({1}) - QUARTER({0}))"
    months = "(YEAR({0}) * 12 + MONTH({0}) - 1)"
    return f"({months.replace('{0}', '{1}')} DIV 3 - {months} DIV 3)"


def _days_later(call: Call) -> str:
    return _MOVED.format(*call.args, sign="+")


def _truncated(call: Call) -> str:
    part = (call.constant(0, "Write date_trunc('month', x).") or "").lower()
    if part not in _TRUNCATED:
        raise Refusal(f"no rule knows how Spark truncates to {part}.", "Write year, month or day.")
    truncated = f"DATE_TRUNC('{_TRUNCATED[part]}', CAST({call.args[1]} AS TIMESTAMP))"
    return f"CAST({truncated} AS {call.spark_type})"


def _difference(call: Call) -> str:
    """date_diff counts the borders of a part that lie between two times."""
    part = (call.constant(0, "Write date_diff('day', x, y).") or "").lower().removesuffix("s")
    day = _DAYS_BETWEEN.format("{1}", "{0}")
    month = "((YEAR({1}) - YEAR({0})) * 12 + MONTH({1}) - MONTH({0}))"
    written = {
        "day": day,
        "week": f"({day} DIV 7)",  # the one part whose borders DuckDB does not count
        "month": month,
        "quarter": _quarters(call.type_of(1)),
        "year": "(YEAR({1}) - YEAR({0}))",
    }
    clock = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "millisecond": 1_000,
             "microsecond": 1}  # fmt: skip
    operands = call.args[1:]
    if part in clock:
        sides = [_MICROS.replace("{0}", f"{{{place}}}") for place in (1, 0)]
        later, earlier = (
            f"(({side} - PMOD({side}, {clock[part]}L)) DIV {clock[part]}L)" for side in sides
        )
        return once(operands, f"({later} - {earlier})")
    if part not in written:
        raise Refusal(f"no rule knows a difference in {part}.", "Write 'day' or 'month'.")
    dates = [f"CAST({operand} AS DATE)" for operand in operands]
    return f"CAST({once(dates, written[part])} AS BIGINT)"


RULES = (
    Rule("+(DATE, INT)", _days_later, probes=("dt + 1", "dt + k")),
    Rule("+(INT, DATE)", _MOVED.format("{1}", "{0}", sign="+"), probes=("1 + dt",)),
    Rule("-(DATE, INT)", _MOVED.format("{0}", "{1}", sign="-"), probes=("dt - 1", "dt - k")),
    Rule(
        "-(DATE, DATE)",
        _DAYS_BETWEEN,
        "Spark's is an interval.",
        probes=("dt - date '2020-01-01'", "date '5000-01-01' - (dt - 2146000000)"),
    ),
    Rule(
        f"+({_TIMES}, INTERVAL)",
        _moved(1),
        "Months first, then days, then the clock.",
        probes=(
            "dt + interval 1 day",
            "ts + interval 1 month",
            "tz + interval 2 hour",
            "ts + interval 90 minute",
            "ts + interval '1 year 2 days'",
            "dt + interval 1 month",
            "ts + interval 1500 millisecond",
        ),
    ),
    Rule(f"+(INTERVAL, {_TIMES})", _moved(1, turned=True), probes=("interval 1 day + dt",)),
    Rule(
        f"-({_TIMES}, INTERVAL)",
        _moved(-1),
        "Months first, then days, then the clock.",
        probes=(
            "dt - interval 1 month",
            "ts - interval 1 day",
            "ts - interval 30 second",
            "tz - interval 1 week",
        ),
    ),
    refuse(
        f"-({_TIMES}, {_TIMES})",
        "an interval has no equal in Spark.",
        "Write date_diff('second', x, y), or cast both to DATE.",
        ("ts - timestamp '2020-01-01'",),
    ),
    Rule(
        f"date_trunc(VARCHAR, {_TIMES})",
        _truncated,
        probes=(
            "date_trunc('month', ts)",
            "date_trunc('month', dt)",
            "date_trunc('week', dt)",
            "date_trunc('day', tz)",
            "date_trunc('hour', ts)",
            "date_trunc('year', ts)",
            "date_trunc('quarter', dt)",
            "date_trunc('milliseconds', ts)",
            "date_trunc('day', ts)",
        ),
    ),
    Rule(
        f"date_diff(VARCHAR, {_TIMES}, {_TIMES})",
        _difference,
        "Spark counts whole parts, DuckDB the borders between.",
        probes=(
            "date_diff('day', dt, date '2024-12-30')",
            "date_diff('month', dt, date '2024-12-30')",
            "datediff('week', dt, date '2024-12-30')",
            "date_diff('hour', ts, timestamp '2024-12-30 12:30:00')",
            "date_diff('year', ts, timestamp '2024-12-30')",
            "date_diff('day', ts, timestamp '2024-12-30 23:59:59')",
            "date_diff('quarter', dt, date '2024-12-30')",
            "date_diff('quarter', dt - 800000, dt)",
            "date_diff('quarter', tz - interval 5 year, tz)",
            "date_diff('second', ts, timestamp '1960-01-01 00:00:00.5')",
        ),
    ),
    refuse(
        f"date_sub(VARCHAR, {_TIMES}, {_TIMES})",
        "no rule knows the whole parts between two times.",
        "Write date_diff.",
        ("date_sub('month', dt, date '2024-12-30')",),
    ),
    refuse(
        "time_bucket(INTERVAL, ANY)",
        "Spark has none.",
        "Write date_trunc.",
        ("time_bucket(interval 1 week, dt)",),
    ),
    refuse(
        "age(ANY, ...)",
        "an interval has no equal in Spark.",
        "Write date_diff.",
        ("age(ts, timestamp '2020-01-01')",),
    ),
)
