"""Rest joint positions from a user's own SMPL-X model file (npz of the SMPL-X download; not part of this package)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES, NUM_JOINTS, PARENTS


def load_skeleton(path: str | Path, betas: np.ndarray | None = None) -> np.ndarray:
    """Rest joint positions `J_regressor @ (v_template + shapedirs @ betas)` in metres. Shape [55, 3].

    Args:
        path: SMPL-X model as npz (`SMPLX_NEUTRAL.npz`); the pickled models are refused: they run code when read.
        betas: shape coefficients, B <= the number of columns of `shapedirs`. The template if None.

    Raises:
        InputError: missing file or key, other joint tree than SMPL-X, wrong shapes, NaN, or a pickle.
    """
    path = Path(path)
    if path.suffix.lower() == ".pkl":
        raise InputError(f"{path} is a pickle, which can run code when read; use the npz file of the SMPL-X download")
    data = _needed(
        path, {"J_regressor", "v_template", "kintree_table"} | ({"shapedirs"} if betas is not None else set())
    )
    regressor, vertices, tree = (data[k] for k in ("J_regressor", "v_template", "kintree_table"))
    if tree.ndim != 2 or tree.shape[1] < NUM_JOINTS:
        raise InputError(f"{path}: kintree_table has shape {list(tree.shape)}; SMPL-X has [2, 55]")
    parents = tree[0, :NUM_JOINTS].astype(np.int64)
    # the root's parent is stored as 2^32 - 1
    if not np.array_equal(parents[1:], PARENTS[1:]):
        wrong = int(np.flatnonzero(parents[1:] != PARENTS[1:])[0]) + 1
        raise InputError(
            f"{path}: joint {wrong} ({JOINT_NAMES[wrong]}) has parent {parents[wrong]}; "
            f"in SMPL-X it is {PARENTS[wrong]}"
        )
    if vertices.ndim != 2 or vertices.shape[1] != 3 or regressor.shape[1:] != vertices.shape[:1]:
        raise InputError(
            f"{path}: J_regressor {list(regressor.shape)} and v_template {list(vertices.shape)} do not fit; "
            f"they must be [55, V] and [V, 3]"
        )
    vertices = np.asarray(vertices, float)
    if betas is not None:
        directions = np.asarray(data["shapedirs"], float)
        betas = np.asarray(betas, float).reshape(-1)
        if directions.ndim != 3 or directions.shape[:2] != vertices.shape or len(betas) > directions.shape[2]:
            raise InputError(
                f"{path}: shapedirs has shape {list(directions.shape)}; it must be [V, 3, >= {len(betas)}]"
            )
        vertices = vertices + directions[..., : len(betas)] @ betas
    rest = np.asarray(regressor, float)[:NUM_JOINTS] @ vertices
    if rest.shape != (NUM_JOINTS, 3) or not np.isfinite(rest).all():
        raise InputError(
            f"{path}: the rest joints have shape {list(rest.shape)} or hold NaN; 55 finite joints are needed"
        )
    return rest


def _needed(path: Path, keys: set[str]) -> dict[str, np.ndarray]:
    """The named arrays of an npz; other keys, which may be pickled objects in SMPL-X files, stay unread."""
    if not path.is_file():
        raise InputError(f"SMPL-X model {path} does not exist; give the path of SMPLX_NEUTRAL.npz")
    try:
        return read_npz(path, keys)
    except InputError as error:
        raise InputError(f"{path} cannot be read as an SMPL-X npz: {error}") from error
