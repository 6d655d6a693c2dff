"""What the demo shows afterwards: video, figures, a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.bags.messages import read_bag
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.verification.bag_content import read_content
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.video import render_video


@dataclass(frozen=True)
class Status:
    """The gesture node's diagnostics at one time.

    Attributes:
        received: bag clock, s.
        text: its one sentence.
        values: of `DiagnosticKey`.
    """

    received: float
    text: str
    values: Mapping[str, str]


def diagnostics_of(bag: Path) -> list[Status]:
    """All diagnostics of the gesture node while it was active."""
    return [
        Status(message.received, status.message, values)
        for message in read_bag(bag, topics=("/diagnostics",))
        for status in message.data.status
        if DiagnosticKey.GENERATOR in (values := {v.key: v.value for v in status.values})
    ]


def last_figures(statuses: Sequence[Status]) -> dict[str, str]:
    """The last diagnostics after which something moved."""
    moving = [s.values for s in statuses if s.values.get(DiagnosticKey.FRAMES, "0") != "0"]
    return dict(moving[-1]) if moving else {}


def generator_use(statuses: Sequence[Status], asked: str) -> dict[str, Any]:
    """Which generator gestured for how long.

    Args:
        statuses: from `diagnostics_of`, one a second.
        asked: the generator that was asked for, as it was named.

    Returns:
        `asked`; `seconds` for which it made frames, `fallback`: name of the fall-back, "" if it was never in charge;
        `fallback_seconds`; `faults`: how often a generator failed; `why`: the node's last sentence about that.
    """
    found: dict[str, Any] = {
        "asked": asked,
        "seconds": 0.0,
        "fallback": "",
        "fallback_seconds": 0.0,
        "faults": 0,
        "why": "",
    }
    for before, now in pairwise(statuses):
        took_over = now.values.get(DiagnosticKey.FALLBACK) == "active"
        if now.values.get(DiagnosticKey.FRAMES) != before.values.get(DiagnosticKey.FRAMES):
            found["fallback_seconds" if took_over else "seconds"] += now.received - before.received
        if took_over:
            found["fallback"] = now.values[DiagnosticKey.GENERATOR]
        if took_over or now.values.get(DiagnosticKey.FAULTS) != before.values.get(DiagnosticKey.FAULTS):
            found["why"] = now.text
    found["faults"] = int(statuses[-1].values.get(DiagnosticKey.FAULTS, "0")) if statuses else 0
    return found


def write_video(bag: Path, out: Path, urdf: Path, audio: AudioChunk) -> Path:
    """Robot (as measured) and human side by side, with the sound as heard; `audio` is what was played, once or more."""
    from tqdm import tqdm

    content = read_content(bag)
    speech = content.audio if content.audio is not None else audio
    begin = speech.start - 1.0
    if content.joints is not None:
        begin = max(begin, float(content.joints.time[0]))
    bar = tqdm(total=0, desc="rendering video", leave=False, disable=None)

    def step(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    try:
        shown = Content(content.motion, content.joints, urdf, speech)
        end = float(speech.start + min(speech.duration, audio.duration) + 1.5)
        return render_video(out, shown, span=(begin, end), progress=step)
    finally:
        bar.close()


def summary_text(figures: dict[str, Any]) -> str:
    """Latency, limits and files, for a person."""
    d, t = figures["diagnostics"], figures["tracking"]
    lines = [
        generator_text(figures["generator"]),
        f"  the simulated robot follows within {t['error']:.1e} rad and 2 ms (mean delay {1e3 * t['delay']:.2f} ms); "
        f"jerk x{t['jerk_ratio']:.2f}",
        f"  audio in to trajectory out beyond the {d.get(DiagnosticKey.LOOKAHEAD, '?')} ms look-ahead: p50 "
        f"{d.get(DiagnosticKey.LATENCY_P50, '?')} ms, p99 {d.get(DiagnosticKey.LATENCY_P99, '?')} ms; real-time factor "
        f"{d.get(DiagnosticKey.REAL_TIME_FACTOR, '?')}",
        f"  frames {d.get(DiagnosticKey.FRAMES, '?')}, late {d.get(DiagnosticKey.LATE_FRAMES, '?')}, held back by a "
        f"limit {d.get(DiagnosticKey.LIMITED, '?')} % of points",
        f"  bag {figures['bag']}" + (f", video {figures['video']}" if "video" in figures else ""),
    ]
    return "\n".join(lines)


def generator_text(use: Mapping[str, Any]) -> str:
    """Who gestured: one line, marked if it was not the generator that was asked for."""
    text = f"  generator {use['asked']}: gestured for {use['seconds']:.0f} s"
    if use["fallback"]:
        text = f"! {text.strip()}, the fall-back {use['fallback']} for {use['fallback_seconds']:.0f} s ({use['why']})"
    elif use["faults"]:
        text = f"! {text.strip()}; it failed {use['faults']} times ({use['why']})"
    return text
