"""Quantiles: the values in their order, and the place of one among them, as DuckDB counts it."""

from __future__ import annotations

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.rule import Call, Rule, once, refuse

_FLAT = "INT|UINT|HUGEINT|DECIMAL|FLOAT|BOOLEAN|VARCHAR|UUID|DATE|TIMESTAMP|TIMESTAMPTZ"
_MOST_DIGITS = 9
_SHORT = ("TINYINT", "SMALLINT", "INTEGER")


def _fraction(call: Call) -> tuple[int, int]:
    """Return the quantile as a whole number and a power of 10: 0.25 is 25 and 100.

    Raises:
        Refusal: it is not one number from 0 to 1 of a few digits.
    """
    quantiles = call.node.data["quantiles"]
    if len(quantiles) == 1 and not call.node.data["desc"] and not quantiles[0]["is_null"]:
        type_, value = quantiles[0]["type"], quantiles[0]["value"]
        info = type_.get("type_info") or {"scale": 0}
        if type_["id"] in ("DECIMAL", "INTEGER") and 0 <= info["scale"] <= _MOST_DIGITS:
            return int(value), 10 ** info["scale"]
    raise Refusal("no rule knows such quantiles.", "Write a constant such as 0.25, one at a time.")


def _sorted(call: Call, value: str) -> str:
    if call.distinct or call.node.orders:
        raise Refusal("Spark has no DISTINCT here.", "Take the DISTINCT in a subquery.")
    return f"SORT_ARRAY(COLLECT_LIST({value}){call.over})"


def _discrete(call: Call) -> str:
    value, scale = _fraction(call)
    size = "CAST(SIZE({0}) AS BIGINT)"
    place = f"GREATEST(1L, {size} - ({size} * {scale - value}L DIV {scale}L))"
    taken = f"TRY_ELEMENT_AT({{0}}, CAST({place} AS INT))"
    return once((_sorted(call, call.args[0]),), taken)


def _continuous(call: Call) -> str:
    value, scale = _fraction(call)
    # Halves, and quarters of 32 bits, are exact. Of others a processor may round once or twice.
    if 2 * value % scale and (4 * value % scale or call.type_of(0) not in _SHORT):
        raise Refusal(
            "the last digit of such a value is the processor's own.",
            "Write quantile_disc(x, 0.3), or the quarters of INTEGER.",
        )
    row = f"(CAST(SIZE({{0}}) - 1 AS DOUBLE) * {value / scale!r}D)"
    # Of no values the place is before the first one, and there is none.
    low, high = (
        f"TRY_ELEMENT_AT({{0}}, CAST(GREATEST({function}({row}), 0L) + 1L AS INT))"
        for function in ("FLOOR", "CEIL")
    )
    part = f"({row} - CAST(FLOOR({row}) AS DOUBLE))"
    between = f"({low} * (1D - {part}) + {high} * {part})"
    template = f"IF({part} = 0D, {low}, {between})"
    return once((_sorted(call, f"CAST({call.args[0]} AS DOUBLE)"),), template)


_PLACE = "Spark takes another row."

RULES = (
    Rule(
        f"quantile_disc({_FLAT}, FLOAT)",
        _discrete,
        _PLACE,
        probes=(
            *("quantile_disc(k, 0.3)", "quantile_disc(s, 0.07)", "quantile_disc(d, 0.95)"),
            *("quantile_disc(dt, 0.5)", "quantile_disc(i, 0.25) filter (k < 0)"),
            "percentile_disc(0.75) within group (order by k)",
        ),
    ),
    Rule(
        "quantile_cont(INT|FLOAT, FLOAT)",
        _continuous,
        "Spark interpolates otherwise.",
        probes=(
            *("quantile_cont(k, 0.25)", "quantile_cont(i, 0.75)", "quantile_cont(b, 0.5)"),
            *("quantile_cont(d::double, 0.5)", "quantile_cont(i, 0.25) filter (k < 0)"),
            *("quantile_cont(k, 0.3)", "quantile_cont(b, 0.25)"),
        ),
    ),
    Rule(
        "median(INT|FLOAT)",
        _continuous,
        "Spark interpolates otherwise.",
        probes=("median(i)", "median(k)", "median(b)", "median(f + 0)", "median(d::double)"),
    ),
    *(
        refuse(
            f"{name}(ANY{more})",
            "Spark interpolates otherwise.",
            "Write quantiles by row_number() over (order by x).",
            (probe,),
        )
        for name, more, probe in (
            ("median", "", "median(d)"),
            ("quantile_cont", ", ANY", "quantile_cont(d, 0.3)"),
            ("quantile_disc", ", ANY", "quantile_disc(k, [0.3, 0.5])"),
        )
    ),
)
