"""Takes the README's picture of a terminal: real commands in a fresh clone, and what they print."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.stories import Shell, environment, fresh_clone, make_origin
from warehouse.settings import ROOT

PICTURE = ROOT / "docs" / "images" / "terminal.svg"
COLUMNS = 100

BEFORE = "just materialize"
SHOWN = (
    'just sql "select status, count(*) as orders from orders_cleaned group by all order by all"',
    "just diff orders_summary",
)
THEME = TerminalTheme(
    background=(24, 28, 36),
    foreground=(214, 220, 228),
    normal=[
        *((24, 28, 36), (235, 110, 110), (130, 200, 130), (225, 190, 110)),
        *((110, 170, 240), (200, 140, 220), (100, 200, 210), (214, 220, 228)),
    ],
)
FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""As rich's own, without the fonts that it fetches from elsewhere."""


def record(folder: Path) -> Console:
    """Give the commands in a fresh clone, and return the terminal that saw those that are shown."""
    origin = folder / "origin"
    origin.mkdir()
    make_origin(origin)
    clone = fresh_clone(folder, origin)
    looks = {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1"}
    shell = Shell(clone, environment(folder / "home", clone, **looks))
    shell.run(BEFORE)
    terminal = Console(record=True, width=COLUMNS, file=(folder / "printed").open("w"))
    for command in SHOWN:
        terminal.print(Text(f"$ {command}", style="bold"))
        terminal.print(Text.from_ansi(shell.run(command).rstrip()))
        terminal.print()
    return terminal


def main() -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = record(Path(folder))
    svg = terminal.export_svg(
        title="warehouse", theme=THEME, code_format=FRAME, unique_id="terminal"
    )
    PICTURE.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
