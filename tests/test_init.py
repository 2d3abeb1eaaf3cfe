"""`init`: a project folder of one's own, made whole or not at all."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.terminal import Terminal
from warehouse.cli import init as module
from warehouse.cli import main
from warehouse.mysql.url import parse_url
from warehouse.settings import ROOT, load_settings

PASSWORD = "p${HOME}\"w'o\\r`d@:/?#[]% é"
URL = "mysql+pymysql://me:p${HOME}\"w'o\\r`d%40%3A%2F%3F%23%5B%5D%25%20é@db.example.com/shop"
FILES = {
    *(".env", ".gitignore", "README.md", "dagster.yaml", "justfile", "notebooks/start.ipynb"),
    *(f"{folder}/.gitkeep" for folder in ("sql/sources", "sql/transforms", "sql/analytics")),
    "checks/.gitkeep",
}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment without settings, with somebody whom git knows."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.com\n")
    kept = ("PATH", "PYTHONPATH", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
    }


def run(
    env: dict[str, str], folder: Path, *arguments: str, program: str = ""
) -> subprocess.CompletedProcess[str]:
    command = [program] if program else [sys.executable, "-W", "ignore", "-m", "warehouse"]
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def files(folder: Path) -> set[str]:
    found = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return {str(file) for file in found if file.parts[0] != ".git"}


def test_a_project_folder(env: dict[str, str], tmp_path: Path) -> None:
    done = run(env, tmp_path, "init", "ours", "--url", URL)
    ours = tmp_path / "ours"
    assert (done.returncode, done.stdout) == (0, f"{ours}\n")
    assert "MySQL is me@db.example.com:3306/shop." in done.stderr
    assert "Next: cd ours && " in done.stderr and "tables" in done.stderr
    assert files(ours) == FILES
    settings = load_settings(ours)
    assert settings.mysql_url
    assert parse_url(settings.mysql_url.get_secret_value()).password == PASSWORD
    texts = [(ours / name).read_text() for name in FILES - {".env"}]
    assert not any("p$" in text or "p%24" in text for text in (*texts, done.stderr))


def test_the_password_is_the_owners_alone_from_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: dict[str, int] = {}

    def look(opened: int, *arguments: object, **others: object) -> object:
        name = Path(f"/proc/self/fd/{opened}").readlink().name
        modes[name] = stat.S_IMODE(os.fstat(opened).st_mode)
        assert os.fstat(opened).st_size == 0
        return fdopen(opened, *arguments, **others)  # type: ignore[call-overload]

    fdopen = os.fdopen
    monkeypatch.setattr(os, "fdopen", look)
    before = os.umask(0)
    try:
        done = CliRunner().invoke(main, ["init", str(tmp_path / "ours"), "--url", URL])
    finally:
        os.umask(before)
    assert done.exit_code == 0, done.output
    assert modes[".env"] == 0o600 and modes["README.md"] == 0o666
    assert stat.S_IMODE((tmp_path / "ours" / ".env").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://me:hid/den@db/shop", "is not a connection URL that can be read"),
        ("mysql://me:hid@den@db/shop", "write % as %25, @ as %40"),
        ("postgresql://me:hidden@db/shop", "which is not MySQL"),
        ("mysql://me:hidden@db", "names no database"),
    ],
)
def test_a_url_that_cannot_be_read(env: dict[str, str], tmp_path: Path, url: str, why: str) -> None:
    done = run(env, tmp_path, "init", "ours", "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("--url ") and why in done.stderr
    assert "hid" not in done.stderr and "den" not in done.stderr
    assert not (tmp_path / "ours").exists()


def test_a_folder_that_holds_something_is_refused(env: dict[str, str], tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "full" / f"{number}").mkdir(parents=True)
    (tmp_path / "file").touch()
    done = run(env, tmp_path, "init", "full")
    assert done.returncode == 1
    assert f"{tmp_path / 'full'} holds 0, 1, 2 and 2 more.\nNothing in it" in done.stderr
    done = run(env, tmp_path, "init", "file")
    assert done.returncode == 1 and "is there already, and is no folder." in done.stderr
    assert {entry.name for entry in tmp_path.iterdir()} == {"file", "full", "home"}


def test_an_empty_folder_will_do(env: dict[str, str], tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    assert run(env, ours, "init", ".").returncode == 0
    assert files(ours) == FILES


def test_a_first_commit_without_the_password(env: dict[str, str], tmp_path: Path) -> None:
    done = run(env, tmp_path, "init", "ours", "--url", URL, "--git")
    assert done.returncode == 0, done.stderr
    listed = run(env, tmp_path / "ours", "ls-files", program="git").stdout.splitlines()
    assert set(listed) == FILES - {".env"}
    assert run(env, tmp_path / "ours", "status", "--porcelain", program="git").stdout == ""
    (tmp_path / "ours" / "data").mkdir()
    (tmp_path / "ours" / "data" / "warehouse.duckdb").touch()
    assert run(env, tmp_path / "ours", "status", "--porcelain", program="git").stdout == ""


def test_a_stranger_to_git_is_told_before_anything_is_made(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "home" / ".gitconfig").write_text("[user]\nuseConfigOnly = true\n")
    done = run(env, tmp_path, "init", "ours", "--git")
    assert done.returncode == 1
    assert "git does not know who you are" in done.stderr and "user.name" in done.stderr
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize("there", [True, False])
def test_what_was_half_made_is_removed(env: dict[str, str], tmp_path: Path, there: bool) -> None:
    hooks = tmp_path / "home" / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    with (tmp_path / "home" / ".gitconfig").open("a") as config:
        config.write(f"[core]\nhooksPath = {hooks}\n")
    ours = tmp_path / "deep" / "ours"
    if there:
        ours.mkdir(parents=True)
    done = run(env, tmp_path, "init", str(ours), "--url", URL, "--git")
    assert done.returncode == 1
    assert "git commit in" in done.stderr and "failed: not today" in done.stderr
    assert (tmp_path / "deep").exists() == there
    assert not there or [*ours.iterdir()] == []


def test_a_terminal_asks_and_shows_no_password(env: dict[str, str], tmp_path: Path) -> None:
    terminal = Terminal(env, tmp_path, 200, "init", "ours")
    terminal.until("URL: ")
    terminal.type("mysql://me:hid/den@db/shop\n")
    terminal.until("is not a connection URL that can be read")
    terminal.until("URL: ")
    terminal.type(URL + "\n")
    terminal.until("[y/N]: ")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "MySQL is me@db.example.com:3306/shop." in terminal.screen
    assert not any(part in terminal.screen for part in ("hid", "p$", "%40%3A"))
    settings = load_settings(tmp_path / "ours")
    assert settings.mysql_url
    assert parse_url(settings.mysql_url.get_secret_value()).password == PASSWORD
    assert (tmp_path / "ours" / ".git").is_dir()


def test_nothing_typed_is_the_sample_and_ctrl_c_leaves_nothing(
    env: dict[str, str], tmp_path: Path
) -> None:
    terminal = Terminal(env, tmp_path, 200, "init", "ours", "--no-git")
    terminal.until("URL: ")
    terminal.type("\n")
    assert terminal.end() == 0
    assert load_settings(tmp_path / "ours").mysql_url is None
    terminal = Terminal(env, tmp_path, 200, "init", "others")
    terminal.until("URL: ")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert not (tmp_path / "others").exists()


def test_the_recipes_reach_the_product(env: dict[str, str], tmp_path: Path) -> None:
    """A virtual environment as well as a clone; none is found by a path in what git keeps."""
    run(env, tmp_path, "init", "ours")
    ours = tmp_path / "ours"
    just = str(Path(sys.executable).with_name("just"))
    listed = run(env, ours, "--list", program=just).stdout
    for command in main.commands.keys() - module.OF_THE_PRODUCT:
        assert re.search(rf"^ +{command} ", listed, re.MULTILINE)
    product = {**env, "WAREHOUSE": sys.prefix, "WAREHOUSE_HOME": str(tmp_path)}
    done = run(product, ours, "tables", "cust*", "--format", "json", program=just)
    assert [line["table"] for line in json.loads(done.stdout)] == ["customers"], done.stderr
    done = run(product, ours, "add", "customers", program=just)
    assert done.stdout == "sql/sources/mysql_customers.sql\n"
    nowhere = run({**env, "WAREHOUSE": "/nowhere"}, ours, "tables", program=just)
    assert nowhere.returncode == 1
    assert "The product is not in /nowhere. Name its folder: export WAREHOUSE" in nowhere.stderr


def test_side_by_side_no_path_of_this_machine_is_written(tmp_path: Path) -> None:
    from warehouse.project.scaffold import path_from, project_files

    clone, ours = tmp_path / "warehouse", tmp_path / "ours"
    assert path_from(tmp_path / "a" / "b", clone) == str(clone)
    made = project_files("ours", path_from(ours, clone), {"sql": "Ask."}, None)
    assert 'env("WAREHOUSE", justfile_directory() / "../warehouse")' in made[Path("justfile")]
    assert not any(str(tmp_path) in text for text in made.values())


def test_an_empty_project_says_what_is_next(env: dict[str, str], tmp_path: Path) -> None:
    run(env, tmp_path, "init", "ours")
    done = run(env, tmp_path / "ours" / "notebooks", "materialize")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is nothing to build yet" in done.stderr
    assert "`just tables`" in done.stderr and "`just add TABLE`" in done.stderr
