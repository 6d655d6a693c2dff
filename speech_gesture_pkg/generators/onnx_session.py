"""One network file as a function of arrays, through ONNX Runtime."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.config import DEVICES
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, ModelError, one_of
from speech_gesture_pkg.generators.deadline import within
from speech_gesture_pkg.generators.network_file import check_network_file

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_OUTSIDE = "session.model_external_initializers_file_folder_path"


LOAD_S, WARM_UP_S = 60.0, 30.0
"""Longest time that a network may take to be loaded, and for its first call, s."""
MOST_MEMORY = 4 << 30
"""Bytes of main memory that all networks of the process take together, weights included."""
MOST_OUTPUT = 1 << 28
"""Bytes that a network may answer with."""

_arena = threading.Lock()
_bounded = False


class Session:
    """An ONNX network on one device.

    Args:
        path: the .onnx file.
        device: cpu; cuda, which must be there (never a silent fall-back); or auto: cuda where it is there, else cpu.
        threads: CPU threads for one call.

    Attributes:
        device: where it runs: cpu or cuda.
        inputs, outputs: names.
        shapes: of the inputs; None for an axis of any length.

    Raises:
        ModelError: the file is missing, is no ONNX network of plain layers with its weights inside (see
            `network_file`), needs more than `MOST_MEMORY` or `LOAD_S`; or cuda is asked for where there is none.
        ConfigError: an unknown device.
        MissingDependencyError: onnxruntime is not installed.
    """

    def __init__(self, path: str | Path, device: str = "cpu", threads: int = 2) -> None:
        runtime = _runtime()
        if device not in DEVICES:
            raise ConfigError(one_of("device", device, DEVICES))
        has_cuda = _CUDA in runtime.get_available_providers()
        if device == "cuda" and not has_cuda:
            raise ModelError(
                "device 'cuda' is asked for, but this onnxruntime has no CUDA provider; install onnxruntime-gpu (extra "
                "`gpu`), or set device to cpu"
            )
        wanted = [_CUDA] if device != "cpu" and has_cuda else [_CPU]
        if device == "auto" and has_cuda:
            wanted = [_CUDA, _CPU]
        check_network_file(Path(path))
        _bound_memory(runtime)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = max(1, int(threads))
        options.inter_op_num_threads = 1
        # Waiting threads that spin would take the cores from the node's other threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Weights in files beside the network are no part of what its card vouches for: none can lie in this folder.
        options.add_session_config_entry(_OUTSIDE, str(Path(path).absolute() / "none"))
        options.add_session_config_entry("session.use_env_allocators", "1")
        options.log_severity_level = 4  # its errors come as exceptions

        def load() -> Any:
            # Without fall-back: onnxruntime would go on with another device than was asked for, and print.
            return runtime.InferenceSession(str(path), options, providers=wanted, enable_fallback=0)

        try:
            self._session = within(LOAD_S, load)
            inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
            self.inputs, self.outputs = tuple(i.name for i in inputs), tuple(o.name for o in outputs)
            self.shapes = {i.name: tuple(n if isinstance(n, int) else None for n in i.shape) for i in inputs}
        except TimeoutError as e:
            raise ModelError(f"model file {path} cannot be loaded: {e}") from e
        except UnicodeDecodeError as e:
            raise ModelError(f"model file {path} holds names that are no text (UTF-8)") from e
        except Exception as e:  # onnxruntime raises several kinds of its own, all from a C extension
            if "xternal data" in str(e):  # onnxruntime has no class of its own for it
                raise ModelError(f"model file {path} keeps weights in other files; it must hold them itself") from e
            raise ModelError(f"model file {path} cannot be loaded: {_first_line(e)}") from e
        used = self._session.get_providers()
        if wanted[0] not in used and device == "cuda":
            raise ModelError(f"device '{device}' is asked for, but onnxruntime could not use it for {path}")
        self.device = "cuda" if _CUDA in used else "cpu"
        self._path = Path(path)
        self._runtime, self._called = runtime, False

    def __call__(self, **arrays: np.ndarray) -> Mapping[str, np.ndarray]:
        """Outputs by name.

        Raises:
            ModelError: the network failed (wrong shapes, memory of the device, ...), or its first call took longer than
                `WARM_UP_S`.
        """
        try:
            made = self._session.run(None, arrays) if self._called else self._first_call(arrays)
        except TimeoutError as e:
            raise ModelError(f"model {self._path.name} failed: {e}") from e
        except Exception as e:  # as above
            raise ModelError(f"model {self._path.name} failed: {_first_line(e)}") from e
        return dict(zip(self.outputs, made, strict=True))

    def _first_call(self, arrays: Mapping[str, np.ndarray]) -> list[Any]:
        """Its time and the size of its answer are bounded: what the network does is not known yet."""
        options = self._runtime.RunOptions()
        options.log_severity_level = 4

        def give_up() -> None:
            options.terminate = True  # after the layer that it is in

        made: list[Any] = within(WARM_UP_S, lambda: self._session.run(None, arrays, options), give_up)
        size = sum(getattr(array, "nbytes", 0) for array in made)
        if size > MOST_OUTPUT:
            raise ValueError(f"it answers with {size} bytes; at most {MOST_OUTPUT} are taken")
        self._called = True
        return made


def _bound_memory(runtime: Any) -> None:
    """Give the networks of this process one memory of `MOST_MEMORY`: what is larger fails, as on a full machine."""
    global _bounded
    with _arena:
        if not _bounded:
            kind = runtime.OrtMemoryInfo(
                "Cpu", runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, runtime.OrtMemType.DEFAULT
            )
            runtime.create_and_register_allocator(kind, runtime.OrtArenaCfg({"max_mem": MOST_MEMORY}))
            _bounded = True


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as e:
        raise MissingDependencyError(
            "learned generators need onnxruntime; install the extra `onnx`, or `gpu` for CUDA"
        ) from e
    return onnxruntime


def _first_line(e: Exception) -> str:
    return str(e).strip().splitlines()[0][:300] if str(e).strip() else type(e).__name__
