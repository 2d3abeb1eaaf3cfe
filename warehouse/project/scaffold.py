"""The files of a new project folder, as texts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from warehouse.settings import DAGSTER_FILE, ENV_FILE, PACKAGE, SHIPPED

TEMPLATE = PACKAGE / "project" / "template"
KEPT = ".gitkeep"
"""Git keeps no empty folder, and by `sql/sources` a project folder is known."""
READY = {"report": '(_ready "_setup-all")', "spark": '_ready (_ready "_setup-spark")'}
"""What a recipe needs to be installed, where that is more than for a query."""

FOLDERS = ("sql/sources", "sql/transforms", "sql/analytics", "checks")

EXAMPLE = "# WAREHOUSE_MYSQL_URL=mysql+pymysql://user:password@host:3306/database"


def project_files(
    name: str, product: str, commands: Mapping[str, str], url: str | None
) -> dict[Path, str]:
    """Return the text of each file, by its path in the folder.

    Args:
        name: What the folder is called.
        product: Where the product is: a path, absolute or from the folder.
        commands: The commands that get a recipe, each with what it does.
        url: Of MySQL, readable by `parse_url`; None for the sample.
    """
    setting = f"WAREHOUSE_MYSQL_URL={_plain(url)}" if url else EXAMPLE
    recipes = "".join(
        _filled("recipe", name=command, help=help_, ready=READY.get(command, "_ready"))
        for command, help_ in commands.items()
    )
    quoted = json.dumps(product, ensure_ascii=False)
    found = quoted if Path(product).is_absolute() else f"justfile_directory() / {quoted}"
    return {
        Path(ENV_FILE): _filled("env", url=setting),
        Path(".gitignore"): _filled("gitignore"),
        Path("README.md"): _filled("README.md", name=name, product=product),
        Path(DAGSTER_FILE): (SHIPPED / DAGSTER_FILE).read_text(encoding="utf-8"),
        Path("justfile"): _filled("justfile", product=found, recipes=recipes),
        Path("notebooks/start.ipynb"): (TEMPLATE / "start.ipynb").read_text(encoding="utf-8"),
        **{Path(folder, KEPT): "" for folder in FOLDERS},
    }


def _filled(template: str, **values: str) -> str:
    return (TEMPLATE / template).read_text(encoding="utf-8").format_map(values)


def _plain(url: str) -> str:
    """Return a URL without the characters that mean something in `.env`: percent-encoded."""
    return re.sub(r"[$'\"\\{}`]", lambda found: f"%{ord(found[0]):02X}", url)


def path_from(folder: Path, product: Path) -> str:
    """Return the path by which a folder finds the product: relative if they lie side by side."""
    if product.parent == folder.parent:
        return os.path.relpath(product, folder)
    return str(product)
