"""After a load: the DuckDB file is asked for its facts and types.

`python -m bench.ways.check FILE TABLE`. A program of its own, like the ways: what it needs of
memory must not count for anyone.
"""

from __future__ import annotations

import json
import sys

import duckdb

from bench.orders import facts_of, facts_sql


def main() -> None:
    """Print the facts and the types."""
    file, table = sys.argv[1:]
    with duckdb.connect(file, read_only=True) as connection:
        row = connection.execute(facts_sql(table)).fetchall()[0]
        types = {
            name: type_ for name, type_, *_ in connection.execute(f"DESCRIBE {table}").fetchall()
        }
    print(json.dumps({"facts": facts_of(row), "types": types}))


if __name__ == "__main__":
    main()
