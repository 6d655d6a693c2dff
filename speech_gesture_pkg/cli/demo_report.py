"""What the demo shows afterwards: video, figures, a summary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.bags.messages import read_bag
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.verification.bag_content import read_content
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.video import render_video


def diagnostics_of(bag: Path) -> dict[str, str]:
    """The gesture node's last diagnostics while it was active."""
    last: dict[str, str] = {}
    for message in read_bag(bag, topics=("/diagnostics",)):
        for status in message.data.status:
            values = {v.key: v.value for v in status.values}
            if values.get(DiagnosticKey.FRAMES, "0") != "0":
                last = values
    return last


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
