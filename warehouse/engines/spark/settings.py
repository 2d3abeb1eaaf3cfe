"""What a session of Spark must be set to, so that it answers as DuckDB does."""

SETTINGS = {
    "spark.sql.ansi.enabled": "true",  # what leaves its type fails, and is no NULL
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",  # no digit is rounded away
    "spark.sql.legacy.charVarcharAsString": "true",  # no text is padded with blanks
    # A cluster may have other defaults for all sessions.
    "spark.sql.caseSensitive": "false",
    "spark.sql.variable.substitute": "false",
    "spark.sql.mapKeyDedupPolicy": "EXCEPTION",
    "spark.sql.legacy.sizeOfNull": "false",
    # Parquet's own type of a moment, and not the one of 96 bits that it gave up.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Errors are told by one line; Spark's logs have the rest.
    "spark.sql.connect.serverStacktrace.enabled": "false",
    "spark.sql.pyspark.jvmStacktrace.enabled": "false",
}
"""By the names of Spark's own settings; each is one of a session."""
