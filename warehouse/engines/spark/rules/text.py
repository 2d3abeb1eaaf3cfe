"""Text."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.rule import Call, Rule, once, refuse
from warehouse.engines.spark.rules.patterns import spark_pattern, spark_replacement

SPACES = "".join(map(chr, [32, 160, 5760, *range(8192, 8203), 8239, 8287, 12288]))
"""What DuckDB's trim takes away: Unicode's space separators. Spark's takes the blank alone."""


def _trim(side: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        characters = SPACES
        if len(call.args) > 1:
            given = call.constant(1, "Write trim(x, 'abc').")
            if given is None:
                return "CAST(NULL AS STRING)"
            characters = given
        if not characters:
            return call.args[0]
        return f"TRIM({side} {literals.text(characters)} FROM {call.args[0]})"

    return write


def _lower(call: Call) -> str:
    return f"LOWER(TRANSLATE({call.args[0]}, 'İΣ', 'iσ'))"


def _number(call: Call, place: int, least: int, what: str) -> int:
    given = call.constant(place, what)
    if given is None or not least <= int(given) < 2**31:
        raise Refusal("Spark counts from such a place otherwise.", what)
    return int(given)


def _part(call: Call) -> str:
    start = _number(call, 1, 1, "Write a place from 1 on, or right(x, n).")
    if len(call.args) == 2:
        return f"SUBSTRING({call.args[0]}, {start})"
    length = _number(call, 2, 0, "Write a length from 0 on.")
    return f"SUBSTRING({call.args[0]}, {start}, {length})"


def _left(call: Call) -> str:
    count = _number(call, 1, -(2**31) + 1, "Write a constant: left(x, 3).")
    if count >= 0:
        return f"SUBSTRING({call.args[0]}, 1, {count})"
    return once(call.args[:1], f"SUBSTRING({{0}}, 1, GREATEST(CHAR_LENGTH({{0}}) - {-count}, 0))")


def _right(call: Call) -> str:
    count = _number(call, 1, -(2**31) + 1, "Write a constant: right(x, 3).")
    start = f"GREATEST(CHAR_LENGTH({{0}}) - {count}, 0)" if count >= 0 else str(-count)
    return once(call.args[:1], f"SUBSTRING({{0}}, {start} + 1)")


def _character(call: Call) -> str:
    place = _number(call, 1, 1, "Write x[1].")
    return f"SUBSTRING({call.args[0]}, {place}, 1)"


def _like(call: Call) -> str:
    pattern = call.constant(1, "Write a constant pattern, or contains(x, y).")
    if pattern is None:
        return "CAST(NULL AS BOOLEAN)"
    # DuckDB's LIKE has no escape character unless it is told one; Spark's has the backslash.
    return f"({call.args[0]} LIKE {literals.text(pattern.replace(chr(92), chr(92) * 2))})"


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
    return f"RLIKE({call.args[0]}, {literals.text(chr(92) + 'A(?:' + _pattern(call) + ')' + chr(92) + 'z')})"


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
    if given is None or by is None or options != "g":
        raise Refusal(
            "Spark replaces each match, and DuckDB the first one alone unless it is told 'g'.",
            "Write regexp_replace(x, 'p', 'r', 'g').",
        )
    pattern = spark_pattern(given)
    if pattern.may_be_empty:
        raise Refusal(
            "a pattern that matches nothing, too, is replaced otherwise.", "Write + for *."
        )
    replacement = spark_replacement(by, pattern.groups)
    return f"REGEXP_REPLACE({call.args[0]}, {literals.text(pattern.text)}, {literals.text(replacement)})"


def _split(call: Call) -> str:
    separator = call.constant(1, "Write a constant separator.")
    if not separator or "\\E" in separator:
        raise Refusal("Spark splits by a text alone.", "Write a constant separator.")
    return f"SPLIT({call.args[0]}, {literals.text(chr(92) + 'Q' + separator + chr(92) + 'E')}, -1)"


def _padded(function: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        length = _number(call, 1, 0, f"Write {function.lower()}(x, 5, '0').")
        by = call.constant(2, "Write a constant.")
        if not by:
            raise Refusal("there is nothing to pad with.", "Write a character.")
        return f"{function}({call.args[0]}, {length}, {literals.text(by)})"

    return write


_T = "VARCHAR|JSON|UUID"
_PATTERN = "The pattern is written as Java reads it; DuckDB reads RE2's."

RULES = (
    Rule(
        "lower(VARCHAR)",
        _lower,
        "Spark lowers İ and a final Σ by rules of their own.",
        probes=("lower(s)", "lcase(g)", "lower(trim(s))"),
    ),
    refuse(
        "upper(VARCHAR)",
        "Spark makes SS of ß, and more of that kind.",
        "Compare lower(x).",
        ("upper(s)",),
    ),
    Rule(
        "trim(VARCHAR)",
        _trim("BOTH"),
        "Spark trims the blank alone, DuckDB all of Unicode's.",
        probes=("trim(s)",),
    ),
    Rule(
        "ltrim(VARCHAR)",
        _trim("LEADING"),
        "Spark trims the blank alone, DuckDB all of Unicode's.",
        probes=("ltrim(s)",),
    ),
    Rule(
        "rtrim(VARCHAR)",
        _trim("TRAILING"),
        "Spark trims the blank alone, DuckDB all of Unicode's.",
        probes=("rtrim(s)",),
    ),
    Rule(
        "trim(VARCHAR, VARCHAR)",
        _trim("BOTH"),
        probes=("trim(s, 'a')", "trim(s, 'ab$')", "trim(s, '')"),
    ),
    Rule("ltrim(VARCHAR, VARCHAR)", _trim("LEADING"), probes=("ltrim(s, 'ab')",)),
    Rule("rtrim(VARCHAR, VARCHAR)", _trim("TRAILING"), probes=("rtrim(s, 'ab')",)),
    Rule(
        "length(VARCHAR)",
        "CAST(CHAR_LENGTH({0}) AS BIGINT)",
        "Spark's is an INT.",
        probes=("length(s)", "char_length(g)", "len(s)"),
    ),
    Rule("len(VARCHAR)", "CAST(CHAR_LENGTH({0}) AS BIGINT)", "Spark's is an INT."),
    Rule("strlen(VARCHAR)", "CAST(OCTET_LENGTH({0}) AS BIGINT)", "Bytes.", probes=("strlen(s)",)),
    Rule("octet_length(BLOB)", "CAST(OCTET_LENGTH({0}) AS BIGINT)", probes=("octet_length(bl)",)),
    *(
        Rule(f"{name}(VARCHAR, INT{more})", _part, probes=probes)
        for name, more, probes in (
            ("substr", "", ("substr(s, 2)",)),
            ("substr", ", INT", ("substr(s, 2, 3)", "substr(s, 1, 0)")),
            ("substring", "", ("substring(s, 3)",)),
            ("substring", ", INT", ("substring(s from 1 for 2)",)),
        )
    ),
    Rule("left(VARCHAR, INT)", _left, probes=("left(s, 2)", "left(s, 0)", "left(s, -1)")),
    Rule(
        "right(VARCHAR, INT)",
        _right,
        probes=("right(s, 2)", "right(s, 0)", "right(s, -1)", "right(s, 100)"),
    ),
    Rule("array_extract(VARCHAR, INT)", _character, probes=("s[1]", "s[2]")),
    Rule("||(VARCHAR, VARCHAR)", "({0} || {1})", probes=("s || 'x'", "k || s", "s || g || 'ß'")),
    Rule(
        "concat(VARCHAR, ...)",
        lambda call: f"CONCAT_WS('', {', '.join(call.args)})",
        "Spark's concat makes NULL of NULL.",
        probes=("concat(s, 'x', null)", "concat(s, g)", "concat(k, '-', d)"),
    ),
    Rule(
        "concat_ws(VARCHAR, VARCHAR, ...)",
        lambda call: f"CONCAT_WS({', '.join(call.args)})",
        probes=("concat_ws('-', s, 'x', null)", "concat_ws(', ', g, s)", "concat_ws(g, s, 'x')"),
    ),
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
        refuse(
            f"{name}(VARCHAR, VARCHAR)",
            "Spark folds the case of some letters otherwise.",
            "Write lower(x) like '…'.",
            (probe,),
        )
        for name, probe in (("~~*", "s ilike '%COMPLETED%'"), ("!~~*", "s not ilike 'A%'"))
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
        "replace(VARCHAR, VARCHAR, VARCHAR)",
        "REPLACE({0}, {1}, {2})",
        probes=("replace(s, 'e', 'E')", "replace(s, '', 'x')", "replace(s, 'e', '')"),
    ),
    refuse(
        "reverse(VARCHAR)",
        "DuckDB keeps letters and their accents together.",
        "Compute it in a source.",
        ("reverse(s)",),
    ),
    Rule(
        "repeat(VARCHAR, INT)",
        lambda call: f"REPEAT({call.args[0]}, {_number(call, 1, 0, 'Write a constant.')})",
        probes=("repeat(s, 2)", "repeat(s, 0)"),
    ),
    Rule(
        "lpad(VARCHAR, INT, VARCHAR)",
        _padded("LPAD"),
        probes=("lpad(s, 5, '*')", "lpad(s, 0, 'x')", "lpad(k::varchar, 6, '0')"),
    ),
    Rule("rpad(VARCHAR, INT, VARCHAR)", _padded("RPAD"), probes=("rpad(s, 5, 'ab')",)),
    Rule("md5(VARCHAR)", "MD5(CAST({0} AS BINARY))", probes=("md5(s)",)),
    Rule("sha256(VARCHAR)", "SHA2(CAST({0} AS BINARY), 256)", probes=("sha256(s)",)),
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
        probes=("regexp_extract(s, '([0-9]+)', 1)", "regexp_extract(s, '(a)(b)?', 2)"),
    ),
    Rule(
        "regexp_replace(VARCHAR, VARCHAR, VARCHAR)",
        _replaced,
        "",
        "Write regexp_replace(x, 'p', 'r', 'g').",
        probes=("regexp_replace(s, '[aeiou]', '_')",),
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
    *(
        refuse(f"{name}(ANY, ...)", "Spark writes other text.", "Write x || '-' || y.", (probe,))
        for name, probe in (("format", "format('{}-{}', k, g)"), ("printf", "printf('%05d', k)"))
    ),
    *(
        refuse(f"{name}(ANY)", "Spark's is another one.", "Compute it in a source.", (probe,))
        for name, probe in (
            ("chr", "chr(k + 65)"),
            ("hex", "hex(k)"),
            ("ascii", "ascii(s)"),
            ("unicode", "unicode(s)"),
            ("hash", "hash(s)"),
        )
    ),
    *(
        refuse(
            f"{name}(ANY, ANY)",
            "Spark reads JSON by other rules.",
            "Extract it in the source's SELECT.",
            (probe,),
        )
        for name, probe in (
            ("->>", "js ->> 'a'"),
            ("->", "js -> 'a'"),
            ("json_extract", "json_extract(js, '$.a')"),
            ("json_extract_string", "json_extract_string(js, '$.a')"),
        )
    ),
)
