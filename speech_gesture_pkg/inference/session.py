"""One network file as a function of arrays, through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.config import DEVICES
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, ModelError, one_of

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_OUTSIDE = "session.model_external_initializers_file_folder_path"


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
        ModelError: the file is missing, is not an ONNX network, or keeps weights in other files; or cuda is asked for
            where there is none.
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
        if not Path(path).is_file():
            raise ModelError(f"model file {path} does not exist")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = max(1, int(threads))
        options.inter_op_num_threads = 1
        # Waiting threads that spin would take the cores from the node's other threads.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Weights in files beside the network are no part of what its card vouches for: none can lie in this folder.
        options.add_session_config_entry(_OUTSIDE, str(Path(path).absolute() / "none"))
        options.log_severity_level = 4  # its errors come as exceptions
        try:
            # Without fall-back: onnxruntime would go on with another device than was asked for, and print.
            self._session = runtime.InferenceSession(str(path), options, providers=wanted, enable_fallback=0)
            inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
            self.inputs, self.outputs = tuple(i.name for i in inputs), tuple(o.name for o in outputs)
            self.shapes = {i.name: tuple(n if isinstance(n, int) else None for n in i.shape) for i in inputs}
        except UnicodeDecodeError as e:
            raise ModelError(f"model file {path} holds names that are no text (UTF-8)") from e
        except Exception as e:  # onnxruntime raises several kinds of its own, all from a C extension
            if "xternal data" in str(e):
                raise ModelError(f"model file {path} keeps weights in other files; it must hold them itself") from e
            raise ModelError(f"model file {path} cannot be loaded: {_first_line(e)}") from e
        used = self._session.get_providers()
        if wanted[0] not in used and device == "cuda":
            raise ModelError(f"device '{device}' is asked for, but onnxruntime could not use it for {path}")
        self.device = "cuda" if _CUDA in used else "cpu"
        self._path = Path(path)

    def __call__(self, **arrays: np.ndarray) -> Mapping[str, np.ndarray]:
        """Outputs by name.

        Raises:
            ModelError: the network failed (wrong shapes, memory of the device, ...).
        """
        try:
            made = self._session.run(None, arrays)
        except Exception as e:  # as above
            raise ModelError(f"model {self._path.name} failed: {_first_line(e)}") from e
        return dict(zip(self.outputs, made, strict=True))


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
