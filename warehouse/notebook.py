"""SQL cells: `%load_ext warehouse.notebook` gives a notebook `%sql` and `%%sql`.

    %%sql
    select status, count(*) as orders from orders_cleaned group by all

runs on the newest snapshot and shows a DataFrame. `%%sql name` keeps it in the variable `name` and
shows nothing; `data = %sql from order_stats` does so in one line. `$name` in a query is the value
of the Python variable `name`, sent as a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import no_var_expand

import warehouse
from warehouse.errors import WarehouseError
from warehouse.serve.frames import frame
from warehouse.serve.queries import errors_explained

if TYPE_CHECKING:
    import pandas as pd


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magic; IPython calls this."""

    # IPython would put the text of a variable in the place of `$name`.
    @no_var_expand
    def sql(line: str, cell: str | None = None) -> pd.DataFrame | None:
        """Run SQL on the newest snapshot: `%sql query`, or a cell under `%%sql [name]`."""
        if cell is None:
            return query(line, shell.user_ns)
        name = line.strip()
        if name and not name.isidentifier():
            raise WarehouseError(
                f"`{name}` is no name for a variable.",
                todo="Write `%%sql name`, and the query in the lines below it.",
            )
        data = query(cell, shell.user_ns)
        if not name:
            return data
        shell.user_ns[name] = data
        return None

    shell.magics_manager.register_function(sql, "line_cell", "sql")


def query(text: str, variables: dict[str, Any]) -> pd.DataFrame | None:
    """Run SQL on the newest snapshot; the connection ends with it.

    Args:
        text: One statement or several; the last one gives the result.
        variables: What `$name` in the last statement stands for.

    Returns:
        The rows, exact, or None if the text has no statement.

    Raises:
        WarehouseError: the query failed, a variable is missing, or nothing was materialized yet.
    """
    # Each connects anew: a refresh is seen by the next cell, and no cell holds a snapshot.
    with warehouse.connect() as connection, errors_explained(connection):
        statements = connection.extract_statements(text)
        names = statements[-1].named_parameters if statements else set()
        relation = connection.sql(text, params=_values(names, variables))
        return None if relation is None else frame(relation)


def _values(names: set[str], variables: dict[str, Any]) -> dict[str, Any]:
    missing = sorted(names - variables.keys())
    if missing:
        raise WarehouseError(
            f"The query names ${missing[0]}, and there is no Python variable `{missing[0]}`.",
            todo="Run the cell that sets it.",
        )
    values = {name: variables[name] for name in names}
    # DuckDB takes Python's numbers, not the ones that come out of a DataFrame.
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in values.items()
    }
