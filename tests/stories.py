"""The stories of the docs are run: their commands as they stand there, and what they print."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from warehouse.sample.calendar import CSV_LAST_DAY, FILE, FIXED
from warehouse.settings import ROOT

OMITTED = "…"

VARIES = (
    (r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(\.\d+)?", "MOMENT"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"\b127\.0\.0\.1:\d+", "SAMPLE"),
    (r"\bport \d{4,5}\b", "port PORT"),
    (r"\b\d+(\.\d+)? [kMG]?B\b", "SIZE"),
    (r"\b\d+\.\d\b", "N"),
    (r"\b\d+ (seconds?|minutes?)\b", "AGE"),
    (r"\((MySQL|MariaDB) [^,]+, about", "(SERVER, about"),
    (r"\b[0-9a-f]{7,}\b", "COMMIT"),
    (r"\bAnn\S*|root\b", "USER"),
    (r"([-─])\1{3,}", r"\1"),
)
"""What differs from run to run, or from machine to machine, and what is compared in its place."""

PROGRAMS = {
    "warehouse": "-m warehouse",
    "dagster": "-m dagster",
    "dg": "-c 'from dagster_dg_cli.cli import main; main()'",
    "python": "",
}
"""The programs of a clone's `.venv`, and how Python starts each."""


def blocks(page: str, heading: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands under a heading of a page, each block with the lines that it prints."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    (section,) = [part for part in re.split(r"^## ", text, flags=re.M) if part.startswith(heading)]
    for commands, output in re.findall(r"```sh\n(.*?)```\n(?:\n```text\n(.*?)```)?", section, re.S):
        yield commands, output.splitlines()


def alike(text: str, replaced: Mapping[str, str]) -> str:
    """Return a text without what differs from run to run."""
    for old, new in replaced.items():
        text = text.replace(old, new)
    for pattern, new in VARIES:
        text = re.sub(pattern, new, text)
    return " ".join(text.split())


def missing(shown: list[str], printed: str, replaced: Mapping[str, str]) -> list[str]:
    """Return the lines of a page that were not printed. One that ends in `…` shows a beginning."""
    came = [alike(line, replaced) for line in printed.splitlines()]
    lost = []
    for line in shown:
        wanted = alike(line, replaced)
        begins = wanted.removesuffix(OMITTED).rstrip()
        found = any(
            one.startswith(begins) if wanted.endswith(OMITTED) else one == wanted for one in came
        )
        if not found:
            lost.append(line)
    return lost


class Shell:
    """A terminal session: each block of commands goes on in the folder where the last one ended."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.seconds = 0.0
        self._env = dict(env)
        self._where = folder.parent / "where"

    def run(self, commands: str, exit_code: int = 0) -> str:
        """Run a block, and return what it prints; the first command that fails ends it.

        Args:
            commands: What is run.
            exit_code: With what it has to end.
        """
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-ec", f"trap 'pwd > \"$WHERE\"' EXIT\n{commands}"],
            cwd=self.folder,
            env={**self._env, "WHERE": str(self._where)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        self.seconds += time.monotonic() - began
        assert done.returncode == exit_code, done.stdout
        self.folder = Path(self._where.read_text().strip())
        return done.stdout


def make_origin(folder: Path) -> None:
    """Make a repository of the product as it is in the working tree."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    commit(folder, "The product")


def fresh_clone(folder: Path, origin: Path) -> Path:
    """Clone the product, installed. The sample has the days of its files, which the pages show."""
    clone = folder / "warehouse"
    git(folder, "clone", "--quiet", str(origin), str(clone))
    (clone / "data" / FILE).write_text(f"{CSV_LAST_DAY} {FIXED}\n")
    install(clone)
    return clone


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    return subprocess.run(
        ["git", "-C", str(folder), *names, *arguments], capture_output=True, text=True, check=True
    ).stdout


def install(clone: Path) -> None:
    """Give a clone a `.venv` that is this one's programs on the clone's code: it takes no time."""
    programs = clone / ".venv" / "bin"
    programs.mkdir(parents=True)
    run = f'#!/bin/sh\nPYTHONPATH="{clone}" exec "{sys.executable}" -W ignore'
    for name, started in PROGRAMS.items():
        (programs / name).write_text(f'{run} {started} "$@"\n')
        (programs / name).chmod(0o755)
    (programs / "just").symlink_to(Path(sys.executable).with_name("just"))
    for lock in ("requirements.lock", "requirements-all.lock"):
        both = (clone / lock).read_bytes() + (clone / "pyproject.toml").read_bytes()
        known = subprocess.run(["cksum"], input=both, capture_output=True, check=True).stdout
        (clone / ".venv" / f".installed-{lock}").write_bytes(known)


def environment(home: Path, clone: Path, **variables: str) -> dict[str, str]:
    """Return the environment of somebody who works in the clone's virtual environment."""
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.com\n")
    path = f"{clone / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", **variables}
