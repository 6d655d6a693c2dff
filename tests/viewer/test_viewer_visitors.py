"""The viewer's page: what others wrote is text on it, and other websites have no access to it."""

from __future__ import annotations

import http.client
import socket

import numpy as np
import pytest

pytest.importorskip("viser")
pytest.importorskip("PIL")

from hostile_text import HOSTILE, Tags
from test_viewer_browser import free_port

from speech_gesture_pkg.errors import MissingDependencyError
from speech_gesture_pkg.outside_text import one_line
from speech_gesture_pkg.viewer.page import BrowserPage
from speech_gesture_pkg.viewer.visitors import Visitors, checked

OURS = {"p", "strong", "em", "table", "thead", "tbody", "tr", "th", "td"}
"""Tags of the page's own Markdown."""


def rendered(markdown: str) -> Tags:
    markdown_it = pytest.importorskip("markdown_it")
    return Tags(markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


@pytest.fixture(scope="module")
def page():
    with BrowserPage(port=free_port()) as made:
        yield made


def test_diagnostics_are_text():
    pytest.importorskip("rclpy")
    from speech_gesture_pkg.ros.viewer_node import MOST_ROWS, status_text

    for text in HOSTILE:
        found = rendered(status_text({text: (text, [(text, text)])}, [text]))
        assert found.tags <= OURS
        assert not found.attributes
        assert found.text.count(one_line(text).strip()) == 5
    assert status_text({"a": ("ok", [("k", "v")] * 10_000)}, []).count("\n") < MOST_ROWS + 10
    assert len(status_text({"a": ("x" * 10**6, [])}, [])) < 20_000


@pytest.mark.parametrize(
    ("bound", "host", "origin", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:8080", None, True),
        ("127.0.0.1", "localhost:8080", "http://localhost:8080", True),
        ("127.0.0.1", "LOCALHOST:9999", "http://localhost:9999", True),  # a forwarded port
        ("127.0.0.1", "[::1]:8080", "http://[::1]:8080", True),
        ("127.0.0.1", "evil.example:8080", None, False),  # a name that was bent to 127.0.0.1
        ("127.0.0.1", "evil.example:8080", "http://evil.example:8080", False),
        ("127.0.0.1", "192.0.2.7:8080", None, False),
        ("127.0.0.1", "localhost:8080", "http://evil.example", False),
        ("127.0.0.1", "localhost:8080", "http://localhost:8081", False),
        ("127.0.0.1", "localhost:8080", "null", False),
        ("127.0.0.1", "localhost.evil.example", None, False),
        ("127.0.0.1", "localhost@evil.example", None, False),
        ("127.0.0.1", "localhost:port", None, False),
        ("127.0.0.1", "", None, False),
        ("192.0.2.7", "192.0.2.7:8080", "http://192.0.2.7:8080", True),
        ("192.0.2.7", "robot.example:8080", None, False),
        ("robot.example", "Robot.Example:8080", "http://robot.example:8080", True),
        ("0.0.0.0", "192.0.2.7:8080", "http://192.0.2.7:8080", True),
        ("0.0.0.0", f"{socket.gethostname()}:8080", None, True),
        ("0.0.0.0", "evil.example:8080", None, False),
        ("::", "[2001:db8::7]:8080", "http://[2001:db8::7]:8080", True),
    ],
)
def test_who_may_come_in(bound, host, origin, allowed):
    assert (Visitors(bound).refusal([host], [origin] if origin else []) == "") == allowed


def test_headers_that_come_twice_are_refused():
    visitors = Visitors("127.0.0.1")
    assert visitors.refusal([], [])
    assert visitors.refusal(["localhost", "evil.example"], [])
    assert visitors.refusal(["localhost"], ["http://localhost", "http://evil.example"])


def status_of(page: BrowserPage, host: str, upgrade: bool, origin: str | None) -> int:
    port = int(page.url.rsplit(":", 1)[1])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {"Host": host.format(port)}
    if origin:
        headers["Origin"] = origin.format(port)
    if upgrade:
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers["Sec-WebSocket-Key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    connection.request("GET", "/", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_the_server_asks(page):
    for upgrade, good in ((False, 200), (True, 101)):
        assert status_of(page, "localhost:{}", upgrade, None) == good
        assert status_of(page, "127.0.0.1:{}", upgrade, "http://127.0.0.1:{}") == good
        assert status_of(page, "evil.example:{}", upgrade, None) == 403
        assert status_of(page, "localhost:{}", upgrade, "http://evil.example") == 403
    page.show_robot(np.zeros(3))  # it lives on


def test_a_viser_that_cannot_be_checked_is_refused():
    with pytest.raises(MissingDependencyError, match=r"install viser 1\.1"), checked(Visitors("127.0.0.1")):
        pass
