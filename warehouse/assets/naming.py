"""What our parts are called in a code location, beside those of others."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True)
class Naming:
    """The names of a project's parts.

    Attributes:
        prefix: What the keys of all assets begin with. Tables have plain names all the same.
        label: What the names of jobs, sensors, steps and resources begin with: others have such,
            too. Nothing in a code location of our own.
        io_manager_key: The resource that stores tables.
    """

    prefix: tuple[str, ...] = ()
    label: str = ""
    io_manager_key: str = "io_manager"

    def key(self, *path: str) -> dg.AssetKey:
        """Return the key of an asset."""
        return dg.AssetKey([*self.prefix, *path])

    def part(self, name: str) -> str:
        """Return the name of a job, a sensor, a step or a resource."""
        return f"{self.label}_{name}" if self.label else name

    def step(self, asset: str) -> str:
        """Return the name of the step that makes one asset, as Dagster calls it."""
        return self.key(asset).to_python_identifier()


OWN = Naming()
"""Those of a code location of our own."""


def table_of(key: dg.AssetKey) -> str:
    """Return the table or view of an asset."""
    return key.path[-1]
