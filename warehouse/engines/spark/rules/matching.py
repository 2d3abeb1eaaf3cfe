"""Text that is looked for: LIKE, beginnings and ends, regular expressions."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.rule import Call, Rule, once
from warehouse.engines.spark.rules.letters import LOWER, mapped
from warehouse.engines.spark.rules.patterns import spark_pattern, spark_replacement


def _like(call: Call) -> str:
    pattern = call.constant(1, "Write a constant pattern, or contains(x, y).")
    if pattern is None:
        return "CAST(NULL AS BOOLEAN)"
    # DuckDB's LIKE has no escape character unless it is told one; Spark's has the backslash.
    return f"({call.args[0]} LIKE {literals.text(pattern.replace(chr(92), chr(92) * 2))})"


def _like_escaped(call: Call) -> str:
    pattern = call.constant(1, "Write a constant pattern, or contains(x, y).")
    escape = call.constant(2, "Write the escape character as a constant.")
    if pattern is None or escape is None:
        return "CAST(NULL AS BOOLEAN)"
    if len(escape) != 1:
        raise Refusal("no rule knows such an escape.", "Write one character.")
    written, rest = "", iter(pattern)
    for character in rest:
        literal = character == escape
        character = next(rest, "") if literal else character
        if not character:
            raise Refusal("the pattern ends with its escape character.", "Correct the pattern.")
        # Spark's backslash escapes these three alone.
        written += "\\" * (character == "\\" or (literal and character in "%_")) + character
    return f"({call.args[0]} LIKE {literals.text(written)})"


def _like_in_any_case(call: Call) -> str:
    """DuckDB compares both in small letters."""
    pattern = call.constant(1, "Write a constant pattern.")
    if pattern is None:
        return "CAST(NULL AS BOOLEAN)"
    small = mapped("LOWER", LOWER)
    escaped = literals.text(pattern.replace("\\", "\\\\"))
    return f"({once(call.args[:1], small)} LIKE {small.format(escaped)})"


def _not(write: Callable[[Call], str]) -> Callable[[Call], str]:
    return lambda call: f"(NOT {write(call)})"


def _pattern(call: Call) -> str:
    given = call.constant(1, "Write the pattern as a constant.")
    if given is None:
        raise Refusal("a pattern of NULL makes NULL.", "Write a pattern.")
    if len(call.args) > 2:
        raise Refusal("Spark has no such options.", "Write the pattern without options.")
    return spark_pattern(given).text


def _found(call: Call) -> str:
    return f"RLIKE({call.args[0]}, {literals.text(_pattern(call))})"


def _whole(call: Call) -> str:
    whole = f"\\A(?:{_pattern(call)})\\z"
    return f"RLIKE({call.args[0]}, {literals.text(whole)})"


def _extract(call: Call) -> str:
    given = call.constant(1, "Write the pattern as a constant.")
    group = call.constant(2, "Write the group's number.") if len(call.args) > 2 else "0"
    if given is None or group is None or not group.isdigit() or len(call.args) > 3:
        raise Refusal("Spark extracts one group by its number.", "Write regexp_extract(x, 'p', 1).")
    pattern = spark_pattern(given)
    if int(group) > pattern.groups:
        raise Refusal("the pattern has no such group.", "Correct the number.")
    return f"REGEXP_EXTRACT({call.args[0]}, {literals.text(pattern.text)}, {group})"


def _replaced(call: Call) -> str:
    given = call.constant(1, "Write the pattern as a constant.")
    by = call.constant(2, "Write the replacement as a constant.")
    options = call.constant(3, "Write 'g'.") if len(call.args) > 3 else ""
    if given is None or by is None or options not in ("", "g"):
        raise Refusal("Spark has no such options.", "Write regexp_replace(x, 'p', 'r', 'g').")
    pattern = spark_pattern(given)
    if pattern.may_be_empty:
        raise Refusal(
            "a pattern that matches nothing, too, is replaced otherwise.", "Write + for *."
        )
    if options == "g":
        text, written = pattern.text, spark_replacement(by, pattern.groups)
    else:
        # The first match alone: what stands before it is matched, too, and put back.
        text = f"\\A([\\s\\S]*?)({pattern.text})"
        written = "$1" + spark_replacement(by, pattern.groups, before=2)
    return f"REGEXP_REPLACE({call.args[0]}, {literals.text(text)}, {literals.text(written)})"


def _split(call: Call) -> str:
    separator = call.constant(1, "Write a constant separator.")
    if not separator or "\\E" in separator:
        raise Refusal("Spark splits by a text alone.", "Write a constant separator.")
    return f"SPLIT({call.args[0]}, {literals.text(chr(92) + 'Q' + separator + chr(92) + 'E')}, -1)"


_PATTERN = "The pattern is written as Java reads it; DuckDB reads RE2's."


RULES = (
    Rule(
        "~~(VARCHAR, VARCHAR)",
        _like,
        "Spark's LIKE escapes with the backslash.",
        probes=("s like '%e%'", r"s like '\%%'", "s like '_'", "g like 'g_'", "s like ''"),
    ),
    Rule(
        "!~~(VARCHAR, VARCHAR)",
        _not(_like),
        "Spark's LIKE escapes with the backslash.",
        probes=("s not like '%e%'",),
    ),
    *(
        Rule(
            f"{name}(VARCHAR, VARCHAR, VARCHAR)",
            write,
            "Spark escapes fewer characters.",
            probes=probes,
        )
        for name, write, probes in (
            (
                "like_escape",
                _like_escaped,
                (
                    "s like '%!_%' escape '!'",
                    "s like '100$%' escape '$'",
                    r"s like '%\\%' escape '\'",
                    "s like '!a%' escape '!'",
                    r"s like 'x\_' escape '!'",
                ),
            ),
            ("not_like_escape", _not(_like_escaped), ("s not like '%!%' escape '!'",)),
        )
    ),
    Rule(
        "~~*(VARCHAR, VARCHAR)",
        _like_in_any_case,
        "Spark folds the case of some letters otherwise.",
        probes=(
            "s ilike '%COMPLETED%'",
            "s ilike '%ÄRGER%'",
            "s ilike 'i%'",
            "s ilike '%Σ'",
            "s ilike '_'",
        ),
    ),
    Rule(
        "!~~*(VARCHAR, VARCHAR)",
        _not(_like_in_any_case),
        "Spark folds the case of some letters otherwise.",
        probes=("s not ilike 'A%'",),
    ),
    *(
        Rule(f"{name}(VARCHAR, VARCHAR)", "STARTSWITH({0}, {1})", probes=(probe,))
        for name, probe in (
            ("starts_with", "starts_with(s, 'c')"),
            ("^@", "s ^@ 'c'"),
            ("prefix", "prefix(s, g)"),
        )
    ),
    *(
        Rule(f"{name}(VARCHAR, VARCHAR)", "ENDSWITH({0}, {1})", probes=(f"{name}(s, 'e')",))
        for name in ("ends_with", "suffix")
    ),
    Rule(
        "contains(VARCHAR, VARCHAR)",
        "CONTAINS({0}, {1})",
        probes=("contains(s, 'e')", "contains(s, g)", "contains(s, '')"),
    ),
    *(
        Rule(
            f"{name}(VARCHAR, VARCHAR)",
            "CAST(INSTR({0}, {1}) AS BIGINT)",
            "Spark's is an INT.",
            probes=probes,
        )
        for name, probes in (
            ("position", ("position('e' in s)",)),
            ("strpos", ("strpos(s, 'e')", "strpos(s, '')")),
            ("instr", ("instr(s, 'e')",)),
        )
    ),
    Rule(
        "string_split(VARCHAR, VARCHAR)",
        _split,
        probes=(
            "string_split(s, 'e')",
            "split_part(s, 'e', 2)",
            "string_split(s, '.')",
            "split_part(s, 'e', -1)",
            "str_split(s, ' ')",
        ),
    ),
    Rule(
        "regexp_matches(VARCHAR, VARCHAR)",
        _found,
        _PATTERN,
        probes=(
            r"regexp_matches(s, '^\s*[a-z]+$')",
            "s ~ '[0-9]'",
            "regexp_matches(s, 'a.b')",
            r"regexp_matches(s, '\d{2,}|x')",
            "regexp_matches(s, '^.$')",
            "regexp_matches(s, '[^a-z]')",
        ),
    ),
    Rule(
        "regexp_full_match(VARCHAR, VARCHAR)",
        _whole,
        _PATTERN,
        probes=("regexp_full_match(s, '[a-z]*')", r"s ~ '\w+'", "regexp_full_match(s, 'a|e.*')"),
    ),
    Rule(
        "regexp_extract(VARCHAR, VARCHAR)",
        _extract,
        _PATTERN,
        probes=("regexp_extract(s, '[a-z]+')",),
    ),
    Rule(
        "regexp_extract(VARCHAR, VARCHAR, INT)",
        _extract,
        _PATTERN,
        probes=(
            "regexp_extract(s, '([0-9]+)', 1)",
            "regexp_extract(s, '(a)(b)?', 2)",
            "regexp_extract(s, '((a)|b)+', 2)",
            "regexp_extract(s, '(a*)+', 1)",
        ),
    ),
    Rule(
        "regexp_replace(VARCHAR, VARCHAR, VARCHAR)",
        _replaced,
        "Spark replaces each match, DuckDB the first one.",
        probes=(
            "regexp_replace(s, '[aeiou]', '_')",
            "regexp_replace(s, 'a|e', '1')",
            r"regexp_replace(s, '(\w)(\w)', '<\2 \1> $')",
            r"regexp_replace(s, '^\s+', '0')",
            r"regexp_replace(s, '[^a-z]+$', '\0 \\')",
            r"regexp_replace(s, '\n', '')",
        ),
    ),
    Rule(
        "regexp_replace(VARCHAR, VARCHAR, VARCHAR, VARCHAR)",
        _replaced,
        _PATTERN,
        probes=(
            "regexp_replace(s, '[aeiou]', '_', 'g')",
            r"regexp_replace(s, '(\w)', '<\1$>', 'g')",
            "regexp_replace(s, 'x*', '-', 'g')",
        ),
    ),
)
