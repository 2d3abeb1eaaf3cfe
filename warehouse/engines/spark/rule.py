"""One rule: a construct of DuckDB, and what it is in Spark's SQL or why it is refused.

A rule names DuckDB's function and the kinds of its operands, as `class_of` tells them:
`date_diff(VARCHAR, DATE, DATE)`. `ANY` stands for every kind, `|` parts several, and `...` says
that the last may come any number of times. ` -> BIGINT` names the kind of the value where that
matters, as for a cast. Operators are functions: `+(INT, INT)`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import literals
from warehouse.engines.spark.binding import convert
from warehouse.engines.spark.expression import CAST, CONSTANT, TRY_CAST, Node
from warehouse.engines.spark.types import class_of, spark_type

INLINE_CHARACTERS = 120
"""The longest operand that is written out at each place where a rewrite needs it."""


@dataclass(frozen=True)
class Call:
    """A function, its operands already in Spark's SQL.

    Attributes:
        over: What follows an aggregate: its FILTER, and its OVER.
        keys: The expressions that an aggregate orders its values by.
    """

    node: Node
    args: tuple[str, ...]
    over: str = ""
    keys: tuple[str, ...] = ()

    @property
    def distinct(self) -> str:
        """The word DISTINCT of an aggregate, or nothing."""
        return "DISTINCT " if self.node.distinct else ""

    @property
    def type(self) -> str:
        """DuckDB's type of the value."""
        return self.node.type

    @property
    def spark_type(self) -> str:
        """Spark's type of the value."""
        return spark_type(self.node.type)

    def type_of(self, place: int) -> str:
        """Return DuckDB's type of an operand."""
        return self.node.children[place].type

    def constant(self, place: int, instead: str) -> str | None:
        """Return an operand that must be a constant, as DuckDB shows it; None for NULL.

        Raises:
            Refusal: it is none.
        """
        shown = constant(self.node.children[place])
        if isinstance(shown, NotConstant):
            raise Refusal("Spark needs a constant here to give the same answer.", instead)
        return shown


class NotConstant:
    """What `constant` returns of other expressions."""


def constant(node: Node) -> str | NotConstant | None:
    """Return a constant as DuckDB shows it, casts of it included.

    Raises:
        Refusal: it is of a type without constants here.
    """
    if node.name == CONSTANT:
        if class_of(node.type) in ("LIST", "STRUCT", "TUPLE", "MAP", "INTERVAL", "BLOB"):
            return NotConstant()
        return literals.shown(node.value, node.type)
    if node.name not in (CAST, TRY_CAST):
        return NotConstant()
    inner = node.children[0]
    held = constant(inner)
    if held is None or isinstance(held, NotConstant):
        return held
    try:
        return convert(held, inner.type, node.type)
    except ValueError as error:
        if node.name == TRY_CAST:
            return None
        raise Refusal(str(error), "Correct the constant.") from None


@dataclass(frozen=True)
class Rule:
    """A construct, and what becomes of it.

    Attributes:
        construct: DuckDB's function and the kinds of its operands.
        spark: Spark's SQL, `{0}` and so on for the operands and `{type}` for Spark's type of the
            value; or a function that writes it; None if the construct is refused.
        why: Why plain SQL would differ, or why it is refused; empty if it is the same SQL.
        instead: What to write instead of a refused construct.
        probes: What the tests compare, as expressions over the edge rows.
    """

    construct: str
    spark: str | Callable[[Call], str] | None
    why: str = ""
    instead: str = ""
    probes: tuple[str, ...] = ()

    @cached_property
    def name(self) -> str:
        """DuckDB's function."""
        return self._call.rpartition("(")[0]

    @cached_property
    def _call(self) -> str:
        return self.construct.partition(" -> ")[0]

    @cached_property
    def to(self) -> str:
        """The kinds of its value; empty where any will do."""
        return self.construct.partition(" -> ")[2]

    @cached_property
    def kinds(self) -> list[str]:
        """The kinds of its operands."""
        inside = self._call.rpartition("(")[2].removesuffix(")")
        return [kind.strip() for kind in inside.split(",") if kind.strip()]

    def fits(self, node: Node) -> bool:
        """Whether a function's operands, and its value, are of these kinds."""
        if self.to and class_of(node.type) not in self.to.split("|"):
            return False
        wanted, given = list(self.kinds), [class_of(child.type) for child in node.children]
        if wanted and wanted[-1] == "...":
            wanted.pop()
            wanted += wanted[-1:] * (len(given) - len(wanted))
        return len(wanted) == len(given) and all(
            kind == "ANY" or other in kind.split("|")
            for kind, other in zip(wanted, given, strict=True)
        )

    def write(self, call: Call) -> str:
        """Write a function in Spark's SQL.

        Raises:
            Refusal: it would not give the same answer.
        """
        if self.spark is None:
            raise Refusal(self.why, self.instead)
        if not isinstance(self.spark, str):
            return self.spark(call)
        if call.node.distinct and "{distinct}" not in self.spark:
            raise Refusal("Spark has no DISTINCT here.", "Take the DISTINCT in a subquery.")
        if call.over and "{over}" not in self.spark:
            raise Refusal("Spark has this neither with FILTER nor with OVER.")
        return self.spark.format(
            *call.args, type=call.spark_type, over=call.over, distinct=call.distinct
        )


def refuse(construct: str, why: str, instead: str = "", probes: Iterable[str] = ()) -> Rule:
    """Return the rule of a construct that Spark cannot have with equal answers."""
    return Rule(construct, None, why, instead, tuple(probes))


def by_name(rules: Iterable[Rule]) -> dict[str, tuple[Rule, ...]]:
    """Return the rules of each function, in the order in which they are tried."""
    found: dict[str, tuple[Rule, ...]] = {}
    for rule in rules:
        found[rule.name] = (*found.get(rule.name, ()), rule)
    return found


def once(operands: Iterable[str], template: str) -> str:
    """Fill a template that needs an operand several times, and compute long operands only once.

    Args:
        operands: In Spark's SQL.
        template: `{0}` and so on stand for them.
    """
    operands = list(operands)
    if all(len(operand) <= INLINE_CHARACTERS for operand in operands):
        return template.format(*operands)
    # An array of one row, and a lambda that sees it: Spark's only name for a value in between.
    fields = ", ".join(f"'v{place}', {operand}" for place, operand in enumerate(operands))
    depth = 1 + max([int(level) for level in re.findall(r"\br(\d+) ->", fields)], default=0)
    body = template.format(*(f"r{depth}.v{place}" for place in range(len(operands))))
    return f"ELEMENT_AT(TRANSFORM(ARRAY(NAMED_STRUCT({fields})), r{depth} -> {body}), 1)"


def fail(message: str, type_: str) -> str:
    """Write an expression that fails where Spark reaches it."""
    return f"CAST(RAISE_ERROR({literals.text(message)}) AS {type_})"
