"""Functions that exist with OVER alone."""

from __future__ import annotations

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark.rule import Call, Rule


def _shifted(function: str) -> Rule:
    def write(call: Call) -> str:
        shift = call.constant(1, f"Write {function}(x, 1).")
        if shift is None or not -(2**31) < int(shift) < 2**31:
            raise Refusal("Spark shifts by a constant number of rows.", f"Write {function}(x, 1).")
        value, _, default = call.args
        ignore, _, over = call.over.rpartition(" OVER ")
        return f"{function.upper()}({value}, {shift}, {default}){ignore} OVER {over}"

    return Rule(
        f"{function}(ANY, ANY, ANY)",
        write,
        probes=(
            f"{function}(s) over (order by k)",
            f"{function}(i, 2, -99) over (partition by g order by k)",
            f"{function}(i ignore nulls) over (order by k)",
        ),
    )


def _counted(name: str, spark: str) -> Rule:
    return Rule(
        f"{name}()",
        f"CAST({spark}(){{over}} AS {{type}})",
        "Spark's is an INT.",
        probes=(
            f"{name.replace('rank_dense', 'dense_rank')}() over (partition by g order by k)",
            f"{name.replace('rank_dense', 'dense_rank')}() over (order by s desc nulls last, k)",
        ),
    )


RULES = (
    _counted("row_number", "ROW_NUMBER"),
    _counted("rank", "RANK"),
    _counted("rank_dense", "DENSE_RANK"),
    Rule(
        "percent_rank()",
        "PERCENT_RANK(){over}",
        probes=("percent_rank() over (order by k)", "percent_rank() over (order by i)"),
    ),
    Rule(
        "cume_dist()",
        "CUME_DIST(){over}",
        probes=("cume_dist() over (order by k)", "cume_dist() over (order by g)"),
    ),
    Rule(
        "ntile(INT)",
        lambda call: f"CAST(NTILE({_positive(call)}){call.over} AS BIGINT)",
        "Spark's is an INT.",
        probes=("ntile(4) over (order by k)",),
    ),
    _shifted("lag"),
    _shifted("lead"),
    Rule(
        "first_value(ANY)",
        "FIRST_VALUE({0}){over}",
        probes=(
            "first_value(i) over (order by k)",
            "first_value(i ignore nulls) over (order by k)",
        ),
    ),
    Rule(
        "last_value(ANY)",
        "LAST_VALUE({0}){over}",
        probes=(
            "last_value(i) over (order by k)",
            "last_value(s) over (order by k rows between current row and unbounded following)",
        ),
    ),
    Rule(
        "nth_value(ANY, INT)",
        lambda call: f"NTH_VALUE({call.args[0]}, {_positive(call, 1)}){call.over}",
        probes=("nth_value(i, 2) over (order by k)",),
    ),
)


def _positive(call: Call, place: int = 0) -> str:
    number = call.constant(place, "Write a positive number.")
    if number is None or not 0 < int(number) < 2**31:
        raise Refusal("Spark takes a positive number here.", "Write a positive number.")
    return number
