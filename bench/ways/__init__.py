"""The ways to load a table, each a program of its own, so that its memory is its own too.

A program reads `BENCH_MYSQL_URL` (SQLAlchemy style) and `BENCH_FOLDER` (empty, its own), takes its
imports out of the time that it reports, and prints one line of JSON last.
"""
