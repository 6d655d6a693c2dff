"""The gesture node's parameters: declared from the one table in `config`, read, and changed while running."""

from __future__ import annotations

from typing import Any

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from speech_gesture_pkg.config import (
    NODE_PARAMETERS,
    GestureConfig,
    Parameter,
    is_foreign,
    parameters,
    unknown_parameter,
)
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.ros.parameters import descriptor_of

Type = RosParameter.Type
_OURS = (*NODE_PARAMETERS, "use_sim_time", "start_type_description_service")


def declare_all(node: Node) -> dict[str, str]:
    """Declare every parameter with description, range and unit.

    Returns a sentence by parameter for each given value that is not allowed: the default is declared in its place, so
    that the node lives and can fail `configure` with that sentence.
    """
    given: dict[str, Any] = getattr(node, "_parameter_overrides", {})
    wrong = {}
    for p in parameters():
        default = list(p.default) or [""] if p.kind is tuple else p.default
        override = given.get(p.name)
        if p.kind is float and override is not None and override.type_ is Type.INTEGER:
            given[p.name] = RosParameter(p.name, Type.DOUBLE, float(override.value))  # `amplitude: 1` means 1.0
        try:
            node.declare_parameter(p.name, default, _descriptor(p))
        except (InvalidParameterTypeException, InvalidParameterValueException):
            try:
                p.check(override.value if override is not None else None)
                kind = "list of strings" if p.kind is tuple else p.kind.__name__
                wrong[p.name] = f"{p.name} has the wrong type; it must be of type {kind}, e.g. {default!r}"
            except ConfigError as e:
                wrong[p.name] = str(e)
            node.declare_parameter(p.name, default, _descriptor(p), ignore_override=True)
    return wrong


def read_config(node: Node) -> tuple[GestureConfig, dict[str, tuple[str, ...]]]:
    """The configuration and the joints named by `controllers.<name>.joints`.

    Parameters that are other nodes' (of a `/**` section) are ignored, and named in the log. Raises ConfigError for an
    unknown one that looks like ours, or a value that is not allowed.
    """
    given = getattr(node, "_parameter_overrides", {})
    values = {}
    for p in parameters():
        value = node.get_parameter(p.name).value
        values[p.name] = tuple(value) if p.kind is tuple else value
    config = GestureConfig().with_values(values)
    joints: dict[str, tuple[str, ...]] = {}
    head, tail = "controllers.", ".joints"
    named = {n[len(head) : -len(tail)] for n in given if n.startswith(head) and n.endswith(tail) and n.count(".") > 1}
    for name in sorted(named.union(config.controllers.names)):
        joints |= _joints_of(node, name)
    unknown = [n for n in given if not node.has_parameter(n) and n not in _OURS and not n.startswith("qos_overrides.")]
    for name in unknown:
        if not is_foreign(name):
            raise ConfigError(unknown_parameter(name))
    if unknown:
        node.get_logger().info(f"ignored, no parameters of this node: {', '.join(unknown)}")
    return config, joints


def given_description(node: Node) -> str:
    """The URDF text of a parameter `robot_description`, which many robots' `/**` files give to all nodes; '' if none.

    Raises ConfigError if it is no text.
    """
    override = getattr(node, "_parameter_overrides", {}).get("robot_description")
    if override is None:
        return ""
    if override.type_ is not Type.STRING:
        raise ConfigError(f"robot_description is {override.value!r}; it must be the text of a URDF")
    return override.value


def _joints_of(node: Node, controller: str) -> dict[str, tuple[str, ...]]:
    """{controller: joints} if the parameter names them, else {}. Raises ConfigError if it is no list of strings."""
    key = f"controllers.{controller}.joints"
    try:
        if not node.has_parameter(key):
            what = f"Joints of {controller}; empty = ask it."
            node.declare_parameter(key, [""], ParameterDescriptor(description=what))
    except InvalidParameterTypeException as e:
        raise ConfigError(f"{key} has the wrong type; it must be a list of joint names") from e
    joints = tuple(j for j in node.get_parameter(key).value if j)
    return {controller: joints} if joints else {}


def live_change(
    config: GestureConfig, changes: list[Any], configured: bool
) -> tuple[SetParametersResult, GestureConfig]:
    """Check a parameter change; the new configuration if it is allowed."""
    table = {p.name: p for p in parameters()}
    values = {}
    for change in changes:
        row = table.get(change.name)
        if row is None:
            continue
        if configured and not row.live:
            reason = (
                f"{change.name} is fixed once the node is configured; deactivate and clean up, set it, configure again"
            )
            return SetParametersResult(successful=False, reason=reason), config
        values[change.name] = tuple(change.value) if row.kind is tuple else change.value
    try:
        return SetParametersResult(successful=True), config.with_values(values)
    except ConfigError as e:
        return SetParametersResult(successful=False, reason=str(e)), config


def _descriptor(p: Parameter) -> ParameterDescriptor:
    unit = f" [{p.unit}]" if p.unit else ""
    return descriptor_of(p.kind, p.doc + unit, p.low, p.high, p.choices)
