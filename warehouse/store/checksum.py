"""The checksum of `warehouse.days.checksum` as SQL for DuckDB."""

from __future__ import annotations

from collections.abc import Mapping

from warehouse.days.checksum import (
    HEX_DIGITS,
    KEY_PRIME,
    NULL_KEY,
    SEPARATOR,
    SIGN,
    SIGNED,
    TIME_FACTOR,
    TIME_PRIME,
    UNSIGNED,
    Clock,
    Recipe,
)
from warehouse.project.quoting import quoted

_FROM_YEAR_ZERO = 62_167_219_200_000_000
"""Microseconds from the year 0 to 1970, as MySQL counts them."""
# A fraction that MySQL's column has no more must not look the same.
_WHOLE = "{us} // 1000000 + {us} % 1000000"
_TIMES = {
    Clock.UNIX_SECONDS: _WHOLE.format(us="epoch_us({c})"),
    Clock.SECONDS: _WHOLE.format(us=f"(epoch_us({{c}}) + {_FROM_YEAR_ZERO})"),
    Clock.MICROSECONDS: f"epoch_us({{c}}) + {_FROM_YEAR_ZERO}",
}
_KEYS = {
    "VARCHAR": "hex({c})",
    "UUID": "hex({c}::VARCHAR)",
    "BLOB": "hex({c})",
    "DECIMAL": "{c}::VARCHAR",
    **dict.fromkeys(SIGNED, f"({{c}}::HUGEINT + {SIGN})::VARCHAR"),
    **dict.fromkeys(UNSIGNED, "{c}::UBIGINT::VARCHAR"),
}
_DATED = {
    "DATE": Clock.SECONDS,
    "TIMESTAMP": Clock.MICROSECONDS,
    "TIMESTAMP WITH TIME ZONE": Clock.MICROSECONDS,
}


def checksum(recipe: Recipe, types: Mapping[str, str]) -> str:
    """Return the checksum of a group of rows, an aggregate; types are by names in lower case."""
    time = _time(recipe.clock, recipe.updated)
    if recipe.one_integer:
        (name,) = recipe.key
        number = f"{quoted(name)}::UBIGINT % {KEY_PRIME}::UBIGINT"
        if types[name.lower()] in SIGNED:
            # What SIGN adds to a remainder; a negative one comes round.
            number = (
                f"({quoted(name)}::BIGINT % {KEY_PRIME} + {KEY_PRIME + SIGN % KEY_PRIME}) "
                f"% {KEY_PRIME}"
            )
        spread = f"{time} % {TIME_PRIME} * {TIME_FACTOR} % {TIME_PRIME} + 1"
        return f"bit_xor((({number}) + 1)::UBIGINT * ({spread})::UBIGINT)"
    parts = [f"coalesce({_text(name, types[name.lower()])}, '{NULL_KEY}')" for name in recipe.key]
    row = f"concat_ws('{SEPARATOR}', {', '.join(parts)}, {time})"
    return f"sum(('0x' || left(sha256({row}), {HEX_DIGITS}))::BIGINT)"


def _time(clock: Clock, name: str) -> str:
    return f"coalesce({_TIMES[clock].format(c=quoted(name))}, {clock.none})"


def _text(name: str, type_: str) -> str:
    if clock := _DATED.get(type_):
        return f"{_time(clock, name)}::VARCHAR"
    return _KEYS[type_.partition("(")[0]].format(c=quoted(name))
