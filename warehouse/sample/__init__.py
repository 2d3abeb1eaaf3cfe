"""The embedded sample source: a MySQL-protocol server over `data/*.csv`."""
