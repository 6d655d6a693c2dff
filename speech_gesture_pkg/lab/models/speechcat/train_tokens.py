"""Second stage of SpeechCAT: the transformer predicts the tokens from speech and from the tokens before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as fn
from torch.utils.data import Dataset

from speech_gesture_pkg.features.vectors import SpeechVectors
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder
from speech_gesture_pkg.lab.models.speechcat.encoder_finetuning import BlockCutter, TunedEncoder
from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat
from speech_gesture_pkg.lab.models.speechcat.transformer import TokenTransformer
from speech_gesture_pkg.lab.models.speechcat.utterances import AUDIO, Utterance
from speech_gesture_pkg.lab.training.corpus import SPEECH
from speech_gesture_pkg.lab.training.sequences import speech_windows, style_of, style_reference

_NO_STYLE = 0.15
"""Share of sequences that are trained without style (as the median)."""

Batch = dict[str, torch.Tensor]


class _Sequences(Dataset[Batch]):
    """Token sequences of fixed length with their speech, cut at random places."""

    def __init__(
        self, tokens: list[torch.Tensor], utterances: Sequence[Utterance], reference: np.ndarray, model: SpeechCat
    ) -> None:
        self._length = 2 * model.config.window
        self._windows = model.config.windows
        self._quiet = (
            SpeechVectors.quiet(1)[0] if model.config.encoder == "mel" else np.zeros(model.channels, np.float32)
        )
        self._start, self._speakers = model.config.codes, model.config.speakers
        self._cutter = BlockCutter(self._windows, self._length) if model.config.encoder_tuned else None
        self._items = list(zip(tokens, utterances, [style_of(u.recording, reference) for u in utterances], strict=True))
        share = [max(1, t.shape[1] // self._length) for t in tokens]
        self._owner = np.repeat(np.arange(len(tokens)), share)

    def __len__(self) -> int:
        return len(self._owner)

    def __getitem__(self, index: int) -> Batch:
        tokens, u, style = self._items[self._owner[index]]
        room = tokens.shape[1] - self._length
        first = int(torch.randint(0, room + 1, ())) if room > 0 else 0
        count = min(self._length, tokens.shape[1])
        return self.cut(tokens, u, style, first, count)

    def cut(self, tokens: torch.Tensor, u: Utterance, style: np.ndarray, first: int, count: int) -> Batch:
        """Tokens [P, length] to predict and those before them; beyond the utterance's end nothing counts."""
        target = torch.full((tokens.shape[0], self._length), -100)
        target[:, :count] = tokens[:, first : first + count]
        before = torch.full((tokens.shape[0], self._length), self._start)
        if first:
            before[:, 0] = tokens[:, first - 1]
        before[:, 1:count] = tokens[:, first : first + count - 1]
        return {
            "tokens": before,
            "target": target,
            **self._speech(u, first),
            "style": torch.from_numpy(style).expand(self._length, -1),
            "speaker": torch.tensor(u.recording.speaker_index(self._speakers)),
        }

    def _speech(self, u: Utterance, first: int) -> Batch:
        features = u.recording.features
        if self._cutter is not None:
            return self._cutter.cut(features[AUDIO], first)
        speech = speech_windows(features[SPEECH], first, self._length, self._windows, self._quiet)
        return {"speech": torch.from_numpy(speech)}


class _Network(nn.Module):
    def __init__(self, transformer: TokenTransformer, encoder: TunedEncoder | None) -> None:
        super().__init__()
        self.transformer, self.encoder = transformer, encoder

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        config = self.transformer.config
        target = batch["target"].transpose(0, 1)
        tokens, style = batch["tokens"].transpose(0, 1), batch["style"]
        if self.training:
            tokens = corrupted(tokens, config.corruption, config.codes)
            style = style * (torch.rand(len(style), 1, 1, device=style.device) > _NO_STYLE)
        past, known = self.transformer.empty(tokens.shape[1])
        speech = self.encoder(batch) if self.encoder is not None else batch["speech"]
        logits, _, _ = self.transformer(tokens, speech, batch["speaker"], style, past, known)
        losses = {
            part: fn.cross_entropy(logits[i].flatten(0, 1), target[i].flatten(), ignore_index=-100)
            for i, part in enumerate(config.parts)
        }
        right = (logits.argmax(-1) == target)[target >= 0].float().mean()
        return {"loss": torch.stack(list(losses.values())).mean(), "accuracy": right, **losses}


def corrupted(tokens: torch.Tensor, share: float, codes: int) -> torch.Tensor:
    """Tokens of which each is replaced by a uniform random code with probability `share` (thesis: alpha = 0.4).

    The index before the first token (`codes`) stays.
    """
    replaced = (torch.rand(tokens.shape, device=tokens.device) < share) & (tokens < codes)
    return torch.where(replaced, torch.randint_like(tokens, codes), tokens)


class TokensStage:
    """Trains the transformer (see `engine.Stage`); the codebooks must be trained.

    Args:
        model: whose transformer learns.
        train, held_out: utterances.
        encoder: learns along, with `encoder_tuned`.

    Attributes:
        reference: median liveliness of the training utterances.
    """

    name = "tokens"

    def __init__(
        self,
        model: SpeechCat,
        train: Sequence[Utterance],
        held_out: Sequence[Utterance],
        encoder: SpeechEncoder | None = None,
    ) -> None:
        start_from_codes(model)
        self.reference = style_reference([u.recording for u in train])
        self.model = model.requires_grad_(False)
        model.transformer.requires_grad_(True)
        tuned = encoder is not None and model.config.encoder_tuned
        self.network: nn.Module = _Network(model.transformer, TunedEncoder(encoder) if encoder and tuned else None)
        self._data = _Sequences(_tokens_of(model, train), train, self.reference, model)
        self._held_out = _Sequences(_tokens_of(model, held_out), held_out, self.reference, model)

    def data(self) -> Dataset[Batch]:
        """Random sequences, twice as long as attention looks back."""
        return self._data

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Losses and accuracy on the held-out utterances, each cut at the same places every time."""
        state = torch.random.get_rng_state()
        torch.manual_seed(0)
        device = next(network.parameters()).device
        sums: dict[str, float] = {}
        for index in range(len(self._held_out)):
            batch = {k: v[None].to(device) for k, v in self._held_out[index].items()}
            for name, value in network(batch).items():
                sums[name] = sums.get(name, 0.0) + float(value)
        torch.random.set_rng_state(state)
        return {f"held_out_{k}": v / len(self._held_out) for k, v in sums.items()}


@torch.no_grad()
def start_from_codes(model: SpeechCat) -> None:
    """Begin with embeddings and outputs in which similar codes are similar: random projections of the codebook.

    They stay free to change. From random ones, the network first has to find out which codes resemble each other.
    """
    transformer = model.transformer
    for i, part in enumerate(model.config.parts):
        codes = model.vqvae(part).codebook
        codes = (codes - codes.mean(0)) / codes.std(0).clamp_min(1e-6)
        size, width = codes.shape[1], model.config.width
        transformer.embed[i, : len(codes)] = 0.5 * codes @ torch.randn(size, width, device=codes.device) * size**-0.5
        spread = torch.randn(width, size, device=codes.device) * (size * width) ** -0.5
        transformer.predict.weight[i, 0] = spread @ codes.T


@torch.no_grad()
def _tokens_of(model: SpeechCat, utterances: Sequence[Utterance]) -> list[torch.Tensor]:
    model.eval()
    device = model.transformer.embed.device
    return [
        model.encode({p: torch.from_numpy(v)[None].to(device) for p, v in u.vectors.items()})[:, 0].cpu()
        for u in utterances
    ]
