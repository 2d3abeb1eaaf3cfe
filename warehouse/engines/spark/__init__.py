"""Apache Spark, by Spark Connect: a cluster on this machine, and sessions with any cluster.

`cluster` runs one here, `session` connects to one. `pyspark` is imported only inside functions:
who stays on DuckDB neither has nor loads it.
"""
