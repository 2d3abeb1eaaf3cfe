"""Text: its case, its length, its parts, and what is put together."""

from __future__ import annotations

from collections.abc import Callable

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.expression import CONSTANT
from warehouse.engines.spark.rule import Call, Rule, once, refuse
from warehouse.engines.spark.rules.letters import lower, upper

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


def _number(call: Call, place: int, least: int, what: str) -> int:
    given = call.constant(place, what)
    if given is None or not least <= int(given) < 2**31:
        raise Refusal("Spark counts from such a place otherwise.", what)
    return int(given)


def _part(call: Call) -> str:
    if len(call.args) == 2:
        start = _number(call, 1, -(2**31) + 1, "Write a constant: substr(x, 3).")
        if start < 0:
            return _right_of(call.args[0], -start)
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
    if count < 0:
        return f"SUBSTRING({call.args[0]}, {1 - count})"
    return _right_of(call.args[0], count)


def _right_of(text: str, count: int) -> str:
    return once((text,), f"SUBSTRING({{0}}, GREATEST(CHAR_LENGTH({{0}}) - {count}, 0) + 1)")


def _character(call: Call) -> str:
    place = _number(call, 1, 1, "Write x[1].")
    return f"SUBSTRING({call.args[0]}, {place}, 1)"


def _padded(function: str) -> Callable[[Call], str]:
    def write(call: Call) -> str:
        length = _number(call, 1, 0, f"Write {function.lower()}(x, 5, '0').")
        by = call.constant(2, "Write a constant.")
        if not by:
            raise Refusal("there is nothing to pad with.", "Write a character.")
        return f"{function}({call.args[0]}, {length}, {literals.text(by)})"

    return write


def _joined(call: Call) -> str:
    joined = f"CONCAT_WS({', '.join(call.args)})"
    if call.node.children[0].name == CONSTANT:
        return joined
    return f"CASE WHEN {call.args[0]} IS NOT NULL THEN {joined} END"


RULES = (
    Rule(
        "lower(VARCHAR)",
        lower,
        "Spark lowers İ, a Σ at the end of a word and new letters by rules of its own.",
        probes=("lower(s)", "lcase(g)", "lower(trim(s))"),
    ),
    Rule(
        "upper(VARCHAR)",
        upper,
        "Spark makes SS of ß, and more of that kind.",
        probes=("upper(s)", "ucase(g)", "upper(s[1])", "upper(lower(s) || g)"),
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
            ("substr", "", ("substr(s, 2)", "substr(s, -2)", "substr(s, -1)")),
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
        _joined,
        "Spark does not see that a CASE is NULL where it is the separator.",
        probes=(
            *("concat_ws('-', s, 'x', null)", "concat_ws(', ', g, s)", "concat_ws(g, s, 'x')"),
            "concat_ws(case when i > 0 then 'p' when i < 0 then 'n' end, upper(s), 'x')",
        ),
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
