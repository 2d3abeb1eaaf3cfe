"""What a check says: a verdict, what was found, and for anything but a good one what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    verdict: Verdict
    text: str
    todo: str = ""


def ok(text: str) -> Finding:
    """Say that something is as it should be."""
    return Finding(Verdict.OK, text)


def warning(text: str, todo: str) -> Finding:
    """Say what does no harm yet, or not always."""
    return Finding(Verdict.WARNING, text, todo)


def failure(text: str, todo: str) -> Finding:
    """Say what makes a load, or a reader, fail."""
    return Finding(Verdict.FAILURE, text, todo)
