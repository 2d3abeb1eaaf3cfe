"""Where the SQL of views, checks and queries runs: DuckDB on the laptop, or a Spark cluster."""
