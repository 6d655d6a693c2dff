"""Rule-based generator: gesture strokes on prosodic accents, gesture phases, head, torso, hands, face, idle motion."""

from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator

__all__ = ["ProsodyGenerator"]
