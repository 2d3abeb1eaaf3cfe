"""Which requests the UI answers: its own pages' and this machine's, not those of a foreign page.

Any page in the user's browser can send requests to this machine, and so start runs; a page whose
name was made to lead here (DNS rebinding) can read the answers too. Browsers say in the headers
Host, Origin and Sec-Fetch-Site where a request comes from, and no page can change these:
https://fetch.spec.whatwg.org/#origin-header, https://www.w3.org/TR/fetch-metadata/.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

SETTING = "WAREHOUSE_UI_HOSTS"
FOREIGN_HOST = (
    "Refused: the UI answers by the names localhost, 127.0.0.0/8 and [::1] only; the setting "
    f"{SETTING} adds others."
)
FOREIGN_PAGE = (
    "Refused: a page of another origin may change nothing here; open the UI itself, by a name of "
    f"this machine or one that the setting {SETTING} adds."
)
MUTATION_BY_GET = (
    "Refused: a mutation goes by POST, as application/json, to a name of this machine or one that "
    f"the setting {SETTING} adds."
)
NOT_JSON = (
    "Refused: without an Origin header a POST has to be application/json; the UI's own pages, by a "
    f"name of this machine or one that the setting {SETTING} adds, always send one."
)

EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""Addresses that stand for all of a machine's, and the loopback of each."""

LOOPBACK = IPv4Network("127.0.0.0/8")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_SAFE = ("GET", "HEAD", "OPTIONS")
# No mutation can do without this word, and none of the UI's own queries has it.
_MUTATION = re.compile(r"\bmutation\b", re.ASCII)


@dataclass(frozen=True)
class Request:
    """What tells where a request comes from and what it wants.

    Attributes:
        method: As in HTTP; of a WebSocket's handshake it is WEBSOCKET.
        query: The URL's query string.
        headers: Their names in lower case, each as often as it came.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    def all(self, header: str) -> list[str]:
        """Return the values of a header, in lower case."""
        return [value.strip().lower() for name, value in self.headers if name == header]


def read_hosts(setting: str | None) -> frozenset[str]:
    """Return the hosts that the setting lists, each with or without a port."""
    return frozenset(filter(None, (host.strip().lower() for host in (setting or "").split(","))))


def refusal(request: Request, hosts: frozenset[str]) -> str | None:
    """Return why a request is refused, or None.

    Args:
        request: It.
        hosts: What `read_hosts` returns: what the UI may be called besides loopback.
    """
    named = request.all("host")
    if len(named) != 1 or not _is_ours(named[0], hosts):
        return FOREIGN_HOST
    if request.method in _SAFE:
        return MUTATION_BY_GET if _has_mutation(request) else None
    origins = request.all("origin")
    own = {f"http://{named[0]}", f"https://{named[0]}"}
    sites = {*request.all("sec-fetch-site")}
    if not own.issuperset(origins) or not sites <= {"same-origin", "none"}:
        return FOREIGN_PAGE
    if not origins and request.method != "WEBSOCKET" and not _is_json(request):
        return NOT_JSON
    return None


def address(host: str, port: int, hosts: frozenset[str]) -> str:
    """Say where the UI is, and by which names it answers there.

    Args:
        host: The address that it listens on.
        port: Its port.
        hosts: What `read_hosts` returns.
    """
    shown = EVERYWHERE.get(host, f"[{host}]" if ":" in host else host)
    text = f"Dagster's UI is at http://{shown}:{port}, until Ctrl-C."
    if host in EVERYWHERE or not _is_ours(shown.lower(), hosts):
        listed = ", ".join(sorted(hosts)) or "nothing"
        text += f" It refuses names other than loopback's and those in {SETTING}: {listed}."
    return text


def _is_ours(host: str, hosts: frozenset[str]) -> bool:
    """Whether a Host header names loopback or what the setting adds."""
    parts = _HOST.fullmatch(host)
    if parts is None:
        return False
    name = parts["name"]
    if name in hosts or host in hosts or name in ("localhost", "[::1]"):
        return True
    with suppress(ValueError):
        return ip_address(name) in LOOPBACK
    return False


def _has_mutation(request: Request) -> bool:
    return request.path.rstrip("/").endswith("/graphql") and any(
        name == "query" and _MUTATION.search(value)
        for name, value in parse_qsl(request.query, keep_blank_values=True)
    )


def _is_json(request: Request) -> bool:
    """Whether the body is declared as what a browser sends to others only after asking them."""
    types = [value.partition(";")[0].rstrip() for value in request.all("content-type")]
    return types == ["application/json"]


class Guard:
    """Answers in the place of an ASGI application what it is not to see."""

    def __init__(self, app: App, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):  # the start and the end of the server
            await self._app(scope, receive, send)
        elif reason := refusal(_request(scope), self._hosts):
            await _refuse(scope, send, reason)
        else:
            await self._app(scope, receive, _unframed(send))


def _request(scope: Scope) -> Request:
    return Request(
        method=scope["method"] if scope["type"] == "http" else "WEBSOCKET",
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in scope["headers"]
        ),
    )


async def _refuse(scope: Scope, send: Send, reason: str) -> None:
    """Answer 403, with the reason as the text."""
    kind = "http.response"
    if scope["type"] == "websocket":
        kind = "websocket.http.response"
        if kind not in scope.get("extensions", {}):
            await send({"type": "websocket.close"})  # the server makes it a 403
            return
    body = f"{reason}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": f"{kind}.start", "status": 403, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


def _unframed(send: Send) -> Send:
    """Have no foreign page show the UI in a frame, where its clicks could be led."""

    async def send_unframed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"x-frame-options", b"SAMEORIGIN")]
            message = {**message, "headers": headers}
        await send(message)

    return send_unframed
