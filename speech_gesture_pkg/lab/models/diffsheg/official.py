"""The authors' checkpoints for SHOW and BEAT as networks of ours.

Their audio front end is part of what the weights mean: `OfficialModel.check` refuses any other rates. (Their own script
for custom audio feeds HuBERT with 22.05 kHz audio and the 30 fps model with features at 15 fps.)
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from speech_gesture_pkg.errors import ModelError, one_of
from speech_gesture_pkg.generators.diffsheg.config import BEAT, SHOW, DiffShegConfig
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg

_STYLED = {
    "emb_layers.1": "style",
    "norm": "norm",
    "out_layers.2": "out",
}
_LAYER = {
    **{f"sa_block.{k}": k for k in ("norm", "query", "key", "value")},
    **{f"sa_block.proj_out.{theirs}": f"attended.{ours}" for theirs, ours in _STYLED.items()},
    "ffn.linear1": "rise",
    "ffn.linear2": "fall",
    **{f"ffn.proj_out.{theirs}": f"fed.{ours}" for theirs, ours in _STYLED.items()},
}
_BRANCH = {
    "joint_embed": "embed",
    "audio_proj": "audio",
    **{f"hubert_encoder.{k}": f"hubert.{k}" for k in (0, 1, 3)},
    **{f"time_embed.{k}": f"time.{k}" for k in (0, 2)},
    **{f"pid_embed.{k}": f"person.{k}" for k in (0, 2)},
    "out": "out",
}
_FUSION = {"feat_proj.0": "norm", "feat_proj.1": "rise", "feat_proj.3": "fall"}


@dataclass(frozen=True)
class OfficialModel:
    """What a published checkpoint expects.

    Attributes:
        config: of the network, with the two peculiarities of the authors' mid-level encoder: it knows the diffusion
            step, and its residual doubles the mel.
        fps: of the motion.
        mel_rate, mel_hop: of the power mel spectrogram (128 bands), Hz and samples: one column a frame.
        hubert_rate: of the audio for HuBERT-large, Hz.
    """

    config: DiffShegConfig
    fps: float
    mel_rate: int
    mel_hop: int
    hubert_rate: int = 16000

    def check(self, fps: float, mel_rate: int, hubert_rate: int) -> None:
        """Raise ModelError if motion or audio come at other rates than the weights were trained with."""
        wanted = (("fps", fps, self.fps), ("mel sample rate", mel_rate, self.mel_rate))
        for name, found, right in (*wanted, ("HuBERT sample rate", hubert_rate, self.hubert_rate)):
            if found != right:
                raise ModelError(f"the {self.config.layout.upper()} checkpoint needs {name} {right:g}; it is {found:g}")


OFFICIAL = {
    "show": OfficialModel(replace(SHOW, mid_time=True, mid_doubled=True), 30.0, 18000, 600),
    "beat": OfficialModel(replace(BEAT, mid_time=True, mid_doubled=True), 15.0, 18000, 1200),
}


def key_map(config: DiffShegConfig) -> dict[str, str]:
    """Our names of the network's tensors -> those in the authors' state dictionaries."""
    modules = {f"audio.time.{k}": f"time_embed.{k}" for k in (0, 2)}
    modules |= {f"audio.mid.{ours}": f"encoder_aud.{theirs}" for theirs, ours in _LAYER.items()}
    found: dict[str, str] = {}
    for name, theirs_first in (("expression", "encoder_exp"), ("gesture", "encoder_ges")):
        ours_first = f"branches.{name}"
        modules |= {f"{ours_first}.{ours}": f"{theirs_first}.{theirs}" for theirs, ours in _BRANCH.items()}
        for k in range(config.layers):
            block = f"{theirs_first}.temporal_decoder_blocks.{k}"
            modules |= {f"{ours_first}.layers.{k}.{ours}": f"{block}.{theirs}" for theirs, ours in _LAYER.items()}
            modules |= {f"{ours_first}.fusions.{k}.{ours}": f"{block}.{theirs}" for theirs, ours in _FUSION.items()}
        if config.null:
            found[f"{ours_first}.null"] = f"{theirs_first}.null_cond_emb"
    tensors = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return found | {f"{ours}.{t}": f"{theirs}.{t}" for ours, theirs in modules.items() for t in tensors}


def load_official(
    path: str | Path, name: str, mean: np.ndarray | None = None, deviation: np.ndarray | None = None
) -> DiffSheg:
    """A published checkpoint (.tar with a state dictionary `encoder`).

    Args:
        path: of the file. It is read without running code that may be in it.
        name: `show` or `beat`.
        mean, deviation: of the motion's channels; the authors keep them beside their data caches.

    Raises:
        ModelError: an unknown name; the file is missing, corrupt or another one; tensors are missing, left over or of
            other shapes (the first is named).
    """
    if name not in OFFICIAL:
        raise ModelError(one_of("official DiffSHEG", name, tuple(OFFICIAL)))
    config = OFFICIAL[name].config
    theirs = _read(Path(path))
    model = DiffSheg(config)
    state, names, used = {}, key_map(config), set()
    for ours, tensor in model.network.state_dict().items():
        key = names[ours]
        if key not in theirs:
            raise ModelError(f"checkpoint {path} has no tensor {key}; it is not the authors' {name} network")
        found = theirs[key].reshape(-1) if ours.endswith(".null") else theirs[key]
        if found.shape != tensor.shape:
            raise ModelError(
                f"checkpoint {path}: {key} has shape {tuple(found.shape)}; the {name} network has {tuple(tensor.shape)}"
            )
        state[ours] = found
        used.add(key)
    left = sorted(k for k in theirs if k not in used and not k.endswith("PE.pe"))
    if left:
        raise ModelError(f"checkpoint {path} has a tensor {left[0]} that the {name} network has no place for")
    model.network.load_state_dict(state)
    size = model.mean.shape
    for buffer, values in ((model.mean, mean), (model.deviation, deviation)):
        if values is not None:
            row = torch.as_tensor(np.asarray(values, np.float32)).flatten()
            if row.shape != size or not torch.isfinite(row).all():
                raise ModelError(f"the motion's statistics have shape {tuple(row.shape)}; {tuple(size)} is needed")
            buffer.copy_(row)
    return model.eval()


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    if not path.is_file():
        raise ModelError(f"checkpoint {path} does not exist")
    numbers: list[Any] = [np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.float32)), type(np.float64(0))]
    # scores in the file may be numpy numbers, whose pickles name these two
    reader = getattr(np, "_core", None) or np.core
    numbers.append(reader.multiarray.scalar)
    try:
        with torch.serialization.safe_globals(numbers):
            whole = torch.load(path, map_location="cpu", weights_only=True)
        state = whole["encoder"]
        found = {k.removeprefix("module."): v for k, v in state.items()}
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError, TypeError, AttributeError) as e:
        words = str(e).strip().splitlines() or [type(e).__name__]
        raise ModelError(f"checkpoint {path} is corrupt or not one of the authors': {words[0][:200]}") from e
    if not all(isinstance(v, torch.Tensor) for v in found.values()):
        raise ModelError(f"checkpoint {path} holds something else than tensors in its state dictionary")
    return found
