"""The gesture node's parameters: declared from the one table in `config`, read, and changed while running."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from speech_gesture_pkg.config import GestureConfig, Parameter, parameters, unknown_parameter
from speech_gesture_pkg.errors import ConfigError

_OURS = ("autostart", "use_sim_time", "start_type_description_service")


def declare_all(node: Node) -> None:
    """Declare every parameter with description, range and unit. Raises ConfigError for a value of the wrong kind."""
    for p in parameters():
        default = list(p.default) or [""] if p.kind is tuple else p.default
        try:
            node.declare_parameter(p.name, default, _descriptor(p))
        except InvalidParameterTypeException as e:
            kind = "list of strings" if p.kind is tuple else p.kind.__name__
            raise ConfigError(f"{p.name} has the wrong type; it must be a {kind}, e.g. {default!r}") from e
        except InvalidParameterValueException as e:
            raise ConfigError(f"{p.name} is out of range; it must be in [{p.low}, {p.high}] {p.unit}".rstrip()) from e


def read_config(node: Node) -> tuple[GestureConfig, dict[str, tuple[str, ...]]]:
    """The configuration and the joints named by `controllers.<name>.joints`.

    Raises ConfigError for an unknown parameter or a value that is not allowed.
    """
    values = {}
    for p in parameters():
        value = node.get_parameter(p.name).value
        values[p.name] = tuple(value) if p.kind is tuple else value
    config = GestureConfig().with_values(values)
    joints: dict[str, tuple[str, ...]] = {}
    for name in config.controllers.names:
        key = f"controllers.{name}.joints"
        if not node.has_parameter(key):
            node.declare_parameter(key, [""], ParameterDescriptor(description=f"joints of {name}; empty = ask it"))
        given = tuple(j for j in node.get_parameter(key).value if j)
        if given:
            joints[name] = given
    for name in getattr(node, "_parameter_overrides", {}):
        if not node.has_parameter(name) and name not in _OURS and not name.startswith("qos_overrides."):
            raise ConfigError(unknown_parameter(name))
    return config, joints


def live_change(config: GestureConfig, changes: list[Any], active: bool) -> tuple[SetParametersResult, GestureConfig]:
    """Check a parameter change; the new configuration if it is allowed."""
    table = {p.name: p for p in parameters()}
    values = {}
    for change in changes:
        row = table.get(change.name)
        if row is None:
            continue
        if active and not row.live:
            reason = f"{change.name} cannot change while active; deactivate and configure again"
            return SetParametersResult(successful=False, reason=reason), config
        values[change.name] = tuple(change.value) if row.kind is tuple else change.value
    try:
        return SetParametersResult(successful=True), config.with_values(values)
    except ConfigError as e:
        return SetParametersResult(successful=False, reason=str(e)), config


def _descriptor(p: Parameter) -> ParameterDescriptor:
    unit = f" [{p.unit}]" if p.unit else ""
    descriptor = ParameterDescriptor(description=p.doc + unit, read_only=False)
    if p.choices:
        descriptor.additional_constraints = "one of: " + ", ".join(p.choices)
    if p.low is not None and p.high is not None:
        if p.kind is float:
            descriptor.floating_point_range = [FloatingPointRange(from_value=p.low, to_value=p.high, step=0.0)]
        elif p.kind is int:
            descriptor.integer_range = [IntegerRange(from_value=int(p.low), to_value=int(p.high), step=1)]
    return descriptor
