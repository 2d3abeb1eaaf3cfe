"""Which file system holds a path."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/mounts")


def kind(path: Path) -> str | None:
    """Return the type of the file system that holds a path, where Linux tells."""
    if not MOUNTS.exists():
        return None
    real = path.resolve()
    best, found = 0, None
    for line in MOUNTS.read_text().splitlines():
        _, point, type_, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        if real.is_relative_to(point) and len(point) >= best:
            best, found = len(point), type_
    return found
