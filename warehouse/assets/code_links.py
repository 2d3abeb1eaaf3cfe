"""Links from Dagster's UI to the file that an asset is made of."""

from __future__ import annotations

import warnings
from pathlib import Path

import dagster as dg

# Code references are in beta; what is used of them here is tested.
warnings.filterwarnings("ignore", category=dg.BetaWarning)


def code_link(file: Path) -> dict[str, dg.CodeReferencesMetadataValue]:
    """Return the metadata that makes the UI offer to open a file."""
    reference = dg.LocalFileCodeReference(file_path=str(file), line_number=1, label=file.name)
    return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}
