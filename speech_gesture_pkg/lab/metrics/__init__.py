"""The metrics of both papers and of the robot, one family per file; `registry` knows them all by name.

The functions of the families are plain mathematics on arrays: they return a float or raise `InputError` with a sentence
that says why the input does not allow a figure. `registry.measure` turns that into a `NotComputable` result.

Definitions differ between papers, so each figure is called after the one it follows, and each docstring says where we
deviate. Per-frame definitions are evaluated at 30 fps, the rate of SHOW, BEAT2 and both papers' SHOW experiments
(`take.STANDARD_FPS`): motion of another rate is resampled first.
"""
