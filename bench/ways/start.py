"""What a person waits for around a small load: `python -m bench.ways.start import|load FOLDER`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "import": ["-c", "import dagster"],
    "load": ["-m", "warehouse", "materialize"],
}
ASKED = "Querying MySQL"


def main() -> None:
    """Run the command; print its seconds, when it asked MySQL, and what passed after its last line.

    The warehouse is kept from run to run, as a person's is.
    """
    what, home = sys.argv[1:]
    env = {
        **os.environ,
        "WAREHOUSE_HOME": home,
        "WAREHOUSE_PATH": str(Path(home) / "data" / "warehouse.duckdb"),
        "WAREHOUSE_MYSQL_URL": os.environ["BENCH_MYSQL_URL"],
        "DAGSTER_HOME": home,
        "PYTHONUNBUFFERED": "1",
    }
    began = time.perf_counter()
    asked = last = None
    with subprocess.Popen(
        [sys.executable, *COMMANDS[what]],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = time.perf_counter() - began
            if ASKED in line:
                asked = asked or last
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"{COMMANDS[what]} failed")
    after = seconds - last if last is not None else None
    print(json.dumps({"seconds": seconds, "asked_seconds": asked, "after_seconds": after}))


if __name__ == "__main__":
    main()
