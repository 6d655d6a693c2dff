"""Fixtures of the tests that run real nodes (see `ros_rig`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from infrastructure import mark_real_time
from ros_rig import probe, pulse, start

__all__ = ["probe", "pulse", "start"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path, here = Path(item.fspath), Path(__file__).parent
        if path.is_relative_to(here) and not path.is_relative_to(here / "offline"):
            mark_real_time(item)
