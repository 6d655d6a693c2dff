"""The GPU is out of memory or lost: brake, ERROR, bounded reload; CPU only if configured; absent: configure fails."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from pipeline_rig import Understudy, gesturing

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators import onnx_session
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator
from speech_gesture_pkg.pipeline import build
from speech_gesture_pkg.pipeline.states import Severity, State

ROW = "GPU out of memory / provider lost"
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def test_a_lost_device_brakes_and_the_spare_goes_on_until_it_is_back(fault):
    understudy = Understudy(error=ModelError("CUDA failure 100: no CUDA-capable device is detected"))
    stage = gesturing({"fallback.retry": 2.0}, spare=understudy)
    stage.generator.mischief = "raise"
    braked = stage.until_state(State.BRAKING)
    first = next(e for e in stage.events if e.code == "motion_fault")
    assert first.severity is Severity.ERROR
    safe = braked + stage.until_state(State.DEGRADED)
    assert safe < 0.5
    stage.speak(3.0)
    assert stage.pipeline.counters.faults == 3
    assert understudy.loads == [0]
    assert "no CUDA-capable device" in stage.pipeline.problem
    understudy.error = None
    stage.until_state(State.APPROACHING)
    stage.until_state(State.GESTURING)
    assert understudy.loads == [0, 1]
    stage.stop()
    text = "braked, ERROR, the spare takes over; loaded anew after 2 and 4 s, then taken back"
    fault.note("every call of the network fails", text, safe, stage.windows)


def recorded(monkeypatch, device: str) -> list[str]:
    """The devices on which `spare_of` loads the generator anew, attempt by attempt."""
    devices = []
    monkeypatch.setattr(build, "make_generator", lambda config: devices.append(config.generator.device))
    config = GestureConfig().with_values({"generator.name": "speechcat", "generator.device": device})
    spare = build.spare_of(config, SimpleNamespace(generator=ProsodyGenerator()))
    for attempt in range(3):
        spare.reload(attempt)
    return devices


def test_the_cpu_is_taken_only_if_that_is_configured(monkeypatch):
    assert recorded(monkeypatch, "cuda") == ["cuda", "cuda", "cuda"]
    assert recorded(monkeypatch, "auto") == ["auto", "cpu", "cpu"]


def test_a_generator_that_was_lost_is_loaded_anew_when_the_robot_is_activated(monkeypatch, demo_urdf):
    config = GestureConfig().with_values({"robot.urdf": str(demo_urdf)})
    robot = build.load_robot(config)
    spare = build.spare_of(config.with_values({"generator.name": "speechcat"}), robot)
    spare.in_charge(None)
    assert robot.lost
    assert robot.generator.name == "prosody"
    made = ProsodyGenerator()
    monkeypatch.setattr(build, "make_generator", lambda config: made)
    assert build.make_pipeline(config, robot, {}).generator is made
    assert not robot.lost


def test_a_generator_by_rule_has_no_spare(demo_urdf):
    config = GestureConfig().with_values({"robot.urdf": str(demo_urdf)})
    assert build.spare_of(config, build.load_robot(config)) is None


class Runtime:
    """As much of onnxruntime as a Session touches. `works`: providers that can be used, of those on offer."""

    def __init__(self, offers, works) -> None:
        self.offers, self.works = offers, works
        self.RunOptions = SimpleNamespace
        self.SessionOptions = lambda: SimpleNamespace(add_session_config_entry=lambda *_: None)

    def get_available_providers(self):
        return self.offers

    def InferenceSession(self, path, options, providers, enable_fallback):  # noqa: N802 - its name
        assert not enable_fallback, "onnxruntime itself would change the device silently"
        used = [p for p in providers if p in self.works] or [CPU]

        def run(names, arrays, options=None):
            raise RuntimeError("CUDA failure 2: out of memory\nand a long trace")

        return SimpleNamespace(get_providers=lambda: used, get_inputs=list, get_outputs=list, run=run)


@pytest.fixture
def network(tmp_path, monkeypatch):
    """One that adds; it is looked at before the runtime gets it."""
    onnx = pytest.importorskip("onnx", reason="onnx writes the network")
    monkeypatch.setattr(onnx_session, "_bounded", True)  # the memory of a runtime that is none
    ends = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [4]) for n in "xy"]
    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", ends[:1], ends[1:])
    file = tmp_path / "network.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), file)
    return file


def test_a_requested_gpu_that_is_absent_fails_in_one_sentence(monkeypatch, network, fault):
    monkeypatch.setitem(sys.modules, "onnxruntime", Runtime([CPU], [CPU]))
    with pytest.raises(ModelError, match="no CUDA provider"):
        Session(network, "cuda")
    assert Session(network, "auto").device == "cpu"
    fault.note("device cuda without a GPU", "configure fails in a sentence; `auto` takes the CPU", "never starts")


def test_a_gpu_that_is_there_but_cannot_be_used(monkeypatch, network):
    monkeypatch.setitem(sys.modules, "onnxruntime", Runtime([CUDA, CPU], [CPU]))
    with pytest.raises(ModelError, match="could not use it"):
        Session(network, "cuda")
    assert Session(network, "auto").device == "cpu"
    monkeypatch.setitem(sys.modules, "onnxruntime", Runtime([CUDA, CPU], [CUDA, CPU]))
    assert Session(network, "auto").device == "cuda"


def test_what_the_runtime_says_is_passed_on_in_one_line(monkeypatch, network):
    monkeypatch.setitem(sys.modules, "onnxruntime", Runtime([CPU], [CPU]))
    with pytest.raises(ModelError, match=r"model network\.onnx failed: CUDA failure 2: out of memory$"):
        Session(network)(x=np.zeros(1))
