"""How a report shows the rows of a query. This runs in the notebook's kernel."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

ROWS = 200
"""More would be no page to look at; a line says how many there are."""

INK, MUTED, ACCENT = "#1f2933", "#9aa5b1", "#0b6e99"
_COLOURS = (ACCENT, "#b3541e", "#4f7a28", "#7a4fa3", MUTED)
_LOOKS: Any = {
    "figure.figsize": (9, 3.8),
    "figure.facecolor": "white",  # readable on a dark page too
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 12,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


_WIDTH = {"bar": {"width": 0.8, "rot": 0}, "barh": {"width": 0.8}}


def prepare() -> None:
    """Set how the plots of a report look."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    plt.rcParams.update(_LOOKS)
    plt.rcParams["axes.prop_cycle"] = cycler(color=_COLOURS)


def show(rows: pd.DataFrame | None, how: str) -> None:
    """Show the rows of a query as a table, or as a plot over its first column.

    Args:
        rows: None of a statement that gives none.
        how: One of `SHOWN`.

    Raises:
        ValueError: a plot of rows without a column of numbers behind the first one.
    """
    if rows is not None:
        SHOWN[how](rows)


def _table(rows: pd.DataFrame) -> None:
    from IPython.display import HTML, display
    from tabulate import tabulate

    numbers = set(_numbers(rows))
    cells = [
        [_cell(value) for value in row]
        for row in rows.head(ROWS).itertuples(index=False, name=None)
    ]
    names = [str(name) for name in rows.columns]
    places = ["right" if place in numbers else "left" for place, _ in enumerate(names)]
    # Without rows tabulate stumbles over the places.
    text = tabulate(cells, names, "html", disable_numparse=True, colalign=places if cells else None)
    if len(rows) > ROWS:
        text += f"<p>The first {ROWS} of {len(rows):,} rows.</p>"
    display(HTML(text))


def _cell(value: object) -> str:
    """Return a value as text. An integer may be a number of an order or a year: it stays plain."""
    if _is_null(value):
        return ""
    return f"{value:,}" if isinstance(value, Decimal | float) else str(value)


def _numbers(rows: pd.DataFrame) -> list[int]:
    """Return the places of the columns of numbers, of which a `DECIMAL` is an object to pandas."""
    import pandas as pd

    found = []
    for place, name in enumerate(rows.columns):
        first = next((value for value in rows[name] if not _is_null(value)), None)
        numeric = pd.api.types.is_numeric_dtype(rows.dtypes.iloc[place])
        if (numeric and not isinstance(first, bool)) or isinstance(first, Decimal):
            found.append(place)
    return found


def _is_null(value: object) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_scalar(value) and pd.isna(value))  # type: ignore[call-overload]


def _plot(kind: str) -> Callable[[pd.DataFrame], None]:
    def draw(rows: pd.DataFrame) -> None:
        import matplotlib.pyplot as plt

        numbers = [place for place in _numbers(rows) if place]
        if not numbers:
            raise ValueError(f"show={kind} needs a column of numbers behind the first one.")
        values = rows.iloc[:, numbers].astype(float).set_axis(rows.iloc[:, 0], axis="index")
        one = len(numbers) == 1
        flat = kind == "barh"
        looks: dict[str, Any] = {"kind": kind, "legend": not one, **_WIDTH.get(kind, {})}
        axes = values.plot(**looks)
        (axes.set_ylabel if flat else axes.set_xlabel)("")
        if one:
            (axes.set_xlabel if flat else axes.set_ylabel)(str(values.columns[0]))
        else:
            axes.legend(frameon=False)
        (axes.xaxis if flat else axes.yaxis).set_major_formatter("{x:,g}")
        if flat:
            axes.invert_yaxis()  # the first row on top
        plt.show()

    return draw


def _nothing(_: pd.DataFrame) -> None:
    pass


SHOWN: dict[str, Callable[[pd.DataFrame], None]] = {
    "table": _table,
    "nothing": _nothing,
    **{kind: _plot(kind) for kind in ("line", "area", "bar", "barh")},
}
