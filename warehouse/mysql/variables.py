"""The variables of a session that values depend on, and what we set them to. One table.

A server may set any of them for all, or at connect (`init_connect`): the same stored rows would
then give other values. MySQL and MariaDB each know some of them only.

https://dev.mysql.com/doc/refman/en/server-system-variables.html
https://mariadb.com/kb/en/server-system-variables/
"""

from __future__ import annotations

from collections.abc import Mapping

Setting = tuple[str, str | None]
"""The value as SQL, and as the server then shows it; None where that is not compared."""

_LARGEST = "18446744073709551615"

_VALUES: dict[str, Setting] = {
    # Text comes as UTF-8, and literals are understood as it.
    "character_set_client": ("utf8mb4", "utf8mb4"),
    "character_set_connection": ("utf8mb4", "utf8mb4"),
    "character_set_results": ("utf8mb4", "utf8mb4"),
    # PAD_CHAR_TO_FULL_LENGTH, ANSI_QUOTES, PIPES_AS_CONCAT and others change values.
    "sql_mode": ("'STRICT_TRANS_TABLES'", "STRICT_TRANS_TABLES"),
    "old_mode": ("'UTF8_IS_UTF8MB3'", "UTF8_IS_UTF8MB3"),
    "time_zone": ("'+00:00'", "+00:00"),
    "timestamp": ("DEFAULT", None),
    # No row is left out, and none is of a transaction that is not committed.
    "sql_select_limit": (_LARGEST, _LARGEST),
    "sql_auto_is_null": ("0", "OFF"),
    "sql_big_selects": ("1", "ON"),
    "max_recursive_iterations": ("4294967295", "4294967295"),
    "standard_compliant_cte": ("1", "ON"),
    "system_versioning_asof": ("DEFAULT", "DEFAULT"),
    "transaction_isolation": ("'REPEATABLE-READ'", "REPEATABLE-READ"),
    "tx_isolation": ("'REPEATABLE-READ'", "REPEATABLE-READ"),
    # What functions and operators give.
    "group_concat_max_len": ("1073741824", "1073741824"),
    "div_precision_increment": ("4", "4"),
    "windowing_use_high_precision": ("1", "ON"),
    "default_week_format": ("0", "0"),
    "lc_time_names": ("'en_US'", "en_US"),
    "block_encryption_mode": ("'aes-128-ecb'", "aes-128-ecb"),
    # Rows may wait for their turn; a table that is being altered is not waited for all day.
    "net_write_timeout": ("3600", "3600"),
    "lock_wait_timeout": ("50", "50"),
}

UNLIMITED = ("sql_select_limit", "sql_big_selects")
"""Those that limit any answer. Each server knows them."""

_ONLY_READS: dict[str, Setting] = {
    "transaction_read_only": ("1", "ON"),
    "tx_read_only": ("1", "ON"),
}


def variables(budget_seconds: float | None, writes: bool = False) -> Mapping[str, Setting]:
    """Return what to set, by name; a server that lacks a variable needs it not.

    Args:
        budget_seconds: The server ends a query after so long; None leaves that to the server.
        writes: Whether the session may write.
    """
    budget: dict[str, Setting] = {}
    if budget_seconds is not None:
        budget = {
            "max_statement_time": (f"{budget_seconds:f}", None),  # MariaDB, in seconds
            "max_execution_time": (str(max(1, round(budget_seconds * 1000))), None),  # MySQL
        }
    return _VALUES | budget | ({} if writes else _ONLY_READS)
