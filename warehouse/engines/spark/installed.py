"""What a cluster on this machine needs to be installed: a Spark, and a Java that it runs on."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.settings import REPOSITORY

JAVA_RELEASE = 17
"""The oldest that Spark 4 runs on."""

_MADE = ".servers/spark/lib/python3*/site-packages/pyspark"


def find_spark() -> Path:
    """Return the folder of Spark: `SPARK_HOME`, or that of the environment that `just spark` makes.

    Raises:
        WarehouseError: there is none.
    """
    named = os.environ.get("SPARK_HOME")
    made = REPOSITORY.glob(_MADE) if REPOSITORY else ()
    for folder in [Path(named)] if named else made:
        if (folder / "bin" / "spark-class").is_file():
            return folder
    if named:
        raise WarehouseError(
            f"SPARK_HOME is {named}, and there is no Spark in that folder: it has no "
            "bin/spark-class.",
            todo="Correct it, or unset it: `just spark` then installs a Spark of its own.",
        )
    raise WarehouseError(
        "Spark is not installed here.",
        todo="`just spark` in a clone of the product installs it. Or unpack it anywhere, or "
        "`pip install pyspark` into an environment of its own, and name its folder in SPARK_HOME.",
    )


def check_java() -> None:
    """See that there is a Java that Spark runs on.

    Raises:
        WarehouseError: there is none, or it is too old.
    """
    todo = (
        "On Debian and Ubuntu: apt-get install openjdk-17-jre-headless, or openjdk-21-jre-headless "
        "where that is what there is. JAVA_HOME names another one."
    )
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    need = f"Spark needs Java {JAVA_RELEASE} or newer"
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    except OSError:
        found = f"`{java}` cannot be run" if home else "none is installed"
        raise WarehouseError(f"{need}, and {found}.", todo=todo) from None
    release = re.search(r'version "(?:1\.)?(\d+)', answer.stderr + answer.stdout)
    if release is None or int(release[1]) < JAVA_RELEASE:
        found = f"Java {release[1]}" if release else "none that tells its version"
        raise WarehouseError(f"{need}, and `{java}` is {found}.", todo=todo)
