"""What `just bench` runs: `python -m bench [PROGRAM]`, a load if none is named."""

import sys
from importlib import import_module

PROGRAMS = (
    "load",
    "many",
    "wan",
    "values",
    "cost",
    "start",
    "store",
    "plan",
    "refresh",
    "cache",
    "publish",
    "spark",
    "growth",
)

if __name__ == "__main__":
    name = sys.argv.pop(1) if sys.argv[1:2] and sys.argv[1] in PROGRAMS else PROGRAMS[0]
    import_module(f"bench.{name}").main()
