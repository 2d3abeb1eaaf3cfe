"""Numbers in sentences."""


def counted(number: int, noun: str) -> str:
    """Return `1 row`, `2 rows`, `1,000 rows`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
