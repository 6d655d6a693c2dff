"""The HTML report: complete, self-contained, escaped; links lead somewhere."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import report_sample

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.report import write_comparison, write_report
from speech_gesture_pkg.lab.report.formatting import clock, number, prose, seconds, units
from speech_gesture_pkg.lab.report.plots import Row, Shares, histogram, span, strip, ticks
from speech_gesture_pkg.lab.report.recordings import SHOWN, shown, view_command

ROOT = Path(__file__).resolve().parents[2]
VOID = {"meta", "br", "input", "img", "link", "hr"}


class Outline(HTMLParser):
    """Checks nesting; collects ids, links and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.links.append(str(found["href"]))
        self.addresses += [str(v) for k, v in found.items() if k in ("src", "href", "srcset", "action")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    assert found.open == []
    return found


@pytest.fixture(scope="module")
def results() -> dict:
    return report_sample.results(takes=4)


@pytest.fixture(scope="module")
def text(results, tmp_path_factory) -> str:
    pictures = [(1.5, b"\x89PNG-bytes")]
    path = write_report(results, tmp_path_factory.mktemp("report"), lambda record: pictures)
    return path.read_text("utf-8")


def test_the_page_needs_nothing_from_elsewhere_and_its_links_lead_somewhere(text):
    found = outline(text)
    assert len(found.ids) == len(set(found.ids))
    for address in found.addresses:
        assert address.startswith(("#", "data:image/png;base64,")), address
    assert {link[1:] for link in found.links} <= set(found.ids)
    assert not re.search(r"https?://|url\(|@import", text)


def test_every_part_is_there(results, text):
    found = outline(text)
    parts = "glance figures failures worst recordings distributions motion joints files warnings settings definitions"
    assert {*parts.split(), "sanity"} <= set(found.ids)
    for name in results["metrics"]:
        assert f"m-{name}" in found.ids
    for record in shown(results):
        assert f"r-{record['key']}" in found.ids
        assert f"t-{record['key']}-0" in found.ids
    for words in (
        "style.amplitude=1.2",
        "0123abc with local changes",
        "fgd-ae x",
        "the file is empty",
        "812",
        "40 clips",
        "floor 700",
    ):
        assert words in text
    assert text.count("data:image/png") == len(shown(results))
    assert "speech/&lt;b&gt;.wav" in text
    assert "<b>.wav" not in text
    assert ">None<" not in text
    assert "one &lt;window&gt; was dropped" in text


def test_figures_are_those_of_the_results(results, text):
    entry = results["systems"]["prosody"]["metrics"]["robot_jerk_rms"]
    row = text.split('href="#m-robot_jerk_rms"', 1)[1].split("</tr>", 1)[0]
    assert f"<span>{number(entry['mean'])}</span>" in row
    assert f"[{number(entry['low'])}, {number(entry['high'])}]" in row
    assert "no face points" in text.split("have no figure here", 1)[1].split("</details>", 1)[0]
    assert 'title="fooled by jittered"' in text


def test_hundreds_of_recordings_stay_readable(tmp_path):
    many = report_sample.results(takes=150)
    page = write_report(many, tmp_path).read_text("utf-8")
    outline(page)
    assert len(shown(many)) <= SHOWN
    assert page.count('class="case"') == len(shown(many))
    assert len(page) < 3_000_000
    assert "240 further rows" in page


def test_results_of_nothing(tmp_path, results):
    empty = results | {
        "records": [],
        "systems": {},
        "worst": {},
        "sanity": None,
        "counts": {"failed": 1, "not_run": 2},
        "failures": results["failures"],
    }
    page = write_report(empty, tmp_path).read_text("utf-8")
    assert 'id="sanity"' not in page
    assert "2 not run yet" in page
    with pytest.raises(InputError, match="schema"):
        write_report(results | {"schema": "other"}, tmp_path)


def test_records_may_lack_pictures_curves_and_limits(tmp_path):
    bare = report_sample.results(takes=2)
    for record in bare["records"]:
        record |= {"curves": {}, "poses": {"times_s": [], "positions": None, "robot": None}, "joints": None}
        record |= {"latency_ms": None, "worst": [], "audio": None}
    page = write_report(bare, tmp_path).read_text("utf-8")
    assert 'id="joints"' not in page
    assert 'id="motion"' not in page


def test_runs_again_and_warnings_of_the_study(tmp_path):
    again = report_sample.results(takes=2) | {"warnings": ["two files have one name"]}
    again["records"][0] |= {"agreement": report_sample.AGREEMENT}
    page = write_report(again, tmp_path).read_text("utf-8")
    outline(page)
    assert "left_elbow at 0:02.5" in page
    assert "two files have one name" in page


def test_a_command_to_see_each_kind_of_record(results):
    record = results["records"][0]
    assert view_command(record) == (
        "speech-gesture generate speech/utterance_000.flac --generator prosody --seed 0 --set style.amplitude=1.2 "
        "-o motion.npz && speech-gesture view motion.npz --audio speech/utterance_000.flac"
    )
    assert view_command(record | {"bag": "a bag"}) == "speech-gesture view 'a bag'"
    assert view_command(record | {"mode": "motion", "file": "m.npz"}) == "speech-gesture view m.npz"
    assert view_command(record | {"view": "look"}) == "look"


def test_comparison(tmp_path):
    path = write_comparison(report_sample.comparison(), tmp_path)
    text = path.read_text("utf-8")
    outline(text)
    for words in (
        "▲ better",
        "= not significant",
        "different autoencoders cannot be compared",
        "only_a",
        "≠",
        "Wilcoxon",
        "0.00420",
        "no joint in common",
    ):
        assert words in text
    with pytest.raises(InputError, match="schema"):
        write_comparison({"schema": "x"}, tmp_path)


@pytest.mark.parametrize(
    ("value", "shown_as"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0, "0"),
        (0.12345, "0.123"),
        (0.4, "0.400"),
        (0.012345, "0.0123"),
        (12.0, "12"),
        (12.345, "12.3"),
        (-123.45, "-123"),
        (12345.6, "12\u202f346"),
        (0.00012, "1.20e-04"),
    ],
)
def test_numbers(value, shown_as):
    assert number(value) == shown_as


def test_times_and_words():
    assert (seconds(4.21), seconds(200), seconds(3720), seconds(None)) == ("4.2 s", "3 min 20 s", "1 h 02 min", "–")
    assert (clock(62.54), clock(59.97), clock(-3.0)) == ("1:02.5", "1:00.0", "-0:03.0")
    assert units("m/s^2") == "m/s²"
    assert prose("A `b` < c.\n\n    x = 1\n\nmore") == "<p>A <code>b</code> &lt; c.</p><pre>x = 1</pre><p>more</p>"


def test_axes():
    assert ticks(0.0, 1.0) == [0.0, 0.25, 0.5, 0.75, 1.0]
    np.testing.assert_allclose(ticks(-3.0, 17.0), [0.0, 5.0, 10.0, 15.0])
    assert ticks(2.0, 2.0) == [2.0]
    for values in ([0.0, 0.0], [3.0, 3.0], [-1.0, 2.0], [5.0, 6.0]):
        low, high = span(np.array(values))
        assert low <= min(values)
        assert high >= max(values)
        assert high > low


def test_a_strip_plot_shows_each_take_and_a_density_of_many():
    few = strip([Row("a", 0, np.array([1.0, 2.0, 2.0]), 1.7, 1.2, 2.1)], "t")
    ElementTree.fromstring(few)
    assert few.count("<circle") == 3
    many = strip([Row("a", 0, np.random.default_rng(0).normal(size=500), 0.0, None, None)], "t")
    ElementTree.fromstring(many)
    assert "<circle" not in many


def test_a_histogram_of_shares():
    svg = histogram([Shares("a", 0, np.array([0.0, 1.0, 2.0]), np.array([3, 1]))], "t")
    ElementTree.fromstring(svg)
    # three quarters are three times as high as one quarter
    heights = [float(y) for y in re.findall(r"V([\d.]+)H", svg)]
    base = 150.0 - 4.0
    assert (base - heights[0]) / (base - heights[1]) == pytest.approx(3.0, rel=0.01)
    # a bin three times as wide with as many in it is a third as high
    svg = histogram([Shares("a", 0, np.array([0.0, 1.0, 4.0]), np.array([1, 1]))], "t")
    heights = [float(y) for y in re.findall(r"V([\d.]+)H", svg)]
    assert (base - heights[0]) / (base - heights[1]) == pytest.approx(3.0, rel=0.01)


def test_templates_are_installed(monkeypatch):
    """What `setup.py` names as package data holds every template, style sheet and script of the report."""
    given: dict = {}
    monkeypatch.setattr("setuptools.setup", lambda **values: given.update(values))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    folder = ROOT / "speech_gesture_pkg/lab/report"
    packed = {f for pattern in given["package_data"]["speech_gesture_pkg.lab.report"] for f in folder.glob(pattern)}
    assert packed >= {f for f in folder.rglob("*") if f.suffix in (".j2", ".css", ".js")} != set()
