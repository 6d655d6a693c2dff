"""Channels of a `std_msgs` MultiArray: which dimension they are, and how the samples lie in memory; free of ROS.

The rule (dimensions of size 0, and of size 1 unless they are labelled as channels, do not count):

1. The dimension labelled "channels" (or "channel", "ch") is that. If another one is labelled "samples" ("frames",
   "time", ...) and there are two, it is the one that is left.
2. With one dimension, or none, samples are interleaved, with the declared number of channels.
3. Of two without such labels, it is the one whose size is the declared number of channels; else the smaller one, if it
   is at most 32 and the other at least 8 times as large. Anything else is refused.
4. The dimension with the smaller stride runs fastest; without strides the last one, as `MultiArrayLayout` has it.
   [frames, channels] is interleaved, [channels, frames] one channel after the other.
"""

from __future__ import annotations

from typing import Any

from speech_gesture_pkg.errors import InputError

CHANNEL_LABELS = ("channels", "channel", "ch", "chan", "c")
SAMPLE_LABELS = ("samples", "sample", "frames", "frame", "time", "length", "n", "t")
MOST_CHANNELS, LEAST_RATIO = 32, 8


def arrange(layout: Any, count: int, declared: int) -> tuple[int, bool]:
    """Number of channels in a message, and whether they lie one after the other (else interleaved).

    Args:
        layout: `std_msgs/MultiArrayLayout` or None.
        count: samples of all channels in the message.
        declared: channels where the layout does not say.

    Raises:
        InputError: dimensions of which none can be taken for the channels, or that do not fit `count`.
    """
    dims = [d for d in getattr(layout, "dim", ()) if d.size > (0 if _label(d) in CHANNEL_LABELS else 1)]
    sizes, labels = [int(d.size) for d in dims], [_label(d) for d in dims]
    shape = " x ".join(map(str, sizes))
    known = [i for i, label in enumerate(labels) if label in CHANNEL_LABELS]
    if not known and len(sizes) == 2 and sum(label in SAMPLE_LABELS for label in labels) == 1:
        known = [1 - next(i for i, label in enumerate(labels) if label in SAMPLE_LABELS)]
    if len(sizes) < 2:
        return (sizes[0] if known else declared), False
    if len(sizes) == 2 and not known:
        if sizes[0] * sizes[1] != count:
            raise InputError(
                f"the audio's layout says {shape} = {sizes[0] * sizes[1]} samples, but {count} are there; make them "
                'agree, or label the dimension of the channels "channels"'
            )
        known = _by_size(sizes, declared)
    if len(known) != 1 or len(sizes) > 2:
        raise InputError(
            f"the audio's layout has the dimensions {shape} (labels: {', '.join(map(repr, labels))}), and it is not "
            'clear which one is the channels; give it two dimensions, one of them labelled "channels", or set '
            "audio.channels to its size"
        )
    at = known[0]
    fastest = 1 if dims[0].stride >= dims[1].stride else 0
    planar = at != fastest and sizes[at] > 1
    if planar and sizes[0] * sizes[1] != count:
        raise InputError(f"the audio's layout says {shape} samples, but {count} are there; make them agree")
    return sizes[at], planar


def _label(dim: Any) -> str:
    return str(dim.label).strip().lower()


def _by_size(sizes: list[int], declared: int) -> list[int]:
    """Which of two dimensions has the size of channels; both or none if that is not clear."""
    fits = [i for i in (0, 1) if sizes[i] == declared]
    if len(fits) == 1:
        return fits
    small = 0 if sizes[0] < sizes[1] else 1
    clear = sizes[small] <= MOST_CHANNELS and sizes[1 - small] >= LEAST_RATIO * sizes[small]
    return [small] if clear else [0, 1]
