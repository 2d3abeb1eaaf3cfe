"""MySQL's side: what a table's columns are, and one SELECT as an exact stream of record batches.

`url` says where, `session` connects, `types` is the type map, `plan` turns a table into one
SELECT, `readers` bring the rows as Arrow, `extract` puts them together. Nothing in here knows
Dagster or DuckDB files.
"""
