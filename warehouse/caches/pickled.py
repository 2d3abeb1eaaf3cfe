"""Assets as pickled files."""

import dagster as dg

from warehouse.store.fixed_config import FixedConfig


class PickleIOManager(FixedConfig, dg.FilesystemIOManager):
    """Stores assets as pickled files of one folder; `docs/caches.md` says when."""
