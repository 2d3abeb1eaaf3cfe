"""The Dagster component `warehouse.Warehouse`: a project folder, named in a `defs.yaml`."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from pydantic import BaseModel, Field

from warehouse.cli import main
from warehouse.definitions import build_definitions

PROJECT_ROOT = "{{ context.project_root }}"


class WarehouseParams(BaseModel):
    """What `dg scaffold defs warehouse.Warehouse NAME` can be told."""

    home: str | None = Field(
        None,
        description="A project folder that is there already, or one to make, counted from the "
        "root of the Dagster project. Unset: a new one of that NAME.",
    )
    io_manager_key: str | None = Field(
        None,
        description="The resource that stores tables. Unset: warehouse_io_manager, or "
        "with a key prefix PREFIX_io_manager.",
    )
    key_prefix: str | None = Field(
        None, description="What the keys of its assets begin with. Unset: nothing."
    )


class WarehouseScaffolder(dg.Scaffolder[WarehouseParams]):
    """Makes a project folder, as `warehouse init` does, and a `defs.yaml` that names it."""

    @classmethod
    def get_scaffold_params(cls) -> type[WarehouseParams]:
        """Return what can be told."""
        return WarehouseParams

    def scaffold(self, request: dg.ScaffoldRequest[WarehouseParams]) -> None:
        """Write both; a project folder that is there already stays as it is."""
        root = request.project_root or Path.cwd()
        home = Path(request.params.home or request.target_path.name)
        if not (root / home / "sql").is_dir():
            main(["init", str(root / home), "--url", "", "--no-git"], standalone_mode=False)
        given = request.params.model_dump(exclude={"home"}, exclude_none=True)
        shown = str(home) if home.is_absolute() else f"{PROJECT_ROOT}/{home.as_posix()}"
        dg.scaffold_component(request, {"home": shown, **given})


@dg.scaffold_with(WarehouseScaffolder)
class Warehouse(dg.Component, dg.Model, dg.Resolvable):
    """Tables of a MySQL in one DuckDB file, views in SQL, and their checks, from a project folder.

    The folder holds `sql/`, `checks/` and `.env`; `warehouse init` makes one.
    """

    home: str = Field(
        description="The project folder. A relative path counts from the folder of this file; "
        f"`{PROJECT_ROOT}` is the root of the Dagster project.",
    )
    io_manager_key: str | None = Field(
        None,
        description="The resource that stores tables; unset, it is `warehouse_io_manager`, or with "
        "a key prefix `PREFIX_io_manager`. Assets of your own that name it are stored in the same "
        "snapshots.",
    )
    key_prefix: str | list[str] = Field(
        [],
        description="What the keys of all assets begin with; the tables have plain names all the "
        "same. With two project folders in one code location, one of them needs a prefix.",
    )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Make what Dagster knows of the folder."""
        return build_definitions(
            context.path / self.home,
            io_manager_key=self.io_manager_key,
            key_prefix=self.key_prefix,
        )
