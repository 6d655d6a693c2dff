"""How motion moves, without looking at a ground truth: VSD, ASD, MSD, mean speed, local variation, jerk."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.lab.metrics.result import frames, pair

LOCAL_WINDOW_S = 1.0
"""Window of MLVS; the paper does not say."""


def vsd(positions: np.ndarray) -> float:
    """VSD, velocity standard deviation (thesis section 4.1, Table 1).

        std over all t, j and coordinates of  x_{t+1} - x_t

    The thesis gives words, no formula; its figures (0.03) fit metres per frame at 30 fps.

    Args:
        positions: m, at 30 fps. Shape [T, J, 3], T >= 2.

    Returns:
        m per frame.
    """
    x = frames("positions", positions, 3, 2)
    return float(np.diff(x, axis=0).std())


def asd(positions: np.ndarray) -> float:
    """ASD, acceleration standard deviation (thesis section 4.1): std of all second differences.

    Args:
        positions: m, at 30 fps. Shape [T, J, 3], T >= 3.

    Returns:
        m per frame^2.
    """
    x = frames("positions", positions, 3, 3)
    return float(np.diff(x, 2, axis=0).std())


def msd(positions: np.ndarray) -> float:
    """MSD, mean squared displacement from frame to frame (thesis section 4.1).

        1/((T-1) J) sum_t sum_j || x_{t+1,j} - x_tj ||^2

    The thesis's own scale (0.15) is not that of its VSD (0.03^2 per coordinate) under any mean over joints that we
    tried; a sum over about 55 joints comes near. Compare within this package only.

    Args:
        positions: m, at 30 fps. Shape [T, J, 3], T >= 2.

    Returns:
        m^2 per frame^2.
    """
    x = frames("positions", positions, 3, 2)
    return float((np.diff(x, axis=0) ** 2).sum(axis=-1).mean())


def acceleration_error(predicted: np.ndarray, truth: np.ndarray, fps: float) -> float:
    """AE, mean acceleration error of 3D joint positions (DiffSHEG appendix D, Table 2).

        AE = 1/((T-2) J) sum_t sum_j || a^_tj - a_tj ||_2,   a_t = (x_{t+1} - 2 x_t + x_{t-1}) fps^2

    The paper's unit is not given (its GT has Vel 0.863, which fits cm per frame at 15 fps); ours is SI.

    Args:
        predicted: generated positions, m. Shape [T, J, 3], T >= 3.
        truth: true positions, m. Shape [T, J, 3].
        fps: frames per second.

    Returns:
        m/s^2.
    """
    a, b = pair("positions", predicted, truth, 3, least=3)
    return float(np.linalg.norm(np.diff(a, 2, axis=0) - np.diff(b, 2, axis=0), axis=-1).mean() * fps**2)


def mean_velocity(positions: np.ndarray, fps: float) -> float:
    """Vel, mean speed of the joints (DiffSHEG appendix D): 1/((T-1) J) sum ||x_{t+1,j} - x_tj|| fps.

    Args:
        positions: m. Shape [T, J, 3], T >= 2.
        fps: frames per second.

    Returns:
        m/s.
    """
    x = frames("positions", positions, 3, 2)
    return float(np.linalg.norm(np.diff(x, axis=0), axis=-1).mean() * fps)


def mean_local_velocity_std(positions: np.ndarray, fps: float, window_s: float = LOCAL_WINDOW_S) -> float:
    """MLVS, mean local velocity standard deviation (DiffSHEG appendix D).

    The standard deviation of a joint's speed inside a window, mean over all windows (one begins at every frame) and
    joints. The paper does not give the window; 1 s is ours.

    Args:
        positions: m. Shape [T, J, 3], with at least one window of speeds.
        fps: frames per second.
        window_s: window, s.

    Returns:
        m/s.
    """
    size = max(2, round(window_s * fps))
    x = frames("positions", positions, 3, size + 1)
    speed = np.linalg.norm(np.diff(x, axis=0), axis=-1) * fps
    # std by running sums, about each joint's mean for the sake of precision
    speed -= speed.mean(axis=0)
    sums = [np.cumsum(np.concatenate([np.zeros((1, x.shape[1])), speed**k]), axis=0) for k in (1, 2)]
    first, second = ((s[size:] - s[:-size]) / size for s in sums)
    return float(np.sqrt(np.maximum(second - first**2, 0.0)).mean())


def rms_jerk(positions: np.ndarray, fps: float) -> float:
    """Root mean square of the third derivative: sqrt(mean_tj || Delta^3 x_tj ||^2) fps^3.

    Args:
        positions: m. Shape [T, J, 3], T >= 4.
        fps: frames per second.

    Returns:
        m/s^3.
    """
    x = frames("positions", positions, 3, 4)
    return float(np.sqrt((np.diff(x, 3, axis=0) ** 2).sum(axis=-1).mean()) * fps**3)
