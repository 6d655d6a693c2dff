"""The retargeter on the demo humanoid: meaning in closed form, limits and determinism as properties."""

from __future__ import annotations

import copy
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retarget_poses import DOWN, held, mirror, posed
from robot_variants import Variant

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX
from speech_gesture_pkg.retargeting.base import RetargetSettings
from speech_gesture_pkg.retargeting.ik_retargeter import IkRetargeter
from speech_gesture_pkg.robot.joint_limits import LimitSettings
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.model import RobotModel

STANDING = {"left": DOWN, "right": mirror(DOWN)}
T_POSE = ((0, 1, 0), (0, 1, 0), (0, 1, 0), (0, 0, -1))
OFFER = ((0.3, 0.2, -1), (1, 0.35, 0.05), (1, 0.35, 0.1), (0, 0, 1))
POINT = ((0.7, 0.3, -0.2), (1, 0, 0.1), (1, 0, 0.1), (0, 0, -1))
THINK = ((0.4, 0.3, -1), (0.25, -0.55, 0.9), (0.2, -0.5, 0.8), (-1, -0.6, 0.2))


def build(text_or_path, settings=None) -> IkRetargeter:
    is_text = isinstance(text_or_path, str)
    robot = RobotModel.from_string(text_or_path) if is_text else RobotModel.from_file(text_or_path)
    return IkRetargeter(robot, map_robot(robot), settings)


@pytest.fixture(scope="module")
def retargeter(demo_urdf):
    return build(demo_urdf)


def full(retargeter: IkRetargeter, q: np.ndarray) -> np.ndarray:
    positions = retargeter.robot.neutral()
    for name, value in zip(retargeter.joint_names, q, strict=True):
        positions[retargeter.robot.joint_index[name]] = value
    return positions


def value(retargeter: IkRetargeter, q: np.ndarray, joint: str) -> float:
    return float(q[retargeter.joint_names.index(joint)])


def shown(retargeter: IkRetargeter, q: np.ndarray, side: str) -> dict[str, np.ndarray]:
    """Directions that the robot shows, from its link poses alone, relative to the torso."""
    poses = retargeter.robot.link_transforms(full(retargeter, q))
    torso = poses["torso"][:3, :3]
    points = [poses[f"{side}_{link}"][:3, 3] for link in ("upper_arm", "elbow_link", "hand")]
    hand = poses[f"{side}_hand"][:3, :3]
    inward = -1.0 if side == "left" else 1.0
    raw = {
        "upper": points[1] - points[0],
        "fore": points[2] - points[1],
        "fingers": hand @ [0, 0, -1],
        "palm": hand @ [0, inward, 0],
    }
    return {k: torso.T @ v / np.linalg.norm(v) for k, v in raw.items()}


def degrees_between(a, b) -> float:
    a, b = np.asarray(a, float), np.asarray(b, float)
    return math.degrees(math.acos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


@pytest.mark.parametrize("pose", [T_POSE, OFFER, POINT, THINK, DOWN], ids=["T", "offer", "point", "think", "down"])
def test_poses_keep_their_meaning(retargeter, pose):
    q = retargeter.solve_pose(posed({"left": pose, "right": mirror(pose)}))
    for side, arm in (("left", pose), ("right", mirror(pose))):
        seen = shown(retargeter, q, side)
        for part, wanted in zip(("upper", "fore", "fingers"), arm, strict=False):
            assert degrees_between(seen[part], wanted) < 1.5, (side, part)
        normal = np.asarray(arm[3], float)
        along = np.asarray(arm[2], float) / np.linalg.norm(arm[2])
        assert degrees_between(seen["palm"], normal - (normal @ along) * along) < 2.5
    assert retargeter.collision.is_free(q[None])[0]


def test_left_and_right_give_mirrored_joints(retargeter):
    q = retargeter.solve_pose(posed({"left": OFFER, "right": mirror(OFFER)}))
    for joint, sign in (("shoulder_pitch", 1), ("shoulder_roll", -1), ("elbow", 1), ("wrist_roll", -1)):
        left, right = (value(retargeter, q, f"{s}_{joint}") for s in ("left", "right"))
        assert left == pytest.approx(sign * right, abs=0.02)


def test_head_and_waist_in_closed_form(retargeter):
    look = posed(STANDING, head=[0, 0.5, 0])
    assert value(retargeter, retargeter.solve_pose(look), "neck_yaw") == pytest.approx(0.5, abs=0.02)
    nod = posed(STANDING, neck=[0.3, 0, 0])
    assert value(retargeter, retargeter.solve_pose(nod), "neck_pitch") == pytest.approx(0.3, abs=0.02)
    bow = retargeter.solve_pose(posed(STANDING, spine2=[0.25, 0, 0]))
    assert value(retargeter, bow, "waist_pitch") == pytest.approx(0.25, abs=0.02)
    assert value(retargeter, bow, "neck_pitch") == pytest.approx(0.0, abs=0.02)


def test_fingers_follow_the_curl(retargeter):
    frame = posed(STANDING)
    poses = frame.poses.copy()
    # Flexion of the left index about -z (fingers along +x, palm down), of the right about +z.
    poses[0, JOINT_INDEX["left_index1"]] = [0, 0, -0.8]
    poses[0, JOINT_INDEX["right_middle2"]] = [0, 0, 1.2]
    q = retargeter.solve_pose(MotionFrames(poses, 30.0))
    assert value(retargeter, q, "left_index_1") == pytest.approx(-0.8, abs=0.03)
    assert value(retargeter, q, "left_index_2") == pytest.approx(0.0, abs=0.03)
    assert value(retargeter, q, "right_middle_2") == pytest.approx(1.2, abs=0.03)
    assert value(retargeter, q, "right_index_1") == pytest.approx(0.0, abs=0.03)


def test_face_follows_the_weights(retargeter):
    frame = held(posed(STANDING), 20)
    face = np.zeros((20, 52))
    face[:, ARKIT_INDEX["jawOpen"]] = 0.5
    face[:, ARKIT_INDEX["eyeBlinkRight"]] = 1.0
    face[:, ARKIT_INDEX["browDownLeft"]] = 1.0
    q, _ = retargeter.step(MotionFrames(frame.poses, 30.0, face=face), retargeter.start())
    assert value(retargeter, q[-1], "jaw") == pytest.approx(0.2, abs=1e-6)
    assert value(retargeter, q[-1], "right_eyelid") == pytest.approx(1.3, abs=1e-6)
    assert value(retargeter, q[-1], "left_eyelid") == pytest.approx(0.0, abs=1e-6)
    assert value(retargeter, q[-1], "left_brow") == pytest.approx(0.2, abs=1e-6)


def test_a_blink_of_a_fifth_of_a_second_closes_the_lids(retargeter):
    weights = np.zeros(20)
    weights[5:12] = [0.4, 0.9, 1.0, 1.0, 0.7, 0.4, 0.1]
    face = np.zeros((20, 52))
    face[:, ARKIT_INDEX["eyeBlinkLeft"]] = weights
    motion = held(posed(STANDING), 20)
    q, _ = retargeter.step(MotionFrames(motion.poses, 30.0, face=face), retargeter.start())
    lid = q[:, retargeter.joint_names.index("left_eyelid")]
    assert lid.max() > 1.2
    assert lid[-1] < 0.05


def test_rest_is_calm_and_free(retargeter):
    for side in ("left", "right"):
        seen = shown(retargeter, retargeter.rest, side)
        assert degrees_between(seen["upper"], [0, 0, -1]) < 15
        assert 5 < degrees_between(seen["upper"], seen["fore"]) < 30
        assert degrees_between(seen["palm"], [0, -1 if side == "left" else 1, 0]) < 30
    assert retargeter.collision.distance(retargeter.rest[None])[0] > 0.02
    assert value(retargeter, retargeter.rest, "neck_pitch") == pytest.approx(0, abs=0.01)


def moving(count: int, seed: int, size: float = 0.5) -> MotionFrames:
    """Smooth random motion around standing."""
    random = np.random.default_rng(seed)
    knots = posed(STANDING).poses + size * random.normal(size=(count // 10 + 3, 55, 3))
    at = np.arange(count) / 10
    low = at.astype(int)
    share = (at - low)[:, None, None]
    ease = share * share * (3 - 2 * share)
    return MotionFrames((1 - ease) * knots[low] + ease * knots[low + 1], 30.0, face=random.uniform(size=(count, 52)))


def test_chunks_of_any_size_give_the_same(retargeter):
    motion = moving(40, 1)
    once, end = retargeter.step(motion, retargeter.start())
    state, pieces = retargeter.start(), []
    for first, last in ((0, 1), (1, 1), (1, 8), (8, 9), (9, 40)):
        q, state = retargeter.step(motion[first:last], state)
        pieces.append(q)
    np.testing.assert_allclose(np.concatenate(pieces), once, atol=1e-9)
    np.testing.assert_allclose(state.q, end.q, atol=1e-9)


def test_state_is_not_changed_and_can_be_copied(retargeter):
    motion = moving(12, 2)
    _, state = retargeter.step(motion[:6], retargeter.start())
    before = copy.deepcopy(state)
    first, _ = retargeter.step(motion[6:], state)
    second, _ = retargeter.step(motion[6:], before)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(state.q, before.q)


def check_limits(retargeter: IkRetargeter, start: np.ndarray, q: np.ndarray) -> None:
    fps = retargeter.settings.fps
    assert np.isfinite(q).all()
    assert (q >= retargeter.limits.lower).all()
    assert (q <= retargeter.limits.upper).all()
    steps = np.diff(np.concatenate([start[None], q]), axis=0)
    assert (np.abs(steps) * fps <= retargeter.limits.velocity + 1e-6).all()
    changes = np.diff(np.concatenate([np.zeros((1, q.shape[1])), steps]), axis=0)
    assert (np.abs(changes) * fps * fps <= retargeter.limits.acceleration + 1e-5).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1.0, 3.0]))
def test_anything_in_gives_motion_within_limits(retargeter, seed, size):
    """Random rotations, jumping every frame, from a random start."""
    random = np.random.default_rng(seed)
    poses = size * random.normal(size=(25, 55, 3))
    poses[10] = 0
    poses[11, :, 1] = math.pi
    motion = MotionFrames(poses, 30.0, face=random.uniform(-1, 2, (25, 52)))
    start = random.uniform(retargeter.limits.lower, retargeter.limits.upper)
    q, _ = retargeter.step(motion, retargeter.start(start))
    check_limits(retargeter, start, q)


def test_velocity_scale_and_acceleration_are_kept(demo_urdf):
    slow = build(
        demo_urdf,
        RetargetSettings(
            limits=LimitSettings(
                velocity_scale=0.3,
                acceleration={"arms": 5.0, "head": 5.0, "torso": 2.0, "hands": 10.0, "face": 50.0},
                position_margin=0.05,
            )
        ),
    )
    assert slow.limits.velocity[slow.joint_names.index("left_elbow")] == pytest.approx(2.1)
    assert slow.limits.upper[slow.joint_names.index("neck_yaw")] == pytest.approx(1.35)
    q, _ = slow.step(moving(40, 3, 1.0), slow.start())
    check_limits(slow, slow.rest, q)


def test_catching_up_arrives_and_stays(retargeter):
    """From rest to a held offer: the arm arrives within a second and does not swing beyond once it is near."""
    goal = posed({"left": OFFER, "right": mirror(OFFER)})
    q, _ = retargeter.step(held(goal, 60), retargeter.start())
    for side, arm in (("left", OFFER), ("right", mirror(OFFER))):
        for part, wanted in zip(("upper", "fore", "fingers"), arm, strict=False):
            off = np.array([degrees_between(shown(retargeter, row, side)[part], wanted) for row in q[18:]])
            assert off.max() < 8, (side, part)
            assert off[12:].max() < 1, (side, part)


def test_hands_into_the_chest_stop_before_it(retargeter):
    """The human's forearm crosses where the robot's chest is; the robot stays clear."""
    cross = ((0.1, 0.1, -1), (0.1, -1, 0.15), (0.1, -1, 0.1), (-1, 0, 0))
    goal = posed({"left": cross, "right": mirror(cross)})
    q, _ = retargeter.step(held(goal, 60), retargeter.start())
    assert retargeter.collision.distance(q).min() > 0
    without = build(retargeter.robot.urdf, RetargetSettings(collision=False))
    bare, _ = without.step(held(goal, 60), without.start())
    assert without.collision.distance(bare).min() < 0


@pytest.mark.parametrize("yaw", [180, 90])
def test_a_turned_root_changes_nothing(demo_urdf, retargeter, yaw):
    turned = build(Variant(demo_urdf).yawed(yaw).text)
    motion = moving(20, 4, 0.2)
    expected, _ = retargeter.step(motion, retargeter.start())
    found, _ = turned.step(motion, turned.start())
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize(
    "cuts",
    [
        ("right_shoulder_pitch",),
        ("left_shoulder_pitch", "right_shoulder_pitch"),
        ("neck_yaw",),
        ("left_wrist_pitch", "right_wrist_pitch"),
        ("neck_yaw", "left_shoulder_pitch"),
    ],
)
def test_robots_with_parts_missing(demo_urdf, cuts):
    variant = Variant(demo_urdf)
    for joint in cuts:
        variant.cut(joint)
    part = build(variant.text)
    q, _ = part.step(moving(20, 5), part.start())
    check_limits(part, part.rest, q)


def test_waist_out_of_the_way_of_the_arms(demo_urdf, retargeter):
    """Arms are relative to the chest: a robot whose waist is fixed shows the same arms."""
    variant = Variant(demo_urdf)
    for joint in ("waist_yaw", "waist_pitch", "waist_roll"):
        variant.joint(joint).set("type", "fixed")
    stiff = build(variant.text)
    assert "torso" in stiff.map.missing
    frame = posed({"left": OFFER, "right": mirror(DOWN)}, spine1=[0.2, 0.3, 0])
    one, two = retargeter.solve_pose(frame), stiff.solve_pose(frame)
    for joint in retargeter.groups["left_arm"]:
        assert value(retargeter, one, joint) == pytest.approx(value(stiff, two, joint), abs=0.02)


def test_bad_input_is_refused(retargeter):
    motion = moving(3, 6)
    with pytest.raises(InputError, match="25 fps"):
        retargeter.step(MotionFrames(motion.poses, 25.0), retargeter.start())
    poses = motion.poses.copy()
    poses[1, 3, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        retargeter.step(MotionFrames(poses, 30.0), retargeter.start())
    with pytest.raises(InputError, match="start pose"):
        retargeter.start(np.zeros(3))
    q, state = retargeter.step(motion[:0], retargeter.start())
    assert q.shape == (0, len(retargeter.joint_names))
    assert state.target is None


@pytest.mark.parametrize(
    "change",
    [{"fps": 0}, {"iterations": 0}],
)
def test_bad_settings_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        RetargetSettings(**change)


def test_a_frame_is_quick(retargeter):
    motion = moving(60, 7)
    state = retargeter.start()
    times = []
    for k in range(len(motion)):
        start = time.perf_counter()
        _, state = retargeter.step(motion[k : k + 1], state)
        times.append(time.perf_counter() - start)
    assert np.median(times) < 5e-3  # 0.4 ms on a quiet machine


def test_real_gestures(retargeter, shared_data):
    """Every ninth recorded clip of the SmartBody set, streamed: directions, jerk and collisions within the targets."""
    path = shared_data / "smartbody_gestures" / "smartbody_smplx.npz"
    errors: dict[str, list[np.ndarray]] = {}
    jerks, gaps = [], []
    solved = [retargeter.joint_names.index(n) for g in ("left_arm", "right_arm", "head", "torso")
              for n in retargeter.groups[g]]  # fmt: skip
    with np.load(path) as data:
        places = data["smplx55_index"]
        clips = [k for k in data.files if k.endswith(".poses")][::9]
        for clip in clips:
            poses = np.zeros((len(data[clip]), 55, 3))
            poses[:, places] = data[clip]
            motion = MotionFrames(poses, 30.0)[:200]
            start = retargeter.solve_pose(motion)
            q, _ = retargeter.step(motion, retargeter.start(start))
            check_limits(retargeter, np.clip(start, retargeter.limits.lower, retargeter.limits.upper), q)
            for name, error in retargeter.tracking_errors(motion, q).items():
                errors.setdefault(name, []).append(np.degrees(error))
            jerks.append(np.diff(q[:, solved], 3, axis=0) * 30.0**3)
            gaps.append(retargeter.collision.distance(q))
    mean = {name: float(np.concatenate(e).mean()) for name, e in errors.items()}
    for side in ("left", "right"):
        assert mean[f"{side}_upper_arm"] < 2
        assert mean[f"{side}_forearm"] < 2
        assert mean[f"{side}_palm"] < 5
    assert mean["head"] < 3
    assert np.sqrt((np.concatenate(jerks) ** 2).mean()) < 200
    assert (np.concatenate(gaps) < 0).mean() < 0.005
