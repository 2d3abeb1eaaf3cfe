"""MySQL's side: what a table's columns are, and one SELECT as an exact stream of record batches.

`url` says where, `session` connects, `server_errors` says in plain words what went wrong, `types`
is the type map, `plan` turns a table into one
SELECT, `decode` brings its rows as Arrow, `extract` puts them together. Nothing in here knows
Dagster or DuckDB files.
"""
