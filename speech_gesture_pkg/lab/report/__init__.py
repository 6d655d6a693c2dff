"""The report of an evaluation: one HTML page that needs nothing else, for the screen and for print.

`write_report` takes the results of `lab.study` as plain data; `write_comparison` puts two of them side by side.
Pictures of the robot come from outside: drawing it belongs to the viewer, which stands beside this layer.
"""

from speech_gesture_pkg.lab.report.comparison import write_comparison
from speech_gesture_pkg.lab.report.page import write_report

__all__ = ["write_comparison", "write_report"]
