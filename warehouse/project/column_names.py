"""What a column's name tells of it: that it is a secret, or the time of a row's last change."""

from __future__ import annotations

import re

_SECRETS = (
    # Whatever stands beside it: passwordHash, user_passwd, smtp_pwd.
    r".*(password|passwd|passwort|passphrase|passcode|authentication_string).*",
    r"(.*_)?(pwd|pass|pw)(_?hash|_?salt)?",
    # A word of its own: client_secret, but not secretary.
    r"(.*_)?(secrets?|salt|credentials?|otp|totp|cvv2?|cvc2?|jwt)(_.*)?",
    # Only as the last word: reset_token and file_hash, but not token_count, tokens or hashtag.
    r"(.*_)?(token|hash|digest|pin|pin_?code)",
    r"(.*_)?(api|auth|access|private|session|signing|encryption|ssh|client|consumer)_?keys?",
    r"(.*_)?(recovery|backup|verification|activation|security)_?codes?",
)
"""Names of columns that hold secrets, in lower case with _ between the words."""

_ABOUT_SECRETS = re.compile(
    r"(is|has|needs|must|no)_.*"
    r"|.*_(at|on|date|time|count|length|expires|expiry|attempts|changed|type|version|algorithm)"
)
"""What is told of a secret without telling it: has_password, password_changed_at, token_count."""

_NO_SECRETS = re.compile(r"date|time|datetime|timestamp|year|decimal|float|double|tinyint\(1\)|bit")
"""Types that hold no secret: salt is DECIMAL in a table of foods."""

_UPDATED = re.compile(
    r"(last_?)?(updated?|modified|modification|changed?)(_?(at|on|date|time|datetime|ts|timestamp))?"
    r"|(date|time|ts|gmt)_(last_)?(updated?|modified|changed?)|mtime"
)


def snake_case(name: str) -> str:
    """Return a name in lower case with _ between its words: `passwordHash` is `password_hash`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"\W+", "_", parted).lower()


def looks_secret(name: str, mysql_type: str) -> bool:
    """Whether a column looks like a password, a token or a hash of one.

    Args:
        name: Of the column.
        mysql_type: Of the column, as its definition says it: `varchar(60)`.
    """
    words = snake_case(name)
    if _ABOUT_SECRETS.fullmatch(words) or _NO_SECRETS.match(mysql_type.lower()):
        return False
    return any(re.fullmatch(pattern, words) for pattern in _SECRETS)


def looks_updated(name: str) -> bool:
    """Whether a column is called as those are that hold the time of a row's last change."""
    return _UPDATED.fullmatch(snake_case(name)) is not None
