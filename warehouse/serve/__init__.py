"""Serving the file: queries, their errors, and results as tables, files and DataFrames."""
