"""Other places than the warehouse to keep an asset, each chosen by its `io_manager_key`."""
