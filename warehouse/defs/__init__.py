"""Your own assets in Python, which `dg scaffold defs` makes here. Empty, it costs nothing."""
