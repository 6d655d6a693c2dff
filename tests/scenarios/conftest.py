"""Option of the scenario tests."""

from __future__ import annotations


def pytest_addoption(parser):
    parser.addoption("--scenarios", type=int, default=0, help="random scenarios for each rule set (default: a sample)")
    parser.addoption("--scenario-seed", type=int, default=0, help="first seed")
