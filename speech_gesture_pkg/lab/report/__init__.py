"""The report of an evaluation: one HTML page that needs nothing else, for the screen and for print.

`write_report` takes the results of `lab.study` as plain data; `write_comparison` puts two of them side by side. The
markup is in `templates` (Jinja, autoescaped); `summary` and `recordings` prepare what the templates show, `plots` and
`figures` draw SVG. Pictures of the robot come from outside: drawing it belongs to the viewer, which stands beside this
layer.
"""

from speech_gesture_pkg.lab.report.page import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
