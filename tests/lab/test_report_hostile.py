"""Reports of results whose every text was written by somebody hostile: it is text on the page, never markup."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
import report_sample

from speech_gesture_pkg.errors import SpeechGestureError
from speech_gesture_pkg.lab.report import write_comparison, write_report

EVIL = "\"'><iframe srcdoc='<script>evil()</script>'></iframe><evil onclick=evil()>"
KEPT = {"schema"}


class Found(HTMLParser):
    """Tags and attributes that only the hostile text can have brought."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.evil: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("iframe", "evil") or any(name.startswith("on") or name == "srcdoc" for name, _ in attrs):
            self.evil.append(f"{self.getpos()} {tag} {attrs}")


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where a tree holds texts, numbers or nothing."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for k, item in enumerate(value):
            yield from places(item, (*path, k))
    else:
        yield path


def changed(tree: Any, path: tuple) -> Any:
    found = copy.deepcopy(tree)
    at = found
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = EVIL
    return found


def judged(write: Callable[..., Any], tree: Any, folder: Any) -> bool:
    """Whether a page was written; it must be clean."""
    try:
        page = write(tree, folder).read_text("utf-8")
    except (SpeechGestureError, ValueError, TypeError, KeyError, AttributeError):
        return False  # a text where a number or a name of this study must be: no page
    assert Found(page).evil == []
    return True


@pytest.mark.parametrize("kind", ["results", "comparison"])
def test_no_text_becomes_markup(kind, tmp_path):
    """One place at a time; lists of numbers are taken once."""
    if kind == "results":
        tree, write = report_sample.results(takes=1), write_report
        tree["records"] = tree["records"][:1]
        tree["systems"] = {"prosody": tree["systems"]["prosody"]}
        tree["worst"] = {"prosody": tree["worst"]["prosody"]}
        keep = ["strokes_on_accents", "robot_latency_p99", "fgd"]
        tree["metrics"] = {k: tree["metrics"][k] for k in keep}
    else:
        tree, write = report_sample.comparison(), write_comparison
    seen, pages = set(), 0
    for path in places(tree):
        general = tuple("*" if isinstance(step, int) else step for step in path)
        if path[-1] in KEPT or (general in seen and kind == "results"):
            continue
        seen.add(general)
        pages += judged(write, changed(tree, path), tmp_path)
    assert pages > 40


def test_names_of_systems_and_files_at_once(tmp_path):
    """Where the same text is key in several tables, it must be changed everywhere."""
    tree = report_sample.results(takes=1)
    for record in tree["records"]:
        record["system"] = record["system"].replace("prosody", EVIL)
        record["key"] = record["name"] = record["file"] = EVIL
    tree["systems"][EVIL] = tree["systems"].pop("prosody")
    tree["worst"] = {EVIL: [{**m, "key": EVIL} for m in tree["worst"]["prosody"]]}
    tree["metrics"][EVIL] = tree["metrics"].pop("robot_latency_p99")
    assert judged(write_report, tree, tmp_path)
