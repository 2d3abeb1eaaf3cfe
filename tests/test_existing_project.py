"""A Dagster project that exists gains a warehouse: docs/dagster-project.md, command by command.

The project is what the ecosystem's own scaffolding makes, in a virtual environment of its own, with
the wheel installed as anybody installs one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

import pytest

from warehouse.settings import ROOT

pytest.importorskip("create_dagster", reason="it is in the extra dev")

TEXT = (ROOT / "docs" / "dagster-project.md").read_text(encoding="utf-8")
DEFINITIONS = "src/shop/definitions.py"
BLOCK = re.compile(r"(?:`([\w./]+)`:\n\n)?```(\w+)\n(.*?)```", re.DOTALL)
SCRIPT = """#!{python}
from importlib.metadata import entry_points
if __name__ == "__main__":
    (found,) = [one for one in entry_points(group="console_scripts") if one.name == "{name}"]
    found.load()()
"""


class Host:
    """A Dagster project, and a virtual environment with what it needs."""

    def __init__(self, folder: Path) -> None:
        self.venv, self.project = folder / "venv", folder / "shop"
        self.python = self.venv / "bin" / "python"
        private = ("WAREHOUSE_", "DAGSTER_", "PYTHONPATH", "VIRTUAL_ENV")
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(private)},
            "VIRTUAL_ENV": str(self.venv),
            "PATH": f"{self.venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONWARNINGS": "ignore",
        }

    def run(self, *command: str, cwd: Path) -> str:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def install(self, *what: str) -> None:
        """Install without asking any index."""
        offline = ("--quiet", "--offline", "--no-deps", "--no-build-isolation")
        # Said, or else it is the environment that uv itself is in.
        here = ("--python", str(self.python))
        self.run(
            sys.executable, "-m", "uv", "pip", "install", *here, *offline, *what, cwd=self.venv
        )


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = Host(tmp_path_factory.mktemp("host"))
    made.venv.mkdir()
    made.run(sys.executable, "-m", "venv", "--without-pip", ".", cwd=made.venv)
    # What this environment holds is there, but for what is installed to be edited: this product.
    base = {sysconfig.get_path("purelib")}
    base |= {str(one.locate_file("")) for one in distributions(name="create-dagster")}
    (site,) = made.venv.glob("lib/*/site-packages")
    (site / "base.pth").write_text("\n".join(sorted(base)))
    for name in ("dg", "create-dagster"):
        script = made.python.with_name(name)
        script.write_text(SCRIPT.format(python=made.python, name=name))
        script.chmod(0o755)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made.venv)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    made.install(*map(str, made.venv.glob("*.whl")))
    made.run("create-dagster", "project", "shop", "--no-uv-sync", cwd=made.project.parent)
    made.install("--editable", str(made.project))
    (made.project / DEFINITIONS).write_text(own_definitions(), encoding="utf-8")
    return made


def own_definitions() -> str:
    """Return the project as it was: with an executor and an I/O manager of its own."""
    (text,) = [text for file, _, text in blocks() if file == DEFINITIONS]
    return "".join(line for line in text.splitlines(True) if "build_definitions" not in line)


def blocks() -> list[tuple[str, str, str]]:
    """Return the page's blocks: the file that each is, its language, its text."""
    return [(file, language, text) for file, language, text in BLOCK.findall(TEXT)]


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Return the commands of a block, each with the lines that it is shown to print."""
    return [
        (command, shown.splitlines())
        for command, _, shown in (part.partition("\n") for part in text.split("$ ")[1:])
    ]


def test_the_page_is_what_happens(host: Host) -> None:
    ran = 0
    for file, language, text in blocks():
        if file:
            (host.project / file).parent.mkdir(parents=True, exist_ok=True)
            (host.project / file).write_text(text, encoding="utf-8")
            continue
        assert language == "console", text
        for command, shown in commands(text):
            printed = host.run("bash", "-c", command, cwd=host.project)
            ran += 1
            for line in shown:
                before, _, after = line.partition("…")
                assert before in printed and after in printed, f"{command}\n{printed}"
    assert ran == 11
    # Nothing but code and the sample's data is in site-packages, before and after.
    (package,) = host.venv.glob("lib/*/site-packages/warehouse")
    assert not {"data/warehouse.duckdb", ".dagster", ".env"} & {
        str(path.relative_to(package)) for path in package.rglob("*")
    }
    assert sorted(path.name for path in (package / "data").iterdir()) == [
        "customers.csv",
        "orders.csv",
    ]
    assert (host.project / "own" / "names").is_file(), "kept by the project's own I/O manager"
    listed = host.run("dg", "list", "components", cwd=host.project)
    assert "warehouse.Warehouse" in listed
