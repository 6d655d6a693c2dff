"""DiffSHEG to a folder of ONNX networks and a card."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.diffsheg.bundle import HUBERT, NAME, PREPARE, TABLES, branch_file, file_names
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, live_plan
from speech_gesture_pkg.generators.diffsheg.hubert import HubertWindows
from speech_gesture_pkg.generators.model_bundle import write_card
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg
from speech_gesture_pkg.lab.models.diffsheg.hoisted import HoistedBranch, Prepare, Tables
from speech_gesture_pkg.lab.models.diffsheg.model import Branch, UniEG
from speech_gesture_pkg.lab.models.onnx_export import export
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder
from speech_gesture_pkg.lab.models.speech_encoder_export import export_encoder

PRECISIONS = ("float32", "int8")


class _Tables(torch.nn.Module):
    """Tables of all branches."""

    def __init__(self, network: UniEG) -> None:
        super().__init__()
        self.tables = torch.nn.ModuleList(Tables(_branch(network, n)) for n in network.config.branches)

    def forward(self, step: torch.Tensor, person: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(t(step, person) for t in self.tables)


def export_diffsheg(
    model: DiffSheg,
    folder: str | Path,
    facts: dict[str, Any],
    plan: ClipPlan | None = None,
    precision: str = "float32",
    encoder: SpeechEncoder | None = None,
) -> Path:
    """Write the folder that `DiffShegBundle.load` reads. Returns it.

    Args:
        model: trained networks.
        folder: is made if need be; files of the same names are replaced.
        facts: for the card: training data, licence, metrics, hashes.
        plan: how the model is meant to run live; default: `live_plan`.
        precision: of the matrices that are called at every step. int8: weights by output channel, activations at run
            time.
        encoder: the HuBERT that the networks hear. Without it, such a model can be used with ready-made states only.

    Raises:
        ConfigError: an unknown precision, a plan or an encoder that does not fit the networks.
    """
    if encoder is not None and encoder.channels != model.config.hubert:
        raise ConfigError(
            f"diffsheg hubert is {model.config.hubert}, but the encoder's states have {encoder.channels} channels"
        )
    plan = plan or live_plan(model.config)
    plan.check(model.config)
    if precision not in PRECISIONS:
        raise ConfigError(one_of("precision", precision, PRECISIONS))
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = model.eval().cpu()
    export_networks(model.network, model.channels, model.length, folder, precision)
    config = replace(model.config, hubert_path="")  # a robot has the network itself
    names = [*file_names(config), *([HUBERT] if encoder is not None else [])]
    (folder / HUBERT).unlink(missing_ok=True)
    if encoder is not None:
        export_encoder(encoder, folder / HUBERT, HubertWindows.of(config).frames)
    card = {
        "config": config.to_dict(),
        "precision": precision,
        "plan": plan.to_dict(),
        "mean": model.mean.tolist(),
        "deviation": model.deviation.tolist(),
        "calm": model.calm.tolist(),
        "facts": facts,
    }
    write_card(folder, NAME, names, card)
    return folder


def export_networks(network: UniEG, channels: int, length: int, folder: Path, precision: str = "float32") -> None:
    """The ONNX files of a network alone.

    Inputs that a configuration has no use for are not in them. Axes of clips (B), frames (T) and steps (S) are free.
    """
    config = network.config
    # examples of two and more: the exporter takes a length of one for fixed
    clips, frames = 2, 6
    size = network.sizes["motion"]
    heard = (config.speech,) if config.speech else (length, channels)
    hoisted = Prepare(network).eval()
    step = torch.tensor([3, 5])
    given = {
        "speech": torch.zeros(clips, frames, *heard),
        "hubert": torch.zeros(clips, frames, max(config.hubert, 1)),
        "known": torch.zeros(clips, frames, size + 1),
        "step": step,
    }
    axes = {
        "speech": {0: "clips", 1: "frames"},
        "hubert": {0: "clips", 1: "frames"},
        "known": {0: "clips", 1: "frames"},
    }
    outputs = [f"{kind}_{name}" for name in config.branches for kind in ("base", "part", "stats")]
    export(_Used(hoisted, config), given, outputs, folder / PREPARE, dynamic={**axes, "step": {0: "clips"}})
    person = {"step": step, "person": torch.zeros(2, config.person)}
    rows = {"step": {0: "steps"}, "person": {0: "steps"}}
    tables = [f"table_{name}" for name in config.branches]
    export(_Tables(network), person, tables, folder / TABLES, dynamic=rows)
    with torch.no_grad():
        made = dict(zip(outputs, hoisted(*_prepared(given, config)), strict=True))
        shown = dict(zip(tables, _Tables(network)(**person), strict=True))
    for name in config.branches:
        branch = _branch(network, name)
        inputs = {
            "x": torch.zeros(clips, frames, branch.size),
            "base": made[f"base_{name}"],
            "part": made[f"part_{name}"],
            "stats": made[f"stats_{name}"],
            "table": shown[f"table_{name}"],
            "other": torch.zeros(clips, frames, max(branch.other, 1)),
            "keep": torch.ones(clips, 1, 1),
        }
        timed = {n: {0: "clips", 1: "frames"} for n in ("x", "base", "stats", "other")}
        dynamic = {**timed, "part": {0: "clips", 2: "frames"}, "table": {0: "clips"}, "keep": {0: "clips"}}
        path = folder / branch_file(name)
        export(HoistedBranch(branch).eval(), inputs, ["made"], path, dynamic=dynamic)
        if precision == "int8":
            _quantise(path)
    for name in file_names(config):
        _drop_unused(folder / name)


class _Used(torch.nn.Module):
    """`Prepare` with every input given; those without use fall out of the graph."""

    def __init__(self, prepare: Prepare, config: Any) -> None:
        super().__init__()
        self.prepare, self.config = prepare, config

    def forward(
        self, speech: torch.Tensor, hubert: torch.Tensor, known: torch.Tensor, step: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        given = {"speech": speech, "hubert": hubert, "known": known, "step": step}
        return tuple(self.prepare(*_prepared(given, self.config)))


def _prepared(given: dict[str, torch.Tensor], config: Any) -> tuple[torch.Tensor | None, ...]:
    used = {"speech": True, "hubert": bool(config.hubert), "known": config.known, "step": config.mid_time}
    return tuple(given[k] if use else None for k, use in used.items())


def _branch(network: UniEG, name: str) -> Branch:
    branch = network.branches[name]
    assert isinstance(branch, Branch)
    return branch


def _drop_unused(path: Path) -> None:
    """Take inputs that no operator reads out of a network: nobody should have to make them up."""
    import onnx

    model = onnx.load(str(path))
    read = {name for node in model.graph.node for name in node.input}
    unused = [i for i in model.graph.input if i.name not in read]
    for value in unused:
        model.graph.input.remove(value)
    if unused:
        onnx.save(model, str(path))


def _quantise(path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    partial = path.with_suffix(".partial")
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it advises a preprocessing that changes nothing here
    try:
        quantize_dynamic(str(path), str(partial), per_channel=True, weight_type=QuantType.QInt8)
    finally:
        root.setLevel(level)
    partial.replace(path)
