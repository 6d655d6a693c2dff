"""`/diagnostics` (REP-107): one status with key-value pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from speech_gesture_pkg.outside_text import LONGEST_SENTENCE, one_line

OK, WARN, ERROR, STALE = (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR, DiagnosticStatus.STALE)


def diagnostic_array(
    stamp: Time, name: str, level: bytes, summary: str, values: Mapping[str, Any], hardware_id: str = ""
) -> DiagnosticArray:
    """A DiagnosticArray with one status.

    Args:
        stamp: time of the report.
        name: what is reported on, e.g. `/robot1/speech_gesture: pipeline`.
        level: `OK`, `WARN`, `ERROR` or `STALE` of this module.
        summary: one line.
        values: shown in this order; floats with 4 significant digits.
        hardware_id: e.g. the robot's name.

    Texts become one line each: names in them may come from outside.
    """
    shown = {k: f"{v:.4g}" if isinstance(v, float) else one_line(v, LONGEST_SENTENCE) for k, v in values.items()}
    pairs = [KeyValue(key=one_line(k), value=text) for k, text in shown.items()]
    status = DiagnosticStatus(
        level=level,
        name=one_line(name),
        message=one_line(summary, LONGEST_SENTENCE),
        hardware_id=one_line(hardware_id),
        values=pairs,
    )
    message = DiagnosticArray(status=[status])
    message.header.stamp = stamp
    return message
