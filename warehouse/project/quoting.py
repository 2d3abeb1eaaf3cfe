"""Names and texts as DuckDB's SQL writes them."""


def quoted(name: str) -> str:
    """Quote the name of a table or column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str | None) -> str:
    """Quote a text; None is NULL."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
