"""SQL cells: `%load_ext warehouse.notebook` gives a notebook `%sql` and `%%sql`.

    %%sql
    select status, count(*) as orders from orders_cleaned group by all

runs on the newest snapshot and shows a DataFrame. `%%sql name` keeps it in the variable `name` and
shows nothing; `data = %sql from order_stats` does so in one line. `$name` in a query is the value
of the Python variable `name`, sent as a parameter.
"""

from __future__ import annotations

from keyword import iskeyword
from types import TracebackType
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import no_var_expand

from warehouse.assets.unexpected import for_people
from warehouse.errors import WarehouseError, interrupted
from warehouse.serve.frames import frame
from warehouse.serve.newest import newest
from warehouse.serve.queries import errors_explained
from warehouse.serve.query_errors import READ_ONLY
from warehouse.settings import load_settings


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magic; IPython calls this."""

    # IPython would put the text of a variable in the place of `$name`.
    @no_var_expand
    def sql(line: str, cell: str | None = None) -> pd.DataFrame | None:
        """Run SQL on the newest snapshot: `%sql query`, or a cell under `%%sql [name]`."""
        if cell is None:
            return _explained(line, shell.user_ns)
        name = line.strip()
        if name and (iskeyword(name) or not name.isidentifier()):
            raise WarehouseError(
                f"`{name}` is no name for a variable.",
                todo="Write `%%sql name`, and the query in the lines below it.",
            )
        data = _explained(cell, shell.user_ns)
        if not name:
            return data
        shell.user_ns[name] = data
        return None

    shell.magics_manager.register_function(sql, "line_cell", "sql")
    shell.set_custom_exc((duckdb.Error,), _show)


def _show(
    shell: InteractiveShell,
    kind: type[duckdb.Error],
    error: duckdb.Error,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> None:
    """Show an error of DuckDB's; that of a write to the warehouse says where to write instead.

    What a cell asks by `warehouse.connect()` comes here as DuckDB says it.
    """
    refused = f'on database "{load_settings().path.stem}" which is attached in read-only mode'
    if refused in str(error) and str(READ_ONLY) not in getattr(error, "__notes__", ()):
        error.add_note(str(READ_ONLY))
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def _explained(text: str, variables: dict[str, Any]) -> pd.DataFrame | None:
    """Run SQL, see `query`. What nobody foresaw is a sentence, too."""
    try:
        return query(text, variables)
    except Exception as error:
        if interrupted(error):
            raise KeyboardInterrupt from None
        raise for_people("`%sql`", error) from None


def query(text: str, variables: dict[str, Any]) -> pd.DataFrame | None:
    """Run SQL on the newest snapshot; the connection ends with it.

    Args:
        text: One statement or several; the last one that gives rows gives the result.
        variables: What `$name` stands for.

    Returns:
        The rows, exact, or None if no statement gives any.

    Raises:
        WarehouseError: the query failed, a variable is missing, or nothing was materialized yet.
    """
    # Each connects anew: a refresh is seen by the next cell, and no cell holds a snapshot.
    with newest(load_settings()) as engine, errors_explained(engine):
        relation = None
        for statement in duckdb.extract_statements(text):
            values = _values(statement.named_parameters, variables)
            result = engine.sql(statement.query, params=values)
            if statement.expected_result_type != [duckdb.ExpectedResultType.NOTHING]:
                relation = result
        return None if relation is None else frame(relation)


def _values(names: set[str], variables: dict[str, Any]) -> dict[str, Any]:
    missing = sorted(names - variables.keys())
    if missing:
        raise WarehouseError(
            f"The query names ${missing[0]}, and there is no Python variable `{missing[0]}`.",
            todo="Run the cell that sets it.",
        )
    return {name: _plain(variables[name]) for name in names}


def _plain(value: Any) -> Any:
    """Return a value as DuckDB takes it: it knows Python's own, not all of a DataFrame's."""
    if isinstance(value, pd.Series | pd.Index):
        return value.tolist()
    return pd.Series([value]).tolist()[0] if isinstance(value, np.generic) else value
