"""The three parts that generators make apart and users switch on and off: body, hands, face."""

from __future__ import annotations

from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES

PARTS: tuple[str, ...] = ("body", "hands", "face")

_FACE = {"jaw", "left_eye_smplhf", "right_eye_smplhf"}

FACE_JOINTS: tuple[int, ...] = tuple(i for i, n in enumerate(JOINT_NAMES) if n in _FACE)
HAND_JOINTS: tuple[int, ...] = tuple(range(25, 55))
BODY_JOINTS: tuple[int, ...] = tuple(range(22))
UPPER_JOINTS: tuple[int, ...] = tuple(
    JOINT_INDEX[name]
    for name in (
        *("pelvis", "spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar"),
        *("left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    )
)
"""The 14 body joints that learned generators move; legs and feet stay at rest."""

ARKIT_NAMES: tuple[str, ...] = tuple(
    (  # noqa: SIM905
        "eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft "
        "eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight "
        "jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft mouthRight "
        "mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight "
        "mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper "
        "mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight "
        "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
        "cheekSquintRight noseSneerLeft noseSneerRight tongueOut"
    ).split()
)
"""The 52 ARKit blend shapes: the named face weights, each in [0, 1]."""

ARKIT_INDEX: dict[str, int] = {name: i for i, name in enumerate(ARKIT_NAMES)}
