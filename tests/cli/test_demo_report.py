"""What the demo says of who gestured: from the node's diagnostics in the bag."""

from __future__ import annotations

from speech_gesture_pkg.cli.demo_report import Status, generator_text, generator_use
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey


def statuses(*seconds: tuple[int, str, int, str]) -> list[Status]:
    """One a second, each from: frames so far, the generator in charge, faults so far, the sentence."""
    return [
        Status(
            100.0 + k,
            text,
            {
                DiagnosticKey.FRAMES: str(frames),
                DiagnosticKey.GENERATOR: name,
                DiagnosticKey.FAULTS: str(faults),
                DiagnosticKey.FALLBACK: "active" if name == "prosody" else "no",
            },
        )
        for k, (frames, name, faults, text) in enumerate(seconds)
    ]


def test_who_gestured_for_how_long_and_why():
    why = "running on prosody instead of bad: generator 'mine:Bad' failed"
    use = generator_use(
        statuses((0, "bad", 0, ""), (0, "bad", 2, "braking"), (30, "prosody", 3, why), (60, "prosody", 3, why)),
        "mine:Bad",
    )
    assert (use["seconds"], use["fallback"], use["fallback_seconds"], use["faults"]) == (0.0, "prosody", 2.0, 3)
    assert generator_text(use) == f"! generator mine:Bad: gestured for 0 s, the fall-back prosody for 2 s ({why})"


def test_a_generator_without_a_fall_back_that_fails():
    use = generator_use(statuses((0, "bad", 0, ""), (3, "bad", 0, ""), (3, "bad", 7, "it failed")), "mine:Bad")
    assert generator_text(use) == "! generator mine:Bad: gestured for 1 s; it failed 7 times (it failed)"


def test_a_good_one():
    use = generator_use(statuses((0, "lstm", 0, ""), (30, "lstm", 0, ""), (60, "lstm", 0, "")), "mine:Lstm")
    assert generator_text(use) == "  generator mine:Lstm: gestured for 2 s"
    assert generator_text(generator_use([], "mine:Lstm")) == "  generator mine:Lstm: gestured for 0 s"
