"""Raw SmartBody clips to `smartbody_smplx.npz` and `.json`: which clips, what they are called, where the feet stand.

The source is `data/` of the public repository worldforge/smartbody: `behaviorsets/{Gestures,Gestures2,FemaleGestures,
MaleGestures}` and two idle recordings of `ChrRachel`. PNGestures, recorded with another skeleton whose elbows bend
about any axis and whose left fingers stand still, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.lab.datasets.clip import Skipped
from speech_gesture_pkg.lab.datasets.layout import write_json
from speech_gesture_pkg.lab.starter_corpus.smartbody import FPS, LICENCE, NAME, stroke_span
from speech_gesture_pkg.lab.starter_corpus.smartbody_raw import SkMotion, SkPose, SkSkeleton, read_sk, read_skm
from speech_gesture_pkg.lab.starter_corpus.smartbody_retarget import CONVERTED, to_smplx
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import (
    JOINT_INDEX,
    JOINT_NAMES,
    REST_POSITIONS,
    axis_angle_to_matrix,
    forward_kinematics,
)

_FLOOR_M = 0.02
"""Height of the lowest toe joint of a set above the floor."""


@dataclass(frozen=True)
class ClipSet:
    """A set of clips: its folder and skeleton, elevation added to its collars (deg), leg length SMPL-X / source."""

    name: str
    folder: str
    skeleton: str
    collar_deg: float
    leg: float
    motions: str = "motions"


SETS = (
    ClipSet("Gestures", "behaviorsets/Gestures", "skeletons/ChrBrad.sk", 0.8, 0.98),
    ClipSet("Gestures2", "behaviorsets/Gestures2", "skeletons/ChrBrad2.sk", -4.5, 0.98),
    ClipSet("FemaleGestures", "behaviorsets/FemaleGestures", "skeletons/ChrConnor.sk", -9.8, 0.98),
    ClipSet("MaleGestures", "behaviorsets/MaleGestures", "skeletons/ChrGarza.sk", -2.2, 0.95),
    ClipSet("ChrRachel", "ChrRachel", "ChrRachel.sk", 6.1, 0.94, "motion"),
)
_NOT_TALK = re.compile(r"ToWalk|ToIdleFight|ToLocIdle|Guitar|KickChair|ThrowAway")
_BETTER_IN_GESTURES = ("NegativeBt01", "Think01", "YouLf01")
"""Of clips in both sets these have hand-placed marks in Gestures; of all others the copy in Gestures2 is kept."""
_DIFFERENT = ("ShoulderStretch01", "HoweverLf01", "IndicateRightBt01")
"""Clips of one name that differ between the two sets."""
_FAULTY = {
    "Gestures": ("ChopBt01", "NegativeLf01", "SafeRt01", "ReceiveLf01"),
    "Gestures2": _BETTER_IN_GESTURES,
}
"""Copies under a wrong name, a finger that jumps, and the worse copies."""
_KINDS = {
    "negative": "negate",
    "screw_you": "dismiss",
    "indicate_left": "point_left",
    "indicate_right": "point_right",
    "deictic_left": "point_left",
    "deictic_right": "point_right",
    "to_idle": "posture_change",
    "inclusivity_pos": "inclusivity",
    "squeeze_hand": "self_touch_hands",
    "touch_hands": "self_touch_hands",
    "beat_point_mid": "beat_point",
}
_FAMILIES = ("beat", "chop", "negate", "no", "stop", "you", "offer", "empty", "scratch")
"""Kinds that a longer name belongs to: beat_low, stop_left, ..."""
_STANDARD = {
    "base": "JtRoot",
    "spine1": "JtSpineA",
    "spine2": "JtSpineB",
    "spine3": "JtSpineC",
    "spine4": "JtNeckA",
    "spine5": "JtNeckB",
    "skullbase": "JtSkullA",
    **{
        f"{side}_{name}": f"Jt{jt}{end}"
        for side, end in (("l", "Lf"), ("r", "Rt"))
        for name, jt in {
            "hip": "Hip",
            "knee": "Knee",
            "ankle": "Ankle",
            "forefoot": "Ball",
            "toe": "Toe",
            "sternoclavicular": "Clavicle",
            "shoulder": "Shoulder",
            "upperarm1": "UpperArmTwistA",
            "upperarm2": "UpperArmTwistB",
            "elbow": "Elbow",
            "forearm1": "ForearmTwistA",
            "forearm": "ForearmTwistB",
            "wrist": "Wrist",
            **{
                f"{finger}{k + 1}": f"{jt}{'ABCD'[k]}"
                for finger, jt in (("thumb", "Thumb"), ("index", "Index"), ("middle", "Middle"), ("ring", "Ring"))
                for k in range(4)
            },
            **{f"pinky{k + 1}": f"Little{'ABCD'[k]}" for k in range(4)},
        }.items()
    },
}
"""SmartBody's standard names -> names of the skeleton files."""


def kind_of(act: str) -> str:
    """What a clip shows, from its name: `BeatLowRt01` -> beat."""
    bare = re.sub(r"(Lf|Rt|Bt|Both)?\d*$", "", act) or "Idle"
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", bare).lower()
    if kind in _KINDS:
        return _KINDS[kind]
    if kind.endswith("_stretch"):
        return "stretch"
    return next((family for family in _FAMILIES if kind.startswith(f"{family}_") and not kind.endswith("_point")), kind)


def name_parts(name: str) -> tuple[str, str]:
    """Posture and act of a clip's name: `ChrBrad@Idle01_BeatLf01` -> Idle01, BeatLf01."""
    posture, _, act = name.split("@")[-1].partition("_")
    return posture, act or ("Idle" if re.match("Idle", posture) else posture)


def chosen(files: dict[str, list[Path]]) -> list[tuple[str, Path]]:
    """Set and file of the clips that are converted: no second copies, no locomotion, of ChrRachel only the idles."""
    twice = {name_parts(p.stem) for p in files.get("Gestures2", [])}
    out = []
    for group, paths in files.items():
        for path in paths:
            posture, act = name_parts(path.stem)
            again = group == "Gestures" and (posture, act) in twice and act not in (*_BETTER_IN_GESTURES, *_DIFFERENT)
            faulty = posture == "Idle01" and act in _FAULTY.get(group, ())
            if group == "ChrRachel" and not re.fullmatch(r"ChrRachel_ChrBrad@Idle0[12]", path.stem):
                continue
            if not (again or faulty or _NOT_TALK.search(path.stem)):
                out.append((group, path))
    return out


def convert_motion(motion: SkMotion, skeleton: SkSkeleton, clips: ClipSet) -> tuple[np.ndarray, np.ndarray]:
    """Poses [T, 55, 3] (rad) and root translation [T, 3] (m, before the floor is found) of one clip."""
    named = replace(
        motion,
        rotations={_STANDARD.get(k, k): v for k, v in motion.rotations.items()},
        positions={_STANDARD.get(k, k): v for k, v in motion.positions.items()},
    )
    rest = skeleton.pose({}, {}, 1)
    pose = skeleton.pose(named.rotations, named.positions, len(motion.times))
    poses = to_smplx(pose, rest, clips.collar_deg)
    return poses, _translation(pose, poses, clips.leg)


def _translation(pose: SkPose, poses: np.ndarray, leg: float) -> np.ndarray:
    """Translation that lets the middle of the hips follow the scaled source; x = z = 0 at the first frame."""
    hips = leg * 0.5 * (pose.place("JtHipLf") + pose.place("JtHipRt"))
    offset = 0.5 * (REST_POSITIONS[1] + REST_POSITIONS[2]) - REST_POSITIONS[0]
    trans = hips - axis_angle_to_matrix(poses[:, 0]) @ offset - REST_POSITIONS[0]
    trans[:, [0, 2]] -= trans[0, [0, 2]]
    return np.asarray(trans)


def convert_smartbody(
    source: Path, out: Path, skipped: Skipped, progress: Callable[[list], Iterable] = lambda paths: paths
) -> int:
    """Convert the clips below `source` into a folder that `smartbody.read_gestures` reads.

    Args:
        source: a folder that holds `behaviorsets` at any depth.
        out: folder for the two files.
        skipped: where files that cannot be converted are noted.
        progress: wraps the list of clips.

    Returns:
        The number of clips.

    Raises:
        InputError: no clip found or converted.
        OutputError: the files cannot be written.
    """
    root = next((p.parent for p in sorted([source, *source.rglob("behaviorsets")]) if p.name == "behaviorsets"), source)
    sets = {s.name: s for s in SETS if (root / s.folder / s.skeleton).is_file()}
    files = {n: sorted((root / s.folder / s.motions).glob("*.skm")) for n, s in sets.items()}
    wanted = chosen(files)
    if not wanted:
        raise InputError(f"{source} holds no SmartBody clips: no folder behaviorsets with skeletons and .skm motions")
    skeletons = {n: read_sk(root / s.folder / s.skeleton) for n, s in sets.items()}
    arrays: dict[str, np.ndarray] = {}
    table: list[dict[str, Any]] = []
    floors: dict[str, float] = {}
    for group, path in progress(wanted):
        try:
            motion = read_skm(path)
            poses, trans = convert_motion(motion, skeletons[group], sets[group])
        except (InputError, KeyError) as error:
            skipped.add(path, f"{path}: {error}" if isinstance(error, InputError) else f"{path} lacks joint {error}")
            continue
        if "stroke" not in motion.marks:
            motion.marks["stroke"] = 0.5 * motion.marks["end"]
        _, places = forward_kinematics(axis_angle_to_matrix(poses), trans)
        toes = places[:, [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]], 1].min()
        floors[group] = min(floors.get(group, np.inf), float(toes))
        table.append(_entry(group, path.stem, poses, motion))
        arrays[table[-1]["key"]] = poses
        arrays[f"{table[-1]['key']}.trans"] = trans
    if not table:
        raise InputError(f"no clip of {source} could be converted: {skipped.report()}")
    skipped.used = len(table)
    stored: dict[str, np.ndarray] = {}
    for entry in table:
        trans = arrays.pop(f"{entry['key']}.trans")
        trans[:, 1] += _FLOOR_M - floors[entry["set"]]
        stored[f"{entry['key']}.poses"] = arrays.pop(entry["key"])[:, CONVERTED].astype(np.float32)
        stored[f"{entry['key']}.trans"] = trans.astype(np.float32)
    _save(out, stored, table)
    return len(table)


def _entry(group: str, name: str, poses: np.ndarray, motion: SkMotion) -> dict[str, Any]:
    posture, act = name_parts(name)
    hands, onset, offset = stroke_span(MotionFrames(poses, FPS), motion.marks["stroke"])
    return {
        "key": f"{group}__{name}",
        "name": name,
        "set": group,
        "posture": posture,
        "act": act,
        "type": kind_of(act),
        "frames": len(poses),
        "hand_measured": hands,
        "sync": motion.marks,
        "measured": {"onset": onset, "offset": offset},
        "licence": LICENCE,
    }


def _save(out: Path, stored: dict[str, np.ndarray], table: list[dict[str, Any]]) -> None:
    names = np.array([JOINT_NAMES[j] for j in CONVERTED])
    part = out / f"{NAME}.part.npz"
    try:
        np.savez_compressed(part, smplx55_index=np.array(CONVERTED), joint_names=names, **stored)  # type: ignore[arg-type]
        part.replace(out / f"{NAME}.npz")
    except OSError as error:
        raise OutputError(f"{out / NAME}.npz cannot be written ({error.strerror or error})") from error
    write_json(out / f"{NAME}.json", {"source": "worldforge/smartbody", "licence": LICENCE, "fps": FPS, "clips": table})
