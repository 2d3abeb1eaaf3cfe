"""The rules by which a construct of DuckDB's becomes Spark's. What no rule knows is refused."""

from warehouse.engines.spark.rule import Rule, by_name
from warehouse.engines.spark.rules import (
    aggregates,
    calendar,
    casts,
    conditions,
    floats,
    matching,
    nested,
    numbers,
    ordered,
    quantiles,
    text,
    times,
    windows,
)

TOPICS: dict[str, tuple[Rule, ...]] = {
    "Numbers": (*numbers.RULES, *floats.RULES),
    "Casts": casts.RULES,
    "Conditions": conditions.RULES,
    "Text": (*text.RULES, *matching.RULES),
    "Times": (*times.RULES, *calendar.RULES),
    "Lists, structs, maps": nested.RULES,
    "Aggregates": (*aggregates.RULES, *quantiles.RULES, *ordered.RULES),
    "Windows": windows.RULES,
}
"""All rules, by what they are about."""

ALIASES = {
    **{"list_pack": "list_value", "list_has": "list_contains", "list_element": "list_extract"},
    **{"unpivot_list": "list_value"},
    **{"array_has": "list_contains", "array_contains": "list_contains", "array_length": "len"},
    **{"list_apply": "list_transform", "array_apply": "list_transform", "apply": "list_transform"},
    **{"array_transform": "list_transform", "array_filter": "list_filter", "filter": "list_filter"},
    **{"array_reduce": "list_reduce", "reduce": "list_reduce", "array_sort": "list_sort"},
    **{"array_reverse_sort": "list_reverse_sort", "array_distinct": "list_distinct"},
    **{"array_unique": "list_unique", "list_slice": "array_slice"},
    **{"lcase": "lower", "ucase": "upper", "char_length": "length", "character_length": "length"},
    **{"split": "string_split", "str_split": "string_split", "string_to_array": "string_split"},
    **{"to_hex": "hex", "ord": "unicode"},
    **{"add": "+", "subtract": "-", "multiply": "*", "divide": "//", "mod": "%"},
    **{"group_concat": "string_agg", "listagg": "string_agg", "mean": "avg", "arbitrary": "first"},
    **{"max_by": "arg_max", "argmax": "arg_max", "min_by": "arg_min", "argmin": "arg_min"},
    **{"quantile": "quantile_disc", "transaction_timestamp": "get_current_timestamp"},
    **{"datediff": "date_diff", "datesub": "date_sub", "datetrunc": "date_trunc"},
    **{"datepart": "date_part"},
}
"""DuckDB's other names of the same functions."""

RULES = by_name(rule for rules in TOPICS.values() for rule in rules)
RULES |= {alias: RULES[name] for alias, name in ALIASES.items()}
"""All rules, by DuckDB's function."""
