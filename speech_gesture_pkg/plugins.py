"""Users' own parts by name: `my_package.my_module:NAME`, imported when they are asked for."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType

from speech_gesture_pkg.errors import ConfigError

SEPARATOR = ":"
"""Between module and name; built-in names have none."""
_MOST_NAMES = 12
"""Names of a module that a message lists."""


def is_plugin(name: str) -> bool:
    """Whether a name is of the form `module:NAME`, not a built-in one."""
    return SEPARATOR in name


def load_plugin(spec: str, what: str) -> object:
    """The object NAME of a module.

    Args:
        spec: `module:NAME`; the module is imported as Python imports it (installed, or in a folder of PYTHONPATH).
        what: that is being named, for messages, e.g. "generator".

    Raises:
        ConfigError: malformed, no such module, a module that fails while it is imported, or no such name in it.
    """
    module_name, _, name = spec.partition(SEPARATOR)
    if not name.isidentifier() or not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigError(f"{what} {spec!r} is malformed; it must look like my_package.my_module:MyName")
    module = _imported(module_name, f"{what} {spec!r}")
    if not hasattr(module, name):
        public = sorted(n for n in vars(module) if not n.startswith("_"))
        listed = ", ".join(public[:_MOST_NAMES]) + (", ..." if len(public) > _MOST_NAMES else "")
        raise ConfigError(f"{what} {spec!r}: the module {module_name} has no {name}; it has: {listed or 'nothing'}")
    return getattr(module, name)


def _imported(name: str, what: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as e:
        if e.name and (name == e.name or name.startswith(f"{e.name}.")):
            raise ConfigError(
                f"{what}: there is no Python module {e.name}; install it, or put its folder on PYTHONPATH"
            ) from e
        raise ConfigError(f"{what}: the module {name} needs {e.name}, which is not installed") from e
    except Exception as e:  # whatever the code of somebody else does while it is imported
        raise ConfigError(f"{what}: the module {name} cannot be imported ({described(e, name)})") from e


def described(error: Exception, spec: str) -> str:
    """`error` with the line of the user's code that raised it, as part of a sentence.

    Args:
        error: caught from the plugin's code.
        spec: `module:NAME` (or the module); a line counts if it is in the same top-level module or package.
    """
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    top = spec.partition(SEPARATOR)[0].partition(".")[0]
    lines = [line for name, line in _lines(error.__traceback__) if name.partition(".")[0] == top]
    return f"{text}, at {lines[-1]}" if lines else text


def _lines(trace: TracebackType | None) -> Iterator[tuple[str, str]]:
    """Module and `file:line` of each call, the outermost first."""
    while trace is not None:
        frame = trace.tb_frame
        yield str(frame.f_globals.get("__name__", "")), f"{frame.f_code.co_filename}:{trace.tb_lineno}"
        trace = trace.tb_next


def defined_at(function: object) -> str:
    """`file:line` where a function or method is defined; '' for what Python code does not define."""
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)  # type: ignore[arg-type]
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""


def plugin_sha256(spec: str, what: str) -> str:
    """sha256 of the file that defines a plugin: results that were made with other code are not taken for its own.

    Raises:
        ConfigError: as `load_plugin`.
    """
    load_plugin(spec, what)
    file = sys.modules[spec.partition(SEPARATOR)[0]].__file__
    return hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
