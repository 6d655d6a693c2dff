"""What a DiffSHEG is: sizes, conditions and the choices of the paper and its ablations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.features.vectors import SPEECH_VECTOR
from speech_gesture_pkg.generators.feature_windows import MOTION_FPS, SpeechWindows
from speech_gesture_pkg.generators.settings import from_values, to_values

FLOWS = ("full", "no_detach", "no_x0", "reverse", "naive_concat", "final_x0")
"""How expression and gesture know of each other (paper, Tables 1 and 3)."""
PREDICTIONS = ("epsilon", "velocity", "sample")
"""What the network gives: the noise (paper), v of Salimans and Ho 2022, or the clean motion."""
LAYOUTS = ("smplx", "show", "beat")
_FPS = (7.5, 15.0, 30.0)
_OF_HUBERT = ("hubert_path", "hubert_past", "hubert_ahead", "hubert_block")


@dataclass(frozen=True)
class DiffShegConfig:
    """Shape of the networks.

    Attributes:
        flow: `full`: the gesture branch sees the expression's predicted x0, detached; `no_detach`: not detached;
            `no_x0`: it does not see it; `reverse`: the expression sees the gesture's; `naive_concat`: one branch for
            both, 1.41 times as wide; `final_x0`: the gesture sees the expression's final x0 at every step.
        prediction: of the networks. The paper predicts the noise.
        layout: what a frame holds (see `representation`): `smplx` (own corpora), `show`, `beat`.
        fps: frames per second of the motion that the network makes.
        clip: frames of a training clip, the longest that can be made at once.
        mel, mid: see the mel-like features; see their mid-level encoding by a transformer.
        hubert: channels of HuBERT states; 0 = none.
        hubert_path: local folder or hub name of the HuBERT model; for training only.
        hubert_past, hubert_ahead: audio that HuBERT sees at least before the begin and beyond the end of a block, s.
        hubert_block: frames whose states are made at once. Best as many as a clip's new frames, or a part of them.
        mid_time: the mid-level encoder gets the diffusion step, as in the authors' code. Costs speed.
        mid_doubled: its residual doubles the input, as in the authors' code. For their checkpoints only.
        speech: channels of a frame's speech vector when it comes ready-made (the authors' mel); 0 = own features,
            `audio_past` and `audio_ahead` seconds around each frame, projected to `audio_width`.
        audio_past, audio_ahead: speech seen before the start and after the end of a frame's time, s.
        audio_width: channels of the mel branch; the mid-level encoding has as many.
        audio_out: channels of both after their projection.
        hubert_width: channels of HuBERT after its convolutions.
        width, layers, heads, feed: of each branch; channels of the feed-forward layer.
        local: frames around each one that the embedding of the noisy motion, and a depthwise convolution before each
            layer's attention, see; 0 = none, as in the paper. Linear attention has no notion of neighbours.
        smooth: frames of a learned filter over time on the predicted clean motion, of each channel by itself; 0 = none,
            as in the paper. Only with `prediction: sample`.
        time_width: channels of the embedding of step and person.
        positions: length of the table of positions.
        dropout: in training.
        null: share of training clips without conditions, for classifier-free guidance; 0 = none.
        known: frames that are known are an input beside the noisy ones (prefix conditioning).
        speakers: names that condition the motion, one-hot.
        style: condition on how large and how frequent gestures are.
        steps: diffusion steps; `beta_first`, `beta_last`: of the linear schedule.
    """

    flow: str = "full"
    prediction: str = "epsilon"
    layout: str = "smplx"
    fps: float = 30.0
    clip: int = 48
    mel: bool = True
    mid: bool = True
    hubert: int = 0
    hubert_path: str = ""
    hubert_past: float = 2.0
    hubert_ahead: float = 0.2
    hubert_block: int = 10
    mid_time: bool = False
    mid_doubled: bool = False
    speech: int = 0
    audio_past: float = 0.1
    audio_ahead: float = 0.1
    audio_width: int = 64
    audio_out: int = 96
    hubert_width: int = 128
    width: int = 128
    layers: int = 4
    heads: int = 4
    feed: int = 256
    local: int = 0
    smooth: int = 0
    time_width: int = 256
    positions: int = 600
    dropout: float = 0.0
    null: float = 0.0
    known: bool = True
    speakers: tuple[str, ...] = ("default",)
    style: bool = True
    steps: int = 1000
    beta_first: float = 1e-4
    beta_last: float = 0.02

    def __post_init__(self) -> None:
        choices = (("flow", FLOWS), ("prediction", PREDICTIONS), ("layout", LAYOUTS))
        for name, allowed in choices:
            if getattr(self, name) not in allowed:
                raise ConfigError(one_of(f"diffsheg {name}", getattr(self, name), allowed))
        sizes = ("audio_width", "audio_out", "hubert_width", "width", "layers", "heads", "feed", "time_width")
        for name in (*sizes, "steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"diffsheg {name} is {getattr(self, name)}; it must be at least 1")
        if self.fps not in _FPS:
            raise ConfigError(f"diffsheg fps is {self.fps}; it must be one of {', '.join(f'{f:g}' for f in _FPS)}")
        if not 2 <= self.clip <= self.positions:
            raise ConfigError(f"diffsheg clip is {self.clip} frames; it must be in [2, positions = {self.positions}]")
        for name in ("width", "audio_width"):
            if getattr(self, name) % self.heads or getattr(self, name) % 2:
                raise ConfigError(
                    f"diffsheg {name} is {getattr(self, name)}; it must be even and a multiple of heads ({self.heads})"
                )
        for name in ("local", "smooth"):
            frames = getattr(self, name)
            if frames and (frames < 0 or frames % 2 == 0):
                raise ConfigError(f"diffsheg {name} is {frames}; it must be 0 (none) or an odd number of frames")
        if self.smooth and self.prediction != "sample":
            raise ConfigError(
                f"diffsheg smooth is {self.smooth}, but the network predicts {self.prediction}; only clean motion "
                "(prediction: sample) can be smoothed"
            )
        if self.hubert < 0 or self.speech < 0:
            raise ConfigError(f"diffsheg hubert {self.hubert} and speech {self.speech} must be 0 (none) or more")
        if not (self.mel or self.mid or self.hubert):
            raise ConfigError("diffsheg mel and mid are false and hubert is 0: the network would get no speech")
        if self.speech not in (0, self.audio_width):
            raise ConfigError(f"diffsheg speech is {self.speech}; it must be 0 or audio_width ({self.audio_width})")
        if not 0 <= self.dropout < 1 or not 0 <= self.null < 1:
            raise ConfigError(f"diffsheg dropout {self.dropout} and null {self.null} must be in [0, 1)")
        if not 0 <= self.audio_past <= 2 or not 0 <= self.audio_ahead <= 1:
            raise ConfigError(
                f"diffsheg audio_past is {self.audio_past} s, audio_ahead {self.audio_ahead} s; they must be in "
                "[0, 2] and [0, 1]"
            )
        if not 0 <= self.hubert_past <= 20 or not 0 <= self.hubert_ahead <= 2 or not 1 <= self.hubert_block <= 600:
            raise ConfigError(
                f"diffsheg hubert_past is {self.hubert_past} s, hubert_ahead {self.hubert_ahead} s, hubert_block "
                f"{self.hubert_block} frames; they must be in [0, 20], [0, 2] and [1, 600]"
            )
        if not 0 < self.beta_first <= self.beta_last < 1:
            raise ConfigError(f"diffsheg betas {self.beta_first} to {self.beta_last} must rise within (0, 1)")
        if not self.speakers:
            raise ConfigError("diffsheg speakers is empty; it needs at least one name")

    @property
    def branches(self) -> tuple[str, ...]:
        """The denoising transformers in the order in which they run."""
        if self.flow == "naive_concat":
            return ("motion",)
        return ("gesture", "expression") if self.flow == "reverse" else ("expression", "gesture")

    @property
    def sees_other(self) -> bool:
        """Whether the second branch gets what the first one predicts."""
        return self.flow not in ("no_x0", "naive_concat")

    @property
    def branch_width(self) -> int:
        """Channels of a branch: the single branch of `naive_concat` is 1.41 times as wide, as in the paper."""
        if self.flow != "naive_concat":
            return self.width
        return round(1.41 * self.width / (2 * self.heads)) * 2 * self.heads

    @property
    def conditions(self) -> int:
        """Channels of speech that every layer's fusion block gets."""
        return (self.audio_out if self.mel or self.mid else 0) + (self.hubert_width if self.hubert else 0)

    @property
    def person(self) -> int:
        """Length of the vector of person and style."""
        return len(self.speakers) + (2 if self.style else 0)

    @property
    def stride(self) -> int:
        """Frames of 30 fps motion for one of this network's."""
        return round(MOTION_FPS / self.fps)

    @property
    def windows(self) -> SpeechWindows:
        """Speech of the package's own features that each frame sees."""
        return SpeechWindows.of(self.stride, self.audio_past, self.audio_ahead)

    @property
    def speech_shape(self) -> tuple[int, ...]:
        """Of a frame's speech: ready-made [C], or own features around it [L, C]."""
        return (self.speech,) if self.speech else (self.windows.length, SPEECH_VECTOR)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> DiffShegConfig:
        """From stored or written values. Raises ConfigError for unknown names and wrong types."""
        return from_values(cls, "diffsheg", values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and YAML, without those of HuBERT for a network without it."""
        values = to_values(self)
        if not self.hubert:
            for name in _OF_HUBERT:
                del values[name]
        return values


_PAPER: dict[str, Any] = {
    "audio_width": 128,
    "audio_out": 256,
    "hubert": 1024,
    "width": 512,
    "layers": 8,
    "heads": 8,
    "feed": 1024,
    "time_width": 2048,
    "known": False,
    "style": False,
    "speech": 128,
}

BEAT = DiffShegConfig(**_PAPER, layout="beat", fps=15.0, clip=34, speakers=tuple(f"speaker_{k}" for k in range(1, 31)))
"""The paper's network for BEAT: 30 people, 34 frames at 15 fps, no guidance."""
SHOW = DiffShegConfig(
    **_PAPER, layout="show", fps=30.0, clip=88, null=0.2, speakers=("oliver", "seth", "conan", "chemistry")
)
"""The paper's network for SHOW: 4 people, 88 frames at 30 fps, guidance trained in."""

ABLATIONS: dict[str, dict[str, Any]] = {
    "full": {},
    "naive_concat": {"flow": "naive_concat"},
    "no_detach": {"flow": "no_detach"},
    "no_x0": {"flow": "no_x0"},
    "reverse": {"flow": "reverse"},
    "final_x0": {"flow": "final_x0"},
    "no_hubert": {"hubert": 0},
    "no_mel": {"mel": False},
    "no_mid": {"mid": False},
}
"""Rows of the paper's Tables 1 and 3 as changes of the configuration."""


def ablated(config: DiffShegConfig, name: str) -> DiffShegConfig:
    """The configuration changed as `ABLATIONS[name]` says.

    Raises:
        ConfigError: an unknown name, or one that changes nothing (`no_hubert` of a network without).
    """
    if name not in ABLATIONS:
        raise ConfigError(one_of("diffsheg variant", name, tuple(ABLATIONS)))
    made = replace(config, **ABLATIONS[name])
    if made == config and ABLATIONS[name]:
        raise ConfigError(f"diffsheg variant {name}: the recipe's network is that already; compare it with another")
    return made


def variant_of(config: DiffShegConfig) -> str:
    """The name in `ABLATIONS` that a configuration has; a network without HuBERT from the start is `full`."""
    if config.flow != "full":
        return config.flow
    return "no_mel" if not config.mel else "no_mid" if not config.mid else "full"
