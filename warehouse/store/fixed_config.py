"""Where an asset is kept is for the code and the settings to say, not for a run."""

from __future__ import annotations

from typing import Any

import dagster as dg
from dagster._utils.cached_method import cached_method


class FixedConfig(dg.ConfigurableIOManagerFactory[Any]):
    """An I/O manager that has no config at launch: a run that brings some is refused.

    Dagster lets a run's config override every option of a resource, so that whoever can start a
    run could have it write any file, or unpickle one.
    """

    @cached_method
    def get_resource_definition(self) -> dg.IOManagerDefinition:  # type: ignore[override]
        """Return the manager's definition with its options set, and none left to set."""
        definition = super().get_resource_definition()
        return definition.configured(self._resolved_config_dict, config_schema={})
