"""Runs on Spark: sources go to the lake, views and checks run there. DuckDB's file is not used."""
