"""The command `init`: a project folder of the user's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import click

from warehouse.cli.output import errors_for_people
from warehouse.console.terminal import say
from warehouse.errors import WarehouseError, printable
from warehouse.mysql.url import EXAMPLE, parse_url
from warehouse.project.scaffold import path_from, project_files
from warehouse.settings import ENV_FILE, REPOSITORY

SECRET = 0o600
USUAL = 0o666
"""Modes of new files, before the umask."""
OF_ANOTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
OF_THE_PRODUCT = ("init", "sample-mysql")
"""Commands that belong to no project."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--url",
    metavar="URL",
    help="Your MySQL: mysql+pymysql://user:password@host:3306/database. Without it a terminal asks "
    "for it, unseen: so it stays out of the shell's history. Empty: the embedded sample.",
)
@click.option(
    "--git/--no-git", default=None, help="Whether to make it a git repository with a first commit."
)
@click.pass_context
def init(context: click.Context, folder: Path, url: str | None, git: bool | None) -> None:
    """Make FOLDER a project folder of your own, beside the product.

    \b
      warehouse init ../our-warehouse
      cd ../our-warehouse
      warehouse tables
      warehouse add customers 'order*'
      warehouse materialize

    It gets sql/, checks/ and notebooks/, a .env that you alone can read, with the URL of MySQL, and
    a README and a justfile that reach the product. Commands that are given in it work on it; from
    elsewhere WAREHOUSE_HOME names it. A folder that holds anything is refused.
    """
    with errors_for_people():
        home = folder.expanduser().resolve()
        _check_free(home)
        if url is None and sys.stdin.isatty():
            url = _ask_url()
        server = parse_url(url, "--url") if url else None
        if git is None:
            git = sys.stdin.isatty() and click.confirm(
                "Make it a git repository, with a first commit?", default=False, err=True
            )
        if git:
            _check_git()
        product = path_from(home, REPOSITORY or Path(sys.prefix))
        assert context.parent and isinstance(context.parent.command, click.Group)
        commands = {
            name: command.get_short_help_str(80)
            for name, command in context.parent.command.commands.items()
            if name not in OF_THE_PRODUCT
        }
        with _removed_if_it_fails(home):
            _write(home, project_files(home.name, product, commands, url))
            if git:
                _commit(home)
        click.echo(str(home))
        asked = server.name if server else "the embedded sample, until .env says another"
        _say(f"MySQL is {asked}. {ENV_FILE} is readable by you alone, and git ignores it.")
        just = "just" if shutil.which("just") else "warehouse"
        _say(f"Next: cd {quote(str(folder))} && {just} tables")
        _say(f"Then `{just} add TABLE` for those that you want, and `{just} materialize`.")


def _check_free(home: Path) -> None:
    """See that nothing is there, or an empty folder.

    Raises:
        WarehouseError: something is; names it.
    """
    if not home.exists():
        return
    if not home.is_dir():
        raise WarehouseError(
            f"{home} is there already, and is no folder.", safe="It was not touched."
        )
    found = sorted(entry.name for entry in home.iterdir())
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise WarehouseError(
            f"{home} holds {', '.join(found[:3])}{more}.",
            safe="Nothing in it was touched.",
            todo="Name a folder that is empty, or not there yet.",
        )


def _ask_url() -> str:
    """Ask until the answer can be read. It is not shown: a password is in it."""
    _say(f"Your MySQL, as {EXAMPLE}. Nothing, for the sample. It is not shown while you type.")
    while True:
        url: str = click.prompt("URL", default="", hide_input=True, show_default=False, err=True)
        if not url.strip():
            return ""
        try:
            parse_url(url.strip(), "It")
        except WarehouseError as error:
            _say(f"{error.what} {error.todo}")
            continue
        return url.strip()


@contextmanager
def _removed_if_it_fails(home: Path) -> Iterator[None]:
    """Take away what was made of a folder, and of those above it, if that does not end well."""
    missing = [folder for folder in (home, *home.parents) if not folder.exists()]
    try:
        yield
    except BaseException:
        for entry in home.iterdir() if home.is_dir() else ():  # it was empty
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for folder in missing:
            if folder.is_dir():
                folder.rmdir()
        raise


def _write(home: Path, files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        file = home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        mode = SECRET if path == Path(ENV_FILE) else USUAL
        opened = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with os.fdopen(opened, "w", encoding="utf-8") as stream:
            stream.write(text)


def _check_git() -> None:
    """See that git can make a commit.

    Raises:
        WarehouseError: it is not there, or does not know whose commit that would be.
    """
    if not shutil.which("git"):
        raise WarehouseError("There is no git here.", todo="Install it, or say --no-git.")
    known = subprocess.run(["git", "var", "GIT_AUTHOR_IDENT"], capture_output=True, check=False)
    if known.returncode:
        raise WarehouseError(
            "git does not know who you are, and a commit names its author.",
            safe="Nothing was made.",
            todo="`git config --global user.name NAME` and the same with user.email; or --no-git.",
        )


def _commit(home: Path) -> None:
    # Set where a hook of another repository runs this.
    env = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_REPOSITORY}
    for arguments in (["init"], ["add", "--all"], ["commit", "--message", "A new warehouse"]):
        done = subprocess.run(
            ["git", "-C", str(home), *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise WarehouseError(
                f"git {arguments[0]} in {home} failed: {said}",
                safe="The folder was removed again.",
                todo="Mend that, or say --no-git.",
            )


def _say(text: str) -> None:
    say(printable(text))
