"""The checks of the settings: what is set and where, and what was meant to be."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping

from dotenv import dotenv_values
from pydantic import SecretStr

from warehouse.doctor.context import Case
from warehouse.doctor.findings import Finding, ok, warning
from warehouse.errors import WarehouseError
from warehouse.lake.urls import without_credentials
from warehouse.mysql.url import parse_url
from warehouse.settings import ENV_FILE, Settings, find_home, mysql_setting

PREFIX = "WAREHOUSE_"
KNOWN = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]


def values(case: Case) -> Iterator[Finding]:
    """See that the settings can be read, and show each that is set. Never a password."""
    settings = case.settings
    env, file = _environment(), _file()
    names = [name for name in KNOWN if name in env or name in file]
    has_file = (settings.folder / ENV_FILE).is_file()
    yield ok(f"{len(names)} of {len(KNOWN)} are set; .env is {'' if has_file else 'not '}there.")
    yield ok(f"The project is {settings.folder}.")
    for name in names:
        where = ".env" if name not in env else "environment"
        both = ", which wins over .env" if name in env and name in file else ""
        yield ok(f"{name}={_shown(settings, name)} ({where}{both})")
    for server, url in sorted(settings.further_mysql_urls.items()):
        yield _further(server, url, settings)
    if settings.cache_mysql_url is not None:
        yield from _cache_url(settings.cache_mysql_url)
    if settings.mysql_url is None:
        yield ok("WAREHOUSE_MYSQL_URL is not set: what follows is about the sample server.")


def variables(_: Case) -> Iterator[Finding]:
    """See that each variable with the prefix is one of ours."""
    env, file = _environment(), _file()
    further = f"{mysql_setting()}_"
    unknown = sorted(name for name in {*env, *file} - {*KNOWN} if not name.startswith(further))
    for name in unknown:
        close = difflib.get_close_matches(name, KNOWN, n=1)
        where = "in the environment" if name in env else "in .env"
        yield warning(
            f"{name} {where} is not a setting, and has no effect.",
            f"Did you mean {close[0]}?" if close else "Take it out. docs/settings.md lists all.",
        )
    if not unknown:
        yield ok(f"All variables {PREFIX}… are settings.")


def _ours(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return those that are set and begin as ours do, without regard to case."""
    return {
        name.upper(): value
        for name, value in variables.items()
        if value and name.upper().startswith(PREFIX)
    }


def _environment() -> dict[str, str]:
    return _ours(os.environ)


def _file() -> dict[str, str]:
    """Return what the `.env` files say; the last one wins."""
    _, files = find_home()
    return _ours({name: value for file in files for name, value in dotenv_values(file).items()})


def _further(server: str, url: SecretStr, settings: Settings) -> Finding:
    name = mysql_setting(server)
    try:
        shown = parse_url(url.get_secret_value(), name, folder=settings.folder).name
    except WarehouseError as error:
        return warning(error.what, error.todo)
    return ok(f"{name}={shown}: sources name it with `-- from: {server}`.")


def _cache_url(url: SecretStr) -> Iterator[Finding]:
    """See that it can be read. The check of the connection tells so of WAREHOUSE_MYSQL_URL."""
    try:
        parse_url(url.get_secret_value(), f"{PREFIX}CACHE_MYSQL_URL")
    except WarehouseError as error:
        yield warning(error.what, error.todo)


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name.removeprefix(PREFIX).lower())
    if not isinstance(value, SecretStr):
        return without_credentials(str(value))
    try:
        return parse_url(value.get_secret_value()).name
    except WarehouseError:
        return "***"
