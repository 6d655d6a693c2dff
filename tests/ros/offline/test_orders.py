"""Orders: the newest of each kind counts, none is lost, and who waits is told."""

from __future__ import annotations

import threading
import time

import pytest

from speech_gesture_pkg.config import GestureConfig

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from speech_gesture_pkg.ros.orders import Orders


def styled(amplitude):
    return GestureConfig().with_values({"style.amplitude": amplitude})


def test_a_pause_survives_a_storm_of_other_orders():
    orders = Orders()
    ticket = orders.pause(True)
    for k in range(1000):
        orders.restyle(styled(k / 1000))
        orders.reset()
    assert orders.stopping
    pending = orders.take()
    assert (pending.pause, pending.reset, pending.interrupt) == (True, True, True)
    assert pending.style.style.amplitude == 0.999
    assert not orders.wait(ticket, 0.0), "taken, but not yet done"
    orders.done(pending)
    assert orders.wait(ticket, 0.0)
    assert orders.take() is None
    assert not orders.stopping


@pytest.mark.parametrize("last", [True, False])
def test_the_newest_pause_wins(last):
    orders = Orders()
    for k in range(7):
        orders.pause((k % 2 == 0) is last)
    pending = orders.take()
    assert pending.pause is last
    assert pending.interrupt, "what was planned before the pause is forgotten, even if it has ended since"
    assert orders.paused is last


def test_what_was_not_asked_for_stays_as_it_is():
    orders = Orders()
    assert orders.take() is None
    orders.restyle(styled(0.5))
    pending = orders.take()
    assert pending.pause is None
    assert not pending.interrupt
    assert not pending.reset
    assert not orders.stopping
    orders.pause(False)
    assert not orders.take().interrupt


def test_waiting_ends_when_another_thread_is_done():
    orders = Orders()
    first, second = orders.pause(True), orders.reset()
    pending = orders.take()
    third = orders.reset()
    thread = threading.Timer(0.05, orders.done, (pending,))
    thread.start()
    assert orders.wait(first, 10.0)
    assert orders.wait(second, 0.0)
    began = time.monotonic()
    assert not orders.wait(third, 0.1)
    assert time.monotonic() - began >= 0.1
    thread.join()
