"""DuckDB's side: immutable snapshots behind one link, the ledger of loads, the I/O manager.

Nothing in here knows MySQL.
"""
