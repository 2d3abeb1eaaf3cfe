"""What a later DuckDB may say in its plans is refused, and never passed over."""

from __future__ import annotations

from typing import Any

import pytest

from warehouse.engines.refusal import Refusal
from warehouse.engines.spark import relations
from warehouse.engines.spark.expression import read
from warehouse.engines.spark.steps import Steps
from warehouse.engines.spark.translate import OPERATORS

ONE_ROW: dict[str, Any] = {"type": "LOGICAL_DUMMY_SCAN", "children": [], "table_index": 0}
COLUMN: dict[str, Any] = {
    "expression_class": "BOUND_REF",
    "type": "BOUND_REF",
    "alias": "",
    "query_location": 7,
    "query_location_length": 1,
    "return_type": {"id": "INTEGER", "type_info": None},
    "index": 0,
}


def _steps() -> Steps:
    return Steps(OPERATORS, relations.REFUSED)


def test_what_is_known_is_taken() -> None:
    assert _steps().relation(ONE_ROW).types == (None,)
    assert read(COLUMN).index == 0


def test_an_unknown_operator_is_refused() -> None:
    with pytest.raises(Refusal, match="no rule knows DuckDB's teleport"):
        _steps().relation({**ONE_ROW, "type": "LOGICAL_TELEPORT"})


def test_an_operator_that_says_more_is_refused() -> None:
    assert _steps().relation({**ONE_ROW, "backwards": False})
    with pytest.raises(Refusal, match="what backwards means"):
        _steps().relation({**ONE_ROW, "backwards": True})


def test_an_unknown_expression_is_refused() -> None:
    with pytest.raises(Refusal, match="no rule knows this riddle"):
        read({**COLUMN, "expression_class": "BOUND_RIDDLE"})


def test_an_expression_that_says_more_is_refused() -> None:
    assert read({**COLUMN, "rounded": None})
    with pytest.raises(Refusal):
        read({**COLUMN, "rounded": "up"})


@pytest.mark.parametrize("type_", ["UHUGEINT", "TIME", "BIT", "TIMESTAMP_NS"])
def test_an_unknown_type_is_refused_where_a_value_is_written(type_: str) -> None:
    from warehouse.engines.spark.types import spark_type

    with pytest.raises(Refusal, match=f"the type {type_} has no counterpart"):
        spark_type(type_)
