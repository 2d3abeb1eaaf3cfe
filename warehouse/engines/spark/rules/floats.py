"""Floats that become whole ones, or are rounded: by the same steps as DuckDB, each of them exact.

Spark's own functions make a BIGINT of a DOUBLE, or round what Java shows of it. Its RINT rounds to
a whole DOUBLE, half to even; all others follow from that. The sign of 0 is kept as in C.
"""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.rule import Call, Rule, once

_FLOOR = "(RINT({0}) - IF(RINT({0}) > {0}, 1D, 0D))"
_CEIL = "(- (RINT(- {0}) - IF(RINT(- {0}) > - {0}, 1D, 0D)))"
_TRUNC = f"IF({{0}} < 0D, {_CEIL}, {_FLOOR})"
_ROUND = f"({_TRUNC} + IF(ABS({{0}} - {_TRUNC}) >= 0.5D, SIGN({{0}}), - 0D))"
_MOST_PLACES = 15


def _of_double(template: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        whole = once((f"CAST({call.args[0]} AS DOUBLE)",), template)
        return f"CAST({whole} AS {call.spark_type})"

    return write


def _round_to_places(call: Call) -> str:
    """DuckDB multiplies, rounds half away from 0, and divides; what becomes infinite stays."""
    places = call.constant(1, "Write round(x, 2).")
    if call.type != "DOUBLE":
        raise Refusal("Spark does not always round to FLOAT.", "Cast to DOUBLE first.")
    if places is None or not 0 <= int(places) <= _MOST_PLACES:
        raise Refusal(
            "Spark rounds before the point otherwise.", f"Write 0 to {_MOST_PLACES} places."
        )
    power = f"1E{int(places)}D"
    rounded = once((f"({{0}} * {power})",), f"({_ROUND} / {power})")
    kept = f"CASE WHEN ABS({{0}} * {power}) < DOUBLE('Infinity') THEN {rounded} ELSE {{0}} END"
    return once((call.args[0],), kept)


_STEPS = "Spark's makes a BIGINT of it."

RULES = (
    Rule("floor(FLOAT)", _of_double(_FLOOR), _STEPS, probes=("floor(f)", "floor(fl)")),
    Rule("ceil(FLOAT)", _of_double(_CEIL), _STEPS, probes=("ceil(f)", "ceil(f / 7)", "ceil(fl)")),
    Rule("ceiling(FLOAT)", _of_double(_CEIL), _STEPS, probes=("ceiling(f)",)),
    Rule(
        "trunc(FLOAT)",
        _of_double(_TRUNC),
        "Spark's trunc is one of dates.",
        probes=("trunc(f)", "trunc(f / 3)", "trunc(fl)"),
    ),
    Rule(
        "round(FLOAT)",
        _of_double(_ROUND),
        "Spark rounds floats by another rule.",
        probes=("round(f)", "round(k / 4)", "round(0 - k / 4)", "round(fl)"),
    ),
    Rule(
        "round(FLOAT, INT)",
        _round_to_places,
        "Spark rounds floats by another rule.",
        probes=(
            *("round(f, 1)", "round(f, 2)", "round(f, 0)", "round(f, 15)", "round(k / 7, 3)"),
            *("round(k / 200, 2)", "round(d::double * 1.1, 2)", "round(fl, 1)"),
        ),
    ),
    Rule(
        "%(FLOAT, FLOAT)",
        lambda call: once(
            call.args, f"IF({{1}} = 0, CAST({{0}} * 'NaN' AS {call.spark_type}), {{0}} % {{1}})"
        ),
        "Spark fails where the divisor is 0.",
        probes=("f % 3", "f % 0", "f % f", "f % -2.5", "fl % fl"),
    ),
)
