"""Text from outside stays text: in logs, HTML, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys

import pytest
from hostile_text import HOSTILE, Tags

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.study.results import csv_text
from speech_gesture_pkg.outside_text import as_html, as_markdown, csv_cell, one_line
from speech_gesture_pkg.pipeline.events import Event, StepResult
from speech_gesture_pkg.pipeline.states import Severity


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("elbow", "elbow"),
        ("größe Ω 肘", "größe Ω 肘"),
        ("a\n[ERROR] all is lost", "a\\n[ERROR] all is lost"),
        ("a\r\x1b[31mred\x07\x00", "a\\r\\x1b[31mred\\x07\\x00"),
        ("a\u2028b\x85c", "a\\u2028b\\x85c"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),  # right-to-left override: shown as exe.png
        ("a\u00a0b", "a b"),
        ("lone \udcff", "lone \\udcff"),
    ],
)
def test_one_line(text, line):
    assert one_line(text) == line
    assert line.isprintable()


def test_long_text_is_cut():
    assert one_line("x" * 1000, 20) == "x" * 17 + "..."
    assert len(one_line("x" * 1000)) == 300


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_the_text_and_nothing_else(text):
    """Rendered by another library, with raw HTML allowed as on the viewer's page."""
    markdown_it = pytest.importorskip("markdown_it")
    page = Tags(markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(as_markdown(text)))
    assert page.tags == {"p"}
    assert page.text.strip() == one_line(text).strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_the_text_and_nothing_else(text):
    page = Tags(f'<p title="{as_html(text)}">{as_html(text)}</p>')
    assert page.tags == {"p"}
    assert page.attributes == {"title"}
    assert page.text == text


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =1", "\r@x", "-x.wav"])
def test_formulas_become_text_in_csv(text):
    assert csv_cell(text) == "'" + text


@pytest.mark.parametrize("value", ["-0.5", "+1e-3", "-inf", "nan", "a-b", "", "3", -0.5, 7, None])
def test_numbers_stay_numbers_in_csv(value):
    assert csv_cell(value) is value


def test_results_csv_holds_no_formula():
    report_sample = pytest.importorskip("report_sample")
    results = report_sample.results(takes=2)
    results["records"][0]["name"] = "=HYPERLINK(1)"
    results["records"][0]["metrics"]["robot_latency_p50"]["value"] = -0.5
    results["failures"][0] |= {"file": "@evil.wav", "name": "x"}
    rows = list(csv.DictReader(io.StringIO(csv_text(results))))
    assert rows[0]["name"] == "'=HYPERLINK(1)"
    assert next(v for k, v in rows[0].items() if k.startswith("robot_latency_p50")) == "-0.5"
    assert rows[-1]["file"] == "'@evil.wav"


def test_an_error_is_one_line_whatever_it_names():
    assert str(InputError("bag a\n[ERROR] b is damaged")) == "bag a\\n[ERROR] b is damaged"


def test_an_event_is_one_line_whatever_it_names():
    assert Event(Severity.WARN, "x", "joint a\nb").text == "joint a\\nb"
    result = StepResult()
    result.report(Severity.WARN, "x", "joint a\nb")
    assert result.events[0].text == "joint a\\nb"


def test_diagnostics_are_lines():
    pytest.importorskip("rclpy")
    from builtin_interfaces.msg import Time

    from speech_gesture_pkg.ros.messages.diagnostics import OK, diagnostic_array

    status = diagnostic_array(Time(), "a\nb", OK, "c\nd", {"e\nf": "g\nh", "i": 0.123456}, "j\nk").status[0]
    assert (status.name, status.message, status.hardware_id) == ("a\\nb", "c\\nd", "j\\nk")
    assert [(v.key, v.value) for v in status.values] == [("e\\nf", "g\\nh"), ("i", "0.1235")]


def test_the_command_logs_lines():
    code = (
        "import logging, sys; from speech_gesture_pkg.cli import main as cli; "
        "cli.import_module = lambda name: type('verb', (), {'add_arguments': staticmethod(lambda p: p), "
        "'run': staticmethod(lambda o: logging.getLogger('x').warning('joint %s', 'a\\nERROR b'))}); "
        "sys.exit(cli.main(['check']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stderr == "WARNING joint a\\nERROR b\n"


def test_nodes_log_lines():
    """Forged lines, terminal escapes; severity and place are those of the caller, as rclpy wants it."""
    pytest.importorskip("rclpy")
    code = (
        "import speech_gesture_pkg.ros\n"
        "from rclpy.logging import get_logger\n"
        "logger = get_logger('robot')\n"
        "logger.info('joint a\\n[ERROR] [1.0] [robot]: b')\n"
        "logger.error('joint \\x1b[31mc', throttle_duration_sec=5.0)\n"
        "logger.warning(f'{7}')\n"
    )
    form = {"RCUTILS_CONSOLE_OUTPUT_FORMAT": "{severity} {line_number} {message}", "RCUTILS_COLORIZED_OUTPUT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=os.environ | form
    )
    assert sorted((done.stdout + done.stderr).splitlines()) == [
        "ERROR 5 joint \\x1b[31mc",
        "INFO 4 joint a\\n[ERROR] [1.0] [robot]: b",
        "WARN 6 7",
    ]
