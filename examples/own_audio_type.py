"""An audio message type of one's own: PCM as base64 in a JSON text, as web TTS services send it.

PYTHONPATH=$PWD/examples${PYTHONPATH:+:$PYTHONPATH} gesture_node --ros-args \
    -p audio.message_type:=own_audio_type:JSON_AUDIO -p autostart:=true

    {"rate": 24000, "pcm": "<base64 of 16 bit little-endian mono samples>"}
"""

import base64
import json
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.formats import AudioFormat, decode
from speech_gesture_pkg.audio.message_shapes import OwnAudioType


def read(message: Any, _: AudioFormat) -> tuple[np.ndarray, int]:
    """Samples [N, 1] with full scale = 1, and their rate in Hz, of a std_msgs/msg/String."""
    content = json.loads(message.data)
    fmt = AudioFormat(content["rate"], channels=1, encoding="S16LE")
    return decode(base64.b64decode(content["pcm"]), fmt), fmt.sample_rate


JSON_AUDIO = OwnAudioType("std_msgs/msg/String", read)
