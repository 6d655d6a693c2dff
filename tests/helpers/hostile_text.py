"""Text from outside that tries to be markup, and a parser that shows what became of it."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = (
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    "<img src=x onerror=alert(1)>",
    "![x](file:///etc/passwd)",
    "[here](javascript:alert(1))",
    "`code` **bold** | cell | ~~gone~~ # head",
    "{alert(1)} <!-- gone --> &lt;b&gt;",
    "a\n\n# heading\n\n<script>alert(1)</script>",
    "\" onmouseover='alert(1)'",
    "<https://example.org> $x$ \\<b>",
)


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data
