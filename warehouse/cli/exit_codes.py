"""What a command's exit code means, for cron, CI and scripts."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of all commands. The table in docs/command-line.md says the same."""

    DONE = 0
    FAILED = 1
    NOT_UNDERSTOOD = 2
    """click's own, for a command or an option that is not there."""
    CHECK_FAILED = 3
    """Everything is published, and a check of severity error failed, or a forced one of block."""
    THROWN_AWAY = 4
    """What would change was shown (`--plan`), and nothing is published."""
    STOPPED = 130
    """By Ctrl-C: 128 and the number of SIGINT, as shells count."""
