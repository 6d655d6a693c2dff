"""UniEG for sampling: everything that does not depend on the noisy motion is taken out of the step loop.

Three kinds of network, equal to `UniEG.forward` up to rounding:

- `Tables`: AdaIN factors and summands of a diffusion step and person; once per person and step for all clips;
- `Prepare`: what a clip's speech and known frames contribute to every layer; once per clip (once per clip and step with
  `mid_time`);
- `HoistedBranch`: the rest, called at every step. Query, key and value are one matrix; LayerNorms have no weights of
  their own.

The LayerNorm of the fusion block goes over motion and conditions together. With W' = W diag(g) (I - 1 1^T / N), W' z is
the linear layer of the centred and weighted z, and falls into a part of the motion and one of the conditions, which is
computed beforehand; the variance is put together from those of both parts (Chan et al. 1979).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as fn

from speech_gesture_pkg.lab.models.diffsheg.blocks import Fusion, StyledLayer, linear_attention
from speech_gesture_pkg.lab.models.diffsheg.model import Branch, UniEG


class Tables(nn.Module):
    """AdaIN tables of one branch."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, step: torch.Tensor, person: torch.Tensor) -> torch.Tensor:
        """step [S], person [S, P] -> [S, layers, 4, width]: factor and summand after attention and feed-forward."""
        embedded = self.branch.styled(step, person)
        rows = []
        for layer in self.branch.layers:
            assert isinstance(layer, StyledLayer)
            rows.append(torch.stack([*layer.attended.table(embedded), *layer.fed.table(embedded)], 1))
        return torch.stack(rows, 1)


class Prepare(nn.Module):
    """What speech and known frames of a clip contribute, for all branches.

    Outputs, per branch in the order in which they run: the base [B, T, width] that is added to the embedded motion; the
    conditions' part of the fusion blocks [B, layers, T, 2 width]; the conditions' mean and sum of squares about it
    [B, T, 2].
    """

    def __init__(self, network: UniEG) -> None:
        super().__init__()
        self.network = network
        for name, branch in _branches(network):
            first = branch.config.branch_width
            last = first + branch.config.conditions
            whole = [_centred(fusion, branch)[0][:, first:last] for fusion in branch.fusions]
            self.register_buffer(f"heard_{name}", torch.cat(whole))

    def forward(
        self,
        speech: torch.Tensor,
        hubert: torch.Tensor | None,
        known: torch.Tensor | None,
        step: torch.Tensor | None,
    ) -> tuple[torch.Tensor, ...]:
        network, made = self.network, []
        encoded = network.audio(speech, step)
        for name, branch in _branches(network):
            span = network.span(name)
            held = None if known is None else torch.cat([known[..., :-1][..., span], known[..., -1:]], -1)
            beside = branch.conditions(encoded, hubert)
            count, frames = beside.shape[:2]
            base = branch.start(held, frames) + torch.zeros_like(beside[..., :1])
            mean = beside.mean(-1, keepdim=True)
            spread = (beside - mean).square().sum(-1, keepdim=True)
            part = fn.linear(beside, getattr(self, f"heard_{name}"))
            part = part.reshape(count, frames, branch.config.layers, -1).transpose(1, 2)
            made += [base, part, torch.cat([mean, spread], -1)]
        return tuple(made)


class _Layer(nn.Module):
    """A fusion block and a transformer layer with what is known beforehand taken in."""

    def __init__(self, branch: Branch, fusion: Fusion, layer: StyledLayer) -> None:
        super().__init__()
        width, conditions = branch.config.branch_width, branch.config.conditions
        self.heads, self.conditions, self.eps = layer.heads, conditions, fusion.norm.eps
        self.whole = fusion.norm.normalized_shape[0]
        weights, bias = _centred(fusion, branch)
        self.motion = _linear(weights[:, :width], None)
        self.other = _linear(weights[:, width + conditions :], None) if branch.other else None
        self.bias = nn.Parameter(bias)
        self.fall, self.neighbours = fusion.fall, layer.neighbours
        self.absent: nn.Parameter | None = None
        if branch.null is not None:
            self.absent = nn.Parameter(fusion.residual(branch.null.detach()).detach())
        stacked = torch.cat([p.weight for p in (layer.query, layer.key, layer.value)])
        offset = torch.cat([p.bias for p in (layer.query, layer.key, layer.value)])
        self.qkv = _linear(stacked * layer.norm.weight, offset + stacked @ layer.norm.bias)
        self.attended, self.rise, self.feed, self.fed = layer.attended.out, layer.rise, layer.fall, layer.fed.out

    def forward(
        self,
        h: torch.Tensor,
        part: torch.Tensor,
        stats: torch.Tensor,
        table: torch.Tensor,
        other: torch.Tensor | None,
        keep: torch.Tensor | None,
    ) -> torch.Tensor:
        rise = self.motion(h) + part
        own = h
        if self.other is not None and other is not None:
            rise = rise + self.other(other)
            own = torch.cat([h, other], -1)
        size = own.shape[-1]
        mean = own.mean(-1, keepdim=True)
        spread = (own - mean).square().sum(-1, keepdim=True) + stats[..., 1:]
        spread = spread + (mean - stats[..., :1]).square() * (size * self.conditions / self.whole)
        fused = self.fall(fn.silu(rise * torch.rsqrt(spread / self.whole + self.eps) + self.bias))
        if keep is not None and self.absent is not None:
            fused = keep * fused + (1 - keep) * self.absent
        h = h + fused
        if self.neighbours is not None:
            h = self.neighbours(h)
        q, k, v = self.qkv(fn.layer_norm(h, h.shape[-1:])).chunk(3, -1)
        y = linear_attention(q, k, v, self.heads)
        h = h + self.attended(_styled(y, table[:, 0:1], table[:, 1:2]))
        y = self.feed(fn.gelu(self.rise(h)))
        return h + self.fed(_styled(y, table[:, 2:3], table[:, 3:4]))


class HoistedBranch(nn.Module):
    """One branch, as it is called at every step."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch  # of which only the ends are used
        pairs = zip(branch.fusions, branch.layers, strict=True)
        self.layers = nn.ModuleList(_Layer(branch, f, s) for f, s in pairs)  # type: ignore[arg-type]

    def forward(
        self,
        x: torch.Tensor,
        base: torch.Tensor,
        part: torch.Tensor,
        stats: torch.Tensor,
        table: torch.Tensor,
        other: torch.Tensor | None = None,
        keep: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The prediction [B, T, size].

        Args:
            x: noisy motion of the branch. Shape [B, T, size].
            base, part, stats: from `Prepare`.
            table: of `Tables`, by clip. Shape [B, layers, 4, width].
            other: prediction of the other branch. Shape [B, T, other].
            keep: 1 for clips with conditions, 0 for those without. Shape [B, 1, 1].
        """
        h = self.branch.embedded(x) + base
        for k, layer in enumerate(self.layers):
            h = layer(h, part[:, k], stats, table[:, k], other, keep)
        return self.branch.made(h)


def _styled(y: torch.Tensor, factor: torch.Tensor, summand: torch.Tensor) -> torch.Tensor:
    return fn.silu(fn.layer_norm(y, y.shape[-1:]) * factor + summand)


def _centred(fusion: nn.Module, branch: Branch) -> tuple[torch.Tensor, torch.Tensor]:
    """The first linear layer of a fusion block with its LayerNorm in it, and its bias. In float64 until the end."""
    assert isinstance(fusion, Fusion)
    weight, gain = fusion.rise.weight.detach().double(), fusion.norm.weight.detach().double()
    weighted = weight * gain
    bias = fusion.rise.bias.detach().double() + weight @ fusion.norm.bias.detach().double()
    return (weighted - weighted.mean(1, keepdim=True)).float(), bias.float()


def _linear(weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    made.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        made.bias = nn.Parameter(bias.detach().clone())
    return made


def _branches(network: UniEG) -> list[tuple[str, Branch]]:
    found = []
    for name in network.config.branches:
        branch = network.branches[name]
        assert isinstance(branch, Branch)
        found.append((name, branch))
    return found
