"""How fast elbows, wrists and hands were commanded to move, by Pinocchio on the URDF itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pinocchio as pin

from speech_gesture_pkg.verification.urdf_xml import plain


def arm_speeds(
    urdf: str,
    arms: Sequence[Sequence[str]],
    position: Mapping[str, np.ndarray],
    velocity: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Speed relative to the root link of every link origin on the arms, from the second joint on.

    Beyond an arm's last joint all links count, with the fingers still. The first joint's own origin is the shoulder.

    Args:
        urdf: URDF text.
        arms: joint names of each arm from the shoulder out.
        position, velocity: [T] by joint; joints that are not in them stand at zero.

    Returns:
        link name -> speeds [T], m/s.
    """
    model = pin.buildModelFromXML(plain(urdf))
    data = model.createData()
    ids = [[model.getJointId(name) for name in arm] for arm in arms]
    outer = {i for arm in ids for i in arm[1:]}
    beyond = {i for arm in ids for i in model.subtrees[arm[-1]].tolist() if i != arm[-1]}
    frames = [
        (k, frame.name)
        for k, frame in enumerate(model.frames)
        if frame.type == pin.FrameType.BODY and frame.parentJoint in outer | beyond
    ]
    count = len(next(iter(position.values())))
    q, v = np.repeat(pin.neutral(model)[None], count, 0), np.zeros((count, model.nv))
    for name, values in position.items():
        if not model.existJointName(name) or model.getJointId(name) in beyond:
            continue
        joint = model.joints[model.getJointId(name)]
        if joint.nq == 2:  # a continuous joint: cosine and sine
            q[:, joint.idx_q], q[:, joint.idx_q + 1] = np.cos(values), np.sin(values)
        else:
            q[:, joint.idx_q] = values
        v[:, joint.idx_v] = velocity[name]
    speeds = np.empty((count, len(frames)))
    for t in range(count):
        pin.forwardKinematics(model, data, q[t], v[t])
        for k, (frame, _) in enumerate(frames):
            speeds[t, k] = np.linalg.norm(pin.getFrameVelocity(model, data, frame).linear)
    return {name: speeds[:, k] for k, (_, name) in enumerate(frames)}
