"""Apache Spark, by Spark Connect: DuckDB's SELECTs in its SQL, with equal answers.

`translate` writes them, `session` connects to a cluster, `cluster` runs one on this machine.
`pyspark` is imported only inside functions: who stays on DuckDB neither has nor loads it.
"""
