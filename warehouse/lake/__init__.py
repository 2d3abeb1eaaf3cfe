"""The lake: tables as Parquet files on a shared folder or an object store, for engines such as
Apache Spark. Its snapshots are manifests: each is one file that names the files of its tables.

    LAKE/snapshots/000042.json               what the tables are; the highest number is the newest
    LAKE/tables/<table>/<day>-<id>.parquet   rows; the same file may be in many snapshots

Nothing in here knows the store or Spark.
"""
