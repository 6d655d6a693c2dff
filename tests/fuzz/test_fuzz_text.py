"""Text of others on its way to a log, to Markdown and to HTML: it stays text."""

from __future__ import annotations

import random
from html.parser import HTMLParser

import pytest

from speech_gesture_pkg.outside_text import as_html, as_markdown, csv_cell, one_line

PARTS = (
    *(
        "<",
        ">",
        "&",
        "&#60;",
        "&lt;",
        '"',
        "'",
        "`",
        "```",
        "*",
        "**",
        "_",
        "~~",
        "|",
        "\\",
        "[",
        "](",
        ")",
        "![",
        "#",
        "- ",
    ),
    *(
        "\n",
        "\r",
        "\n\n",
        "\t",
        "    ",
        "\x00",
        "\x1b[31m",
        "\u2028",
        "\u202e",
        "\ufeff",
        "\ud800",
        "{",
        "}",
        "$",
        "=",
        "+",
    ),
    *("<script>", "</script>", "<iframe srcdoc='", "<img src=x onerror=a>", "<!--", "-->", "<![CDATA[", "javascript:"),
    *("https://example.org", "www.example.org", "a@b.org", "1. ", "> ", "---", "|---|", "a", "joint", "1.5", "ä", "肘"),
)


class Tags(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text(fuzz):
    markdown_it = pytest.importorskip("markdown_it")
    render = markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render

    def make(rng: random.Random) -> str:
        return "".join(rng.choice(PARTS) for _ in range(rng.randint(1, 30)))

    def use(text: str) -> None:
        line = one_line(text)
        assert line.isprintable()
        page = Tags(render(f"| | |\n|---|---|\n| {as_markdown(text)} | {as_markdown(text)} |"))
        assert page.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
        assert line.strip() in page.text
        alone = Tags(render(f"**{as_markdown(text)}**: x")).tags
        assert set(alone) <= {"p", "strong"}
        quoted = Tags(f'<b title="{as_html(text)}">{as_html(text)}</b>')
        assert quoted.tags == ["b"]
        cell = csv_cell(text)
        assert cell == text or cell == "'" + text

    fuzz.run("text", make, use)
