"""The network: mel bands of one motion frame and the state before it to a pose and the state after it."""

from torch import Tensor, nn

BANDS, HIDDEN, POSE = 40, 96, 165
"""Mel bands; units of the LSTM; 55 joints x 3, axis-angle."""


class GestureLstm(nn.Module):
    """An LSTM whose output is added to the mean pose.

    Args:
        mean: mean pose of the corpus, rad. Shape [165].
    """

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.lstm = nn.LSTM(BANDS, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, POSE)
        self.register_buffer("mean", mean)

    def forward(self, mel: Tensor, h: Tensor, c: Tensor, amplitude: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Poses of T frames.

        Args:
            mel: level of the bands, dB. Shape [B, T, 40].
            h, c: state before the first frame. Shape [1, B, 96].
            amplitude: size of the gestures. Shape [1].

        Returns:
            Poses [B, T, 165], rad; state after the last frame, twice [1, B, 96].
        """
        found, (h, c) = self.lstm((mel + 60.0) / 20.0, (h, c))
        return self.mean + amplitude * self.out(found), h, c
