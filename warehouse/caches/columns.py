"""A DataFrame's columns as MySQL keeps them, and back: the same dtypes, the same values.

A column's MySQL type follows from its Arrow type; its comment holds the pandas dtype, because
several dtypes share one MySQL type. A category's comment goes on with what its values do not tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.errors import WarehouseError

ROW = "_row"
"""The column that keeps the order of the rows; SQL promises none."""

COMMENT_CHARACTERS = 1024
NAME_CHARACTERS = 64
"""MySQL's limits: https://dev.mysql.com/doc/refman/en/identifier-length.html"""

SAFE = "Nothing was written."

MYSQL_TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "BIT(1)",
    pa.int8(): "TINYINT",
    pa.uint8(): "TINYINT UNSIGNED",
    pa.int16(): "SMALLINT",
    pa.uint16(): "SMALLINT UNSIGNED",
    pa.int32(): "INT",
    pa.uint32(): "INT UNSIGNED",
    pa.int64(): "BIGINT",
    pa.uint64(): "BIGINT UNSIGNED",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.string(): "LONGTEXT",
    pa.large_string(): "LONGTEXT",
    pa.binary(): "LONGBLOB",
    pa.large_binary(): "LONGBLOB",
    pa.date32(): "DATE",
    pa.timestamp("us"): "DATETIME(6)",
    # A column with no value in it.
    pa.null(): "LONGTEXT",
}
"""What each Arrow type is in MySQL; a decimal128(p, s) is a DECIMAL(p,s)."""

_DECIMAL_SCALE = 30
_LOWEST = {"timestamp": datetime(1, 1, 1), "date": date(1, 1, 1)}
_HIGHEST = {"timestamp": datetime(9999, 12, 31, 23, 59, 59, 999_999), "date": date(9999, 12, 31)}


@dataclass(frozen=True)
class StoredColumn:
    """One column as MySQL will hold it.

    Attributes:
        comment: The pandas dtype, as `restore` reads it.
        values: Of one of the `MYSQL_TYPES` or a decimal; moments are in UTC, without a zone.
    """

    name: str
    mysql_type: str
    comment: str
    values: pa.Array

    def literals(self, start: int, count: int, escape: Callable[[str], str]) -> list[str]:
        """Return some of the values as SQL; `escape` makes a literal of a text."""
        write = _writer(self.values.type, escape)
        values = self.values.slice(start, count).to_pylist()
        return ["NULL" if value is None else write(value) for value in values]


def store(frame: pd.DataFrame) -> list[StoredColumn]:
    """Turn a frame's columns into MySQL's.

    Raises:
        WarehouseError: something that MySQL cannot keep exactly; names the column.
    """
    names = list(frame.columns)
    for name in names:
        _check_name(name, [other for other in names if isinstance(other, str)])
    return [_store_column(name, frame[name]) for name in names]


def restore(values: pa.ChunkedArray, comment: str) -> pd.Series[Any]:
    """Turn what MySQL held into a column of the dtype in its comment."""
    kind, _, rest = comment.partition(" ")
    if kind == "category":
        return _restore_category(values, json.loads(rest))
    dtype = pd.api.types.pandas_dtype(comment)
    if dtype == np.dtype(object):
        return pd.Series(values.to_pylist(), dtype=object)
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = pd.Series(values.cast(pa.timestamp(dtype.unit)).to_pandas())
        return moments.dt.tz_localize("UTC").dt.tz_convert(dtype.tz)
    if isinstance(dtype, pd.ArrowDtype):
        values = values.cast(dtype.pyarrow_dtype)
    elif isinstance(dtype, np.dtype) and dtype.kind == "M":
        values = values.cast(pa.timestamp(np.datetime_data(dtype.name)[0]))
    if hasattr(dtype, "__from_arrow__"):
        return pd.Series(dtype.__from_arrow__(values))
    return pd.Series(values.to_pandas()).astype(dtype)


def _check_name(name: object, names: Sequence[str]) -> None:
    if not isinstance(name, str):
        raise WarehouseError(
            f"The column {name!r} has no text for a name.",
            safe=SAFE,
            todo="Rename the columns with text.",
        )
    problem = None
    if not name or name.endswith(" ") or "\0" in name or any(ord(c) > 0xFFFF for c in name):
        problem = "cannot be a column's name in MySQL"
    elif len(name) > NAME_CHARACTERS:
        problem = f"has more than the {NAME_CHARACTERS} characters of a name in MySQL"
    elif name.lower() == ROW:
        problem = "is the name of the column that keeps the order of the rows"
    elif [other.lower() for other in names].count(name.lower()) > 1:
        problem = "is there twice: MySQL does not tell upper from lower case"
    if problem:
        raise WarehouseError(f"The column name {name!r} {problem}.", safe=SAFE, todo="Rename it.")


def _store_column(name: str, column: pd.Series[Any]) -> StoredColumn:
    values = _values(name, column)
    mysql_type = _mysql_type(name, values.type)
    comment = _describe(name, column.dtype, values)
    if len(comment) > COMMENT_CHARACTERS:
        raise _lossy(name, "its list of categories is longer than a column's comment")
    return StoredColumn(name, mysql_type, comment, values)


def _values(name: str, column: pd.Series[Any] | pd.Index[Any]) -> pa.Array:
    """Return the values as Arrow has them, once it is clear that MySQL will have the same."""
    try:
        values = pa.array(column, from_pandas=True)
    except (TypeError, ValueError, NotImplementedError, OverflowError) as error:
        raise _lossy(name, f"Arrow says: {error}") from None
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if column.dtype == np.dtype(object):
        _check_objects(name, column, values)
    if pa.types.is_timestamp(values.type):
        values = _utc_microseconds(name, values)
    if pa.types.is_floating(values.type) and not pa.types.is_float16(values.type):
        if pc.any(pc.is_inf(values)).as_py():
            raise _lossy(name, "it holds an infinity, which MySQL does not have")
        if pc.any(pc.is_nan(values)).as_py():
            raise _lossy(name, "it holds a NaN beside its NA, and MySQL has NULL only")
    for kind, lowest in _LOWEST.items():
        if getattr(pa.types, f"is_{kind}")(values.type) and len(values) > values.null_count:
            found = pc.min_max(values)
            highest = pa.scalar(_HIGHEST[kind], values.type)
            if (
                pc.less(found["min"], pa.scalar(lowest, values.type)).as_py()
                or pc.greater(found["max"], highest).as_py()
            ):
                raise _lossy(name, "MySQL's years are 1 to 9999")
    return values


def _check_objects(name: str, column: pd.Series[Any] | pd.Index[Any], values: pa.Array) -> None:
    if pa.types.is_timestamp(values.type) and values.type.tz:
        raise _lossy(name, "it holds moments with a time zone, each as an object")
    # Arrow may have looked away: at the nanoseconds of a Timestamp, for one.
    for value, kept in zip(column, values.to_pylist(), strict=True):
        if (kept is not None and value != kept) or (kept is None and isinstance(value, Decimal)):
            raise _lossy(name, f"a {type(value).__name__} in it would change")


def _utc_microseconds(name: str, values: pa.Array) -> pa.Array:
    try:
        exact = values.cast(pa.timestamp("us", values.type.tz), safe=True)
    except pa.ArrowInvalid:
        raise _lossy(name, "it holds times finer than, or outside, MySQL's microseconds") from None
    return exact.view(pa.timestamp("us"))


def _mysql_type(name: str, arrow: pa.DataType) -> str:
    if pa.types.is_decimal128(arrow) and 0 <= arrow.scale <= min(_DECIMAL_SCALE, arrow.precision):
        return f"DECIMAL({arrow.precision},{arrow.scale})"
    found = MYSQL_TYPES.get(arrow)
    if found is None:
        raise _lossy(name, f"there is nothing in MySQL for {arrow}")
    return found


def _describe(name: str, dtype: Any, values: pa.Array) -> str:
    """Write a dtype down so that `restore` finds the same one."""
    if isinstance(dtype, pd.CategoricalDtype):
        return _describe_category(name, dtype, values)
    text = f"string[{dtype.storage}]" if isinstance(dtype, pd.StringDtype) else str(dtype)
    try:
        same = pd.api.types.pandas_dtype(text) == dtype
    except (TypeError, ValueError, NotImplementedError):
        same = False
    if not same:
        raise _lossy(name, f"the dtype {dtype!r} cannot be made of its name")
    return text


def _describe_category(name: str, dtype: pd.CategoricalDtype, values: pa.Array) -> str:
    categories = dtype.categories
    of = _describe(name, categories.dtype, values)
    inner: dict[str, Any] = {"of": of, "ordered": bool(dtype.ordered)}
    # The usual case, and the only one for many categories: what astype("category") makes.
    if not _usual_categories(values, of).equals(categories):
        try:
            text = json.dumps(listed := categories.tolist(), ensure_ascii=False)
        except TypeError:
            listed, text = [], ""
        if not text or not pd.Index(listed, dtype=categories.dtype).equals(categories):
            raise _lossy(name, "its categories are not those of its values, in their order")
        inner["categories"] = listed
    return f"category {json.dumps(inner, ensure_ascii=False)}"


def _usual_categories(values: pa.Array | pa.ChunkedArray, of: str) -> pd.Index[Any]:
    distinct = pa.chunked_array([values.unique().drop_null()])
    found: pd.Index[Any] = pd.Index(restore(distinct, of).sort_values())
    return found


def _restore_category(values: pa.ChunkedArray, comment: dict[str, Any]) -> pd.Series[Any]:
    values = values.combine_chunks()
    if "categories" in comment:
        dtype = pd.api.types.pandas_dtype(comment["of"])
        categories = pd.Index(comment["categories"], dtype=dtype)
    else:
        categories = _usual_categories(values, comment["of"])
    known = _values("", categories).cast(values.type)
    codes = pc.fill_null(pc.index_in(values, value_set=known), -1)
    # A NULL is a value of its own to index_in only where the set has one: it has none.
    categorical = pd.Categorical.from_codes(
        codes.to_numpy(zero_copy_only=False), categories=categories, ordered=comment["ordered"]
    )
    return pd.Series(categorical)


def _writer(arrow: pa.DataType, escape: Callable[[str], str]) -> Callable[[Any], str]:
    """Return what writes a value as a literal that MySQL takes for exactly this value."""
    if pa.types.is_boolean(arrow):
        return lambda value: "b'1'" if value else "b'0'"
    if pa.types.is_integer(arrow):
        return str
    if pa.types.is_floating(arrow):
        # A number without an exponent would be a DECIMAL on its way.
        return lambda value: f"'{value!r}'"
    if pa.types.is_decimal(arrow):
        return lambda value: f"'{value:f}'"
    if pa.types.is_binary(arrow) or pa.types.is_large_binary(arrow):
        return lambda value: f"x'{value.hex()}'"
    if pa.types.is_timestamp(arrow):
        return lambda value: f"'{value.isoformat(' ')}'"
    if pa.types.is_date(arrow):
        return lambda value: f"'{value.isoformat()}'"
    return escape


def _lossy(name: str, why: str) -> WarehouseError:
    return WarehouseError(
        f"The column `{name}` cannot be kept exactly in MySQL: {why}.",
        safe=SAFE,
        todo="Convert it in the asset, or keep the asset with io_manager_key='pickle_cache', which "
        "keeps any Python object.",
    )
