"""A query's result as a pandas DataFrame in which no value has changed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from warehouse.project.quoting import quoted

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_ROUNDED_BY_PANDAS = re.compile("DECIMAL|HUGEINT")


def frame(relation: duckdb.DuckDBPyRelation) -> pd.DataFrame:
    """Return the rows of a relation, exact: `frame(warehouse.sql("from orders_summary"))`.

    It is what `relation.df()` gives, but for the types that `df()` turns into floats: DECIMAL stays
    `decimal.Decimal`, and HUGEINT, the type of a `sum` of integers, becomes `Int64`, or Python's
    integers if one does not fit. NULL is None or `<NA>`.

    Sums and means of such a column are right to the last digit. What needs floats says so (a plot:
    "no numeric data"): `data.astype({"amount": float})`, or `amount::double` in the query.
    """
    import pandas as pd

    # Not Arrow's decimals, which would be smaller: two sums cannot be added ("precision out of
    # range"), and a mean is rounded to the scale of its values.
    boxed = [_ROUNDED_BY_PANDAS.search(str(type_)) is not None for type_ in relation.types]
    columns = [
        f"{f'struct_pack(v := #{number})' if box else f'#{number}'} AS {quoted(name)}"
        for number, (name, box) in enumerate(zip(relation.columns, boxed, strict=True), 1)
    ]
    # `df()` leaves alone what is in a struct. So one query gives all columns, row by row.
    data: pd.DataFrame = relation.project(", ".join(columns)).df()
    for name, type_, box in zip(data.columns, relation.types, boxed, strict=True):
        if box:
            values = pd.Series([row["v"] for row in data[name]], dtype=object)
            data[name] = _integers(values) if str(type_) == "HUGEINT" else values
    return data


def _integers(values: pd.Series) -> pd.Series:
    try:
        return values.astype("Int64")
    except OverflowError:
        return values
