"""The hoisted networks in torch with the interface of the exported ones: for evaluation, and for a GPU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import nn

from speech_gesture_pkg.generators.diffsheg.denoiser import Denoiser
from speech_gesture_pkg.lab.models.diffsheg.hoisted import HoistedBranch, Prepare, Tables
from speech_gesture_pkg.lab.models.diffsheg.model import Branch, UniEG


class _Network:
    """A module as a function of arrays."""

    def __init__(self, module: nn.Module, inputs: tuple[str, ...], outputs: tuple[str, ...], device: str) -> None:
        self.module, self.outputs, self.device = module.eval().to(device), outputs, device
        self.inputs = inputs

    @torch.inference_mode()
    def __call__(self, **arrays: np.ndarray) -> Mapping[str, np.ndarray]:
        given = {k: torch.from_numpy(np.ascontiguousarray(v)).to(self.device) for k, v in arrays.items()}
        made = self.module(**given)
        rows = made if isinstance(made, tuple) else (made,)
        return {k: v.cpu().numpy() for k, v in zip(self.outputs, rows, strict=True)}


class _Prepare(nn.Module):
    def __init__(self, network: UniEG) -> None:
        super().__init__()
        self.prepare = Prepare(network)

    def forward(self, speech: torch.Tensor, **others: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.prepare(speech, *(others.get(k) for k in ("hubert", "known", "step"))))


class _Tables(nn.Module):
    def __init__(self, branches: list[Branch]) -> None:
        super().__init__()
        self.tables = nn.ModuleList(Tables(b) for b in branches)

    def forward(self, step: torch.Tensor, person: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(t(step, person) for t in self.tables)


def torch_denoiser(network: UniEG, device: str = "cpu") -> Denoiser:
    """The denoiser of a network, in evaluation mode, on a torch device."""
    config, found = network.config, []
    for name in config.branches:
        branch = network.branches[name]
        assert isinstance(branch, Branch)
        found.append((name, branch))
    used = {"speech": True, "hubert": bool(config.hubert), "known": config.known, "step": config.mid_time}
    outputs = tuple(f"{kind}_{name}" for name in config.branches for kind in ("base", "part", "stats"))
    prepare = _Network(_Prepare(network), tuple(k for k, v in used.items() if v), outputs, device)
    names = tuple(f"table_{name}" for name in config.branches)
    tables = _Network(_Tables([b for _, b in found]), ("step", "person"), names, device)
    branches = {}
    for name, branch in found:
        inputs = ["x", "base", "part", "stats", "table", *(["other"] if branch.other else [])]
        inputs += ["keep"] if config.null else []
        branches[name] = _Network(HoistedBranch(branch), tuple(inputs), ("made",), device)
    return Denoiser(config, prepare, tables, branches)
