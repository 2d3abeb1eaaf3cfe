"""Lists, structs, rows and maps."""

from __future__ import annotations

import duckdb

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.rule import Call, Rule, once, refuse
from warehouse.engines.spark.types import field_names


def _struct(call: Call) -> str:
    fields = duckdb.sqltype(call.type).children
    names = field_names([name for name, _ in fields])
    pairs = (
        f"{literals.text(name[1:-1].replace('``', '`'))}, {arg}"
        for name, arg in zip(names, call.args, strict=True)
    )
    return f"NAMED_STRUCT({', '.join(pairs)})"


def _field(call: Call) -> str:
    wanted = call.constant(1, "Name the field.")
    fields = [name for name, _ in duckdb.sqltype(call.type_of(0)).children]
    place = _place_of(wanted, fields)
    return f"{call.args[0]}.{field_names(fields)[place]}"


def _place_of(wanted: str | None, fields: list[str]) -> int:
    if wanted is not None and wanted.isdigit() and not all(fields):
        return int(wanted) - 1
    for place, name in enumerate(fields):
        if wanted is not None and name.lower() == wanted.lower():
            return place
    raise Refusal("no rule knows this field.", "Name the field: x.name.")


def _list(call: Call) -> str:
    return f"CAST(ARRAY({', '.join(call.args)}) AS {call.spark_type})"


def _element(call: Call) -> str:
    place = call.constant(1, "Write x[1].")
    if place is None or place == "0":
        return f"CAST(NULL AS {call.spark_type})"
    return f"TRY_ELEMENT_AT({call.args[0]}, {int(place)})"


def _contains(call: Call) -> str:
    return once(
        call.args,
        "CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN "
        "COALESCE(ARRAY_CONTAINS({0}, {1}), FALSE) END",
    )


_LAMBDA = "no rule knows functions with lambdas."
_UNNEST = "Unnest the list, and aggregate again."

RULES = (
    Rule(
        "struct_pack(ANY, ...)",
        _struct,
        probes=("{'a': k, 'b': s}", "struct_pack(x := d, y := ts)"),
    ),
    Rule("row(ANY, ...)", _struct, probes=("(k, s) is not distinct from (k, s)",)),
    Rule(
        "struct_extract(STRUCT|TUPLE, VARCHAR|INT)",
        _field,
        probes=(
            "({'a': k, 'B': s}).b",
            "struct_extract({'a': k}, 'a')",
        ),
    ),
    Rule("array_extract(STRUCT, VARCHAR)", _field, probes=("{'a': k, 'b c': s}['b c']",)),
    Rule("list_value(ANY, ...)", _list, probes=("[k, i]", "[s, null, 'x']", "list_value(d, 1)")),
    Rule(
        "array_extract(LIST, INT)",
        _element,
        probes=("[10, k, 30][2]", "[k][5]", "[k, i][-1]", "[k][0]"),
    ),
    Rule(
        "list_extract(LIST, INT)",
        _element,
        probes=("list_extract([k, i], 2)", "list_element([k], 1)"),
    ),
    Rule("len(LIST)", "CAST(SIZE({0}) AS BIGINT)", probes=("len([k, i])", "array_length([k])")),
    Rule(
        "list_contains(LIST, ANY)",
        _contains,
        "Spark makes NULL of a list with NULL in it.",
        probes=("list_contains([k, i], 2)", "list_has([s, 'a', null], 'a')", "2 in [k, i]"),
    ),
    Rule("contains(LIST, ANY)", _contains, probes=("contains([k, i], 2)",)),
    Rule(
        "map(LIST, LIST)",
        "MAP_FROM_ARRAYS({0}, {1})",
        probes=("map([k], [s])", "map {'a': k, 'b': i}"),
    ),
    Rule(
        "map_extract_value(MAP, ANY)",
        "TRY_ELEMENT_AT({0}, {1})",
        probes=("map {'a': k}['a']", "map {'a': k}['b']"),
    ),
    Rule("map_keys(MAP)", "MAP_KEYS({0})", probes=("map_keys(map {'a': k, 'b': i})",)),
    Rule("map_values(MAP)", "MAP_VALUES({0})", probes=("map_values(map {'a': k, 'b': i})",)),
    Rule(
        "cardinality(MAP)",
        "CAST(SIZE({0}) AS DECIMAL(20,0))",
        probes=("cardinality(map {'a': k})",),
    ),
    *(
        refuse(f"{name}(LIST, ...)", _LAMBDA, _UNNEST, (probe,))
        for name, probe in (
            ("list_transform", "list_transform([k], lambda x: x + 1)"),
            ("list_filter", "list_filter([k], lambda x: x > 1)"),
            ("list_reduce", "list_reduce([k], lambda x, y: x + y)"),
        )
    ),
    *(
        refuse(
            f"{name}(LIST, ...)",
            "Spark sorts and counts NULLs in a list otherwise.",
            _UNNEST,
            (f"{name}([k, i])",),
        )
        for name in (
            "list_sort",
            "list_reverse_sort",
            "list_distinct",
            "list_sum",
            "list_min",
            "list_max",
            "list_avg",
            "list_unique",
        )
    ),
    refuse(
        "array_slice(LIST, ...)",
        "Spark cuts lists by other rules.",
        "Take the elements one by one: x[1].",
        ("[k, i, b][1:2]",),
    ),
)
