"""The one base exception. Every message is a sentence that names the thing, the value got and the values allowed."""

from __future__ import annotations

from collections.abc import Iterable

from speech_gesture_pkg.outside_text import LONGEST_SENTENCE, one_line


class SpeechGestureError(Exception):
    """Base of everything that a user can cause and can mend.

    The command line prints the message on one line and exits with `exit_code`; the node logs it and fails the
    lifecycle transition. A bug is any other exception. However many lines the names in a message have, it is one line:
    nothing from outside can forge a line of a log.
    """

    exit_code = 1

    def __str__(self) -> str:
        """The sentence on one line: names in it may come from outside."""
        return one_line(super().__str__(), LONGEST_SENTENCE)


class InputError(SpeechGestureError):
    """A file, message or array that cannot be used (missing, empty, corrupt, wrong format)."""

    exit_code = 3


class AudioNotFiniteError(InputError):
    """Audio samples that are NaN or infinite: a hiccup of the publisher."""


class ClippedAudioError(InputError):
    """Audio most of which is at full scale: noise, or far too loud."""


class ConfigError(SpeechGestureError):
    """A parameter or option outside what is allowed."""

    exit_code = 4


class RobotError(SpeechGestureError):
    """A URDF or robot that cannot be served (unreadable, without limits, lacking mapped joints)."""

    exit_code = 5


class OutputError(SpeechGestureError):
    """A result that cannot be written."""

    exit_code = 6


class MissingDependencyError(SpeechGestureError):
    """An optional dependency is absent; the message says what to install."""

    exit_code = 7


class ModelError(SpeechGestureError):
    """A network's files that are missing, corrupt, not what they claim to be, or that fail."""

    exit_code = 8


class GeneratorError(ModelError):
    """A generator that raises, or gives what is no motion: other shapes, numbers that are not finite."""


def one_of(thing: str, got: object, allowed: Iterable[object]) -> str:
    """Sentence for a value outside a closed set, e.g. `generator 'foo' is unknown; it must be one of: prosody`."""
    return f"{thing} {got!r} is unknown; it must be one of: {', '.join(str(a) for a in allowed)}"
