"""Who may load the viewer's page and open its websocket: checks of the Host and Origin headers.

A page of any website can make the browser of somebody who may reach the viewer ask for `http://localhost:8080`, and a
website can let its own name point to 127.0.0.1 (DNS rebinding). Browsers say in Host which name was asked for, and in
Origin whose page asks; both must be ours.
"""

from __future__ import annotations

import http
import ipaddress
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from speech_gesture_pkg.errors import MissingDependencyError
from speech_gesture_pkg.outside_text import one_line

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_EVERYWHERE = ("0.0.0.0", "::", "")

logger = logging.getLogger(__name__)


class Visitors:
    """Says which requests are refused.

    Names that Host may have: those of the loopback, and `host` as it was given. A page served on every address may
    also be asked for by any address in numbers (no website can make a browser send those) and by this machine's name.

    Args:
        host: the address that the page is served on.
    """

    def __init__(self, host: str) -> None:
        self._everywhere = host in _EVERYWHERE
        name = socket.gethostname().lower()
        own = {name, f"{name.partition('.')[0]}.local"} if self._everywhere else {host.lower()}
        self._names = _LOOPBACK | own

    def refusal(self, hosts: list[str], origins: list[str]) -> str:
        """Why a request is refused, or "".

        Args:
            hosts: its Host headers.
            origins: its Origin headers; browsers send one with every websocket, other programs need not.
        """
        if len(hosts) != 1 or len(origins) > 1:
            return "a request needs one Host header, and at most one Origin"
        host = hosts[0].strip().lower()
        name = _name(host)
        if name is None or not (name in self._names or (self._everywhere and _is_address(name))):
            return f"this page is not served as {one_line(host)!r}; the names are {', '.join(sorted(self._names))}"
        if origins and origins[0].strip().lower() not in (f"http://{host}", f"https://{host}"):
            return f"pages of {one_line(origins[0])!r} have no access to the one of {one_line(host)!r}"
        return ""


def _name(host: str) -> str | None:
    """The name in a Host header, without port and brackets; None for one that is malformed."""
    if not host or set(host) & set("/\\?#@, \t"):
        return None
    try:
        split = urlsplit(f"//{host}")
        _ = split.port
        return split.hostname
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


_changing = threading.Lock()


@contextmanager
def checked(visitors: Visitors) -> Iterator[None]:
    """While entered, a viser server that starts gets the check.

    viser has no option for it: it hands its own request handler to `websockets.asyncio.server.serve`, and that call is
    seen here.

    Raises:
        MissingDependencyError: no server was started that way: this viser does it in another, and is not to be trusted.
    """
    from websockets.asyncio import server

    serve: Any = server.serve
    seen = []

    def guarded(*args: Any, **options: Any) -> Any:
        seen.append(True)
        options["process_request"] = _handler(visitors, options.get("process_request"))
        return serve(*args, **options)

    with _changing:
        server.serve = guarded  # type: ignore[misc, assignment]
        try:
            yield
        finally:
            server.serve = serve  # type: ignore[misc]
    if not seen:
        raise MissingDependencyError(
            "this version of viser starts its server in a way that leaves no place to check who asks for the page; "
            "install viser 1.1"
        )


def _handler(visitors: Visitors, inner: Callable[[Any, Any], Any] | None) -> Callable[[Any, Any], Any]:
    def process(connection: Any, request: Any) -> Any:
        why = visitors.refusal(request.headers.get_all("Host"), request.headers.get_all("Origin"))
        if why:
            logger.warning("the viewer refused a request: %s", why)
            return connection.respond(http.HTTPStatus.FORBIDDEN, f"{why}\n")
        return inner(connection, request) if inner is not None else None

    return process
