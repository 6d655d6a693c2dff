"""Parameters of the small nodes: declared with description and range, checked with one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from speech_gesture_pkg.errors import ConfigError, one_of

_FOREIGN = ("use_sim_time", "start_type_description_service", "robot_description", "qos_overrides.")


def descriptor_of(
    kind: type, description: str, low: float | None, high: float | None, choices: Sequence[str] | None
) -> ParameterDescriptor:
    """Description, range and choices of a parameter of type `kind`."""
    descriptor = ParameterDescriptor(description=description)
    if choices:
        descriptor.additional_constraints = "one of: " + ", ".join(choices)
    if low is not None and high is not None:
        if kind is float:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
        elif kind is int:
            descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=1)]
    return descriptor


def declare(
    node: Node,
    name: str,
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    choices: Iterable[str] = (),
) -> Any:
    """Declare parameter `name` (read-only while running) and return its value; string arrays without empty entries.

    Args:
        node: the node that owns it.
        name: parameter name.
        default: also fixes the type; an empty list means a string array.
        description: one sentence with the unit.
        low: smallest allowed number.
        high: largest allowed number.
        choices: allowed strings, if it is a closed set.

    Raises:
        ConfigError: wrong type or outside the range, naming the parameter, the value and what is allowed.
    """
    allowed = tuple(choices)
    descriptor = descriptor_of(type(default), description, low, high, allowed)
    descriptor.read_only = True
    strings = isinstance(default, (list, tuple))
    try:
        # Humble cannot find out the type of an empty list: [""] is the empty string array
        node.declare_parameter(name, (list(default) or [""]) if strings else default, descriptor)
    except InvalidParameterTypeException as e:
        kind = "list of strings" if strings else type(default).__name__
        raise ConfigError(f"parameter {name} has the wrong type; it must be a {kind}, e.g. {default!r}") from e
    except InvalidParameterValueException as e:
        raise ConfigError(f"parameter {name} is out of range; it must be in [{low}, {high}]") from e
    value = node.get_parameter(name).value
    if strings:
        return tuple(v for v in value if v)
    if allowed and value not in allowed:
        raise ConfigError(one_of(f"parameter {name}", value, allowed))
    return value


def required(node: Node, name: str) -> str:
    """The value of declared string parameter `name`, which must not be empty. Raises ConfigError if it is."""
    value = node.get_parameter(name).value
    if not value:
        what = node.describe_parameter(name).description.rstrip(".")
        raise ConfigError(f"parameter {name} of {node.get_name()} is missing; it must give: {what}")
    return value


def reject_unknown(node: Node) -> None:
    """Raise ConfigError for a parameter that was given to `node` but that it never declared (a typing mistake)."""
    given: dict[str, Parameter] = getattr(node, "_parameter_overrides", {})
    for name in given:
        if node.has_parameter(name) or name.startswith(_FOREIGN):
            continue
        raise ConfigError(unknown_sentence(node.get_name(), name, [*node._parameters]))


def unknown_sentence(owner: str, name: str, known: Sequence[str]) -> str:
    """Sentence for an unknown parameter, with the nearest names that exist."""
    mine = [k for k in known if not k.startswith(_FOREIGN)]
    near = get_close_matches(name, mine, 3, 0.4) or mine
    return f"parameter {name!r} of {owner} is unknown; did you mean {' or '.join(near)}?"
