"""CollisionModel: how near a robot is to touching itself, by capsules fitted to its URDF, and hulls inside them."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.robot.collision.capsules import Capsule, fit_capsules, segment_distances
from speech_gesture_pkg.robot.collision.convex_hulls import Hulls
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES, RobotMap
from speech_gesture_pkg.robot.model import RobotModel

_CHUNK = 8
"""Configurations per batch: larger ones fall out of the cache and are slower."""

FAR = 0.05
"""Capsules around meshes are looked into where they come nearer than this, m."""
_SAMPLES = 60
_SHOULDER = 2
"""Links with so few joints between them are never checked."""
_NEIGHBOURS = 3
"""Links with so few joints between them touch by construction: no reason to choose another rest pose."""
_REST_GAP = 0.017
"""Gap that a rest pose should keep, m: more than what the solver keeps (`RetargetSettings.collision_margin`)."""
_REST_OVERLAP = 0.02
"""Capsules that overlap more than this at rest are not checked, m."""
_SHOULDER_OVERLAP = 0.035
"""... and two joints apart, hulls: they close the hollows in which such links turn. Only what is deeper counts, m."""
_CLOSE = 0.012
"""Allowance of an upper arm beside the trunk that carries it, m: there a margin costs the most."""
_GLOBE = 100.0
"""Radius of the ball that stands for the floor, m: 1 m from the robot it ends 5 mm below the floor."""
_NEVER_APART = 0.03
"""Pairs that no sampled pose takes farther apart than this are neighbours, m."""


class CollisionModel:
    """Self-distance of arms and hands against trunk, head, legs, each other and the floor where that is known.

    Pairs that touch in the rest pose (neutral, if none is given), nearly always, or that no pose takes apart, are
    neighbours by construction and are dropped; so are pairs that can never meet. Of several rest poses the first is
    taken in which only neighbours touch. Capsules are wider than what they cover: pairs that are close at rest count
    from there (see `allowance`). Fingers of one hand are not checked against each other. Capsules around meshes hold
    the meshes' convex hulls: where such capsules are nearer than `FAR`, the hulls' gap counts.

    Attributes:
        capsules: all capsules of the robot; none for a robot without arms.
        pairs: indices of the checked pairs into `capsules`. Shape [P, 2].
        allowance: added to the gap of each pair, so that it is `_REST_GAP` at least in the rest pose, and a little more
            near the shoulder, m. Shape [P].
        warnings: shapes that could not be used, and pairs dropped for touching at rest.
        joint_names: names of the J joints of `q`: the robot's, or those given.
        chosen: which of the given rest poses is taken.
        floor: the last capsule, where the map knows the floor: a ball of `_GLOBE` that ends there; else None.
    """

    def __init__(
        self,
        robot: RobotModel,
        robot_map: RobotMap,
        rest: np.ndarray | None = None,
        joint_names: tuple[str, ...] | None = None,
    ) -> None:
        """Fit capsules and choose pairs.

        Args:
            robot: the robot.
            robot_map: says which links are arms and hands.
            rest: a pose meant to be free, over all the robot's joints, or several, the preferred first.
                Shape [robot J] or [K, robot J].
            joint_names: order of the joints in `q` of `distance`; the others stay neutral. Default: all of the robot.
        """
        self.robot = robot
        self.joint_names = robot.joint_names if joint_names is None else tuple(joint_names)
        self._index = np.array([robot.joint_index[n] for n in self.joint_names], int)
        self._neutral = robot.neutral()
        # Only arms are checked against anything.
        self.capsules, self.warnings = fit_capsules(robot) if robot_map.arms else ([], [])
        self.floor = _floor(robot_map) if self.capsules else None
        if self.floor is not None:
            self.capsules = [*self.capsules, self.floor]
        self._joint = np.array([c.joint for c in self.capsules], int)
        self._ends = np.array([[c.start, c.end] for c in self.capsules]).reshape(-1, 2, 3)
        self._half = 0.5 * np.linalg.norm(self._ends[:, 1] - self._ends[:, 0], axis=1)
        self.radius = np.array([c.radius for c in self.capsules])
        self.chosen = 0
        limb = limb_of_joints(robot, robot_map)[self._joint]
        self.hulls = Hulls(self.capsules)
        self.pairs, self.allowance = self._choose_pairs(robot_map, limb, rest)
        self._widths = self.radius[self.pairs].sum(1) - self.allowance
        self.refined = self.hulls.known[self.pairs].any(1)

    def distance(self, q: np.ndarray) -> np.ndarray:
        """Smallest gap between checked capsules, metres, negative when they overlap; inf without pairs.

        Args:
            q: joint positions, rad. Shape [N, J].
        """
        q = np.atleast_2d(np.asarray(q, float))
        if not len(self.pairs):
            return np.full(len(q), np.inf)
        full = self._whole(q)
        chunks = [self._smallest(full[k : k + _CHUNK]) for k in range(0, len(q), _CHUNK)]
        return np.concatenate(chunks) if chunks else np.zeros(0)

    def is_free(self, q: np.ndarray, margin: float = 0.0) -> np.ndarray:
        """Whether each configuration keeps a gap above `margin` metres. `[N, J]` to bool `[N]`."""
        return self.distance(q) > margin

    def distances(self, q: np.ndarray) -> np.ndarray:
        """Gap of every checked pair, metres. `[N, J]` to `[N, P]`."""
        q = np.atleast_2d(np.asarray(q, float))
        full = self._whole(q)
        gaps = np.empty((len(q), len(self.pairs)))
        for first in range(0, len(q), _CHUNK):
            part = full[first : first + _CHUNK]
            coarse = self._gaps(self.end_points(part), self.pairs, self._widths)
            gaps[first : first + _CHUNK] = self._looked_into(part, coarse, self.pairs, self.allowance)
        return gaps

    def nearest(self, q: np.ndarray) -> tuple[float, Capsule, Capsule, np.ndarray, np.ndarray]:
        """The nearest pair of one configuration: gap (m), its capsules, and its witness points in the root frame.

        Args:
            q: joint positions. Shape [J].
        """
        full = self._whole(np.atleast_2d(q))
        gaps = self.distances(q)[0]
        k = int(np.argmin(gaps))
        i, j = int(self.pairs[k, 0]), int(self.pairs[k, 1])
        ends = self.end_points(full)[:, :, 0]
        squared, s, t = segment_distances(ends[i, 0], ends[i, 1], ends[j, 0], ends[j, 1])
        if self.refined[k] and np.sqrt(squared) - self._widths[k] < FAR:
            turns, places = self.hulls.placed(self._poses(full)[:, 0])
            self.hulls.gap(i, j, turns, places)
            p, w, _ = self.hulls.witness()
        else:
            p = ends[i, 0] + s * (ends[i, 1] - ends[i, 0])
            w = ends[j, 0] + t * (ends[j, 1] - ends[j, 0])
        return float(gaps[k]), self.capsules[i], self.capsules[j], p, w

    def end_points(self, full: np.ndarray) -> np.ndarray:
        """End points of all capsules in the root frame. All the robot's joints `[N, robot J]` to `[C, 2, N, 3]`."""
        poses = self._poses(full)
        turned = poses[..., :3, :3] @ self._ends.transpose(0, 2, 1)[:, None]
        return (turned + poses[..., :3, 3:]).transpose(0, 3, 1, 2)

    def _poses(self, full: np.ndarray) -> np.ndarray:
        """Poses of the joints that carry the capsules. `[N, robot J]` to `[C, N, 4, 4]`."""
        return self.robot.joint_transforms(full)[self._joint]

    def _whole(self, q: np.ndarray) -> np.ndarray:
        """All the robot's joints, those not in `joint_names` neutral. `[N, J]` to `[N, robot J]`."""
        full = np.repeat(self._neutral[None], len(q), 0)
        full[:, self._index] = q
        return full

    def _smallest(self, full: np.ndarray) -> np.ndarray:
        """Smallest gap of each configuration. `[N, robot J]` to `[N]`.

        The distance of two capsules' middles bounds their gap from both sides; only pairs whose lower bound is below
        the smallest upper bound are measured, and those that hold hulls where they may be nearer than `FAR`.
        """
        ends = self.end_points(full)
        middle = 0.5 * (ends[:, 0] + ends[:, 1]).transpose(1, 0, 2)
        square = np.einsum("nci,nci->nc", middle, middle)
        a, b = self.pairs[:, 0], self.pairs[:, 1]
        apart = (square[:, :, None] + square[:, None] - 2.0 * (middle @ middle.transpose(0, 2, 1)))[:, a, b]
        upper = np.sqrt(np.maximum(apart, 0.0)) - self._widths
        lower = upper - (self._half[a] + self._half[b])
        bound = upper.min(1, keepdims=True)
        if self.refined.any():
            bound = np.maximum(bound, FAR)
        near = (lower <= bound + 1e-6).any(0)
        gaps = self._gaps(ends, self.pairs[near], self._widths[near])
        if not self.refined.any():
            return gaps.min(1)
        return self._smallest_looked_into(full, gaps, near)

    def _smallest_looked_into(self, full: np.ndarray, gaps: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Smallest gap where the gaps of capsules `[N, near pairs]` are lower bounds; at most `FAR` if they are."""
        pairs, extra, refined = self.pairs[near].tolist(), self.allowance[near], self.refined[near]
        poses = self._poses(full)
        found = np.empty(len(full))
        for n, row in enumerate(gaps):
            plain = row[~refined].min(initial=np.inf)
            order = np.argsort(row, kind="stable")
            order = order[refined[order]]
            best, placed = float(plain), None
            for k in order.tolist():
                if row[k] >= min(best, FAR):
                    best = min(best, float(row[k]))
                    break
                turns, places = placed = placed or self.hulls.placed(poses[:, n])
                one, other = pairs[k]
                best = min(best, self.hulls.gap(one, other, turns, places) + float(extra[k]))
            found[n] = best
        return found

    def _looked_into(self, full: np.ndarray, gaps: np.ndarray, pairs: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """Gaps [N, P] of pairs with those of hulls in place of those of their capsules where these are near."""
        refined = self.hulls.known[pairs].any(1)
        gaps = gaps.copy()
        for n in range(len(full)):
            chosen = np.flatnonzero(refined & (gaps[n] < FAR))
            if len(chosen):
                turns, places = self.hulls.placed(self._poses(full[n : n + 1])[:, 0])
                for k in chosen.tolist():
                    gaps[n, k] = self.hulls.gap(int(pairs[k, 0]), int(pairs[k, 1]), turns, places) + extra[k]
        return gaps

    @staticmethod
    def _gaps(ends: np.ndarray, pairs: np.ndarray, widths: np.ndarray) -> np.ndarray:
        """Gaps of pairs whose radii add up to `widths` [P]. `[C, 2, N, 3]` to `[N, P]`."""
        a, b = pairs[:, 0], pairs[:, 1]
        squared, _, _ = segment_distances(ends[a, 0], ends[a, 1], ends[b, 0], ends[b, 1])
        return (np.sqrt(squared) - widths[:, None]).T

    def _choose_pairs(
        self, robot_map: RobotMap, limb: np.ndarray, rest: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Arm against everything else, less neighbours and pairs out of reach. Pairs [P, 2] and allowances [P]."""
        count = len(self.capsules)
        i, j = np.triu_indices(count, 1)
        different = (limb[i] != limb[j]) & ((limb[i] > 0) | (limb[j] > 0))
        pairs = np.stack([i, j], 1)[different]
        if not len(pairs):
            return pairs, np.zeros(0)
        random = np.random.default_rng(0)
        lower = np.where(np.isfinite(self.robot.lower), self.robot.lower, -np.pi)
        upper = np.where(np.isfinite(self.robot.upper), self.robot.upper, np.pi)
        samples = random.uniform(lower, upper, (_SAMPLES, len(lower)))
        known = np.atleast_2d(self._neutral if rest is None else rest)
        poses = np.concatenate([known, samples])
        gaps = self._gaps(self.end_points(poses), pairs, self.radius[pairs].sum(1))
        gaps = self._looked_into(poses, gaps, pairs, np.zeros(len(pairs)))
        moved = gaps[len(known) :]
        # An upper arm is near the chest at the shoulder whatever it does: such a pair says nothing.
        always = ((moved <= 0).mean(0) > 0.9) | (moved.max(0) < _NEVER_APART)
        steps = self._steps_apart()[self._joint[pairs[:, 0]], self._joint[pairs[:, 1]]]
        # The links of the shoulder move beside the trunk as its makers meant them to.
        exact = self.hulls.known[pairs].all(1)
        joined = exact & (steps == _SHOULDER)
        always = np.where(joined, False, always | (steps <= np.where(exact, 1, _SHOULDER)))
        foreign = ~always & (steps > _NEIGHBOURS)
        # Capsules are wider than what they cover, hulls are not.
        least = np.where(exact, _REST_GAP, -_REST_OVERLAP / 2)
        trouble = (gaps[: len(known)] <= least)[:, foreign].sum(1)
        self.chosen = int(np.argmin(trouble))
        # Near the shoulder the calmest pose is the measure: makers let arms hang, capsules are wider than arms.
        reference = np.where(steps <= _NEIGHBOURS, gaps[: len(known)].min(0), gaps[self.chosen])
        touching = reference <= np.where(joined, -_SHOULDER_OVERLAP, -_REST_OVERLAP)
        met = {tuple(sorted((self.capsules[a].link, self.capsules[b].link))) for a, b in pairs[touching & foreign]}
        if met:
            names = "; ".join(f"{a} and {b}" for a, b in sorted(met)[:4])
            more = f"; and {len(met) - 4} more pairs" if len(met) > 4 else ""
            self.warnings.append(f"links touch at rest and are not checked against each other: {names}{more}")
        kept = ~touching & ~always & self._reachable(robot_map, limb, pairs)
        least = np.where((steps <= _NEIGHBOURS) & ~exact, _CLOSE, 0.0)[kept]
        return pairs[kept], np.maximum(_REST_GAP - reference[kept], least)

    def _steps_apart(self) -> np.ndarray:
        """Number of moving joints between any two joints' links. Shape [M + 1, M + 1]."""
        parents = self.robot.parents
        above = np.zeros((len(parents), len(parents)), bool)
        for joint in range(1, len(parents)):  # parents come first
            above[joint] = above[parents[joint]]
            above[joint, joint] = True
        length = above.sum(1)
        return length[:, None] + length - 2 * (above.astype(int) @ above.T)

    def _reachable(self, robot_map: RobotMap, limb: np.ndarray, pairs: np.ndarray) -> np.ndarray:
        """False for pairs of a trunk or leg capsule with an arm capsule that can never get there. Shape [P].

        An arm capsule stays within (its longest distance from the shoulder) of the shoulder. The trunk may bend, so
        only capsules fixed to the same link as the shoulder, or clearly out of reach, are checked.
        """
        ends = self.end_points(self._neutral[None])[:, :, 0]
        poses = self.robot.joint_transforms(self._neutral[None])[:, 0]
        reach, carrier = np.zeros(len(limb)), np.zeros(len(limb), int)
        shoulders = np.zeros((len(limb), 3))
        for k in np.flatnonzero(limb > 0).tolist():
            arm, joint = robot_map.arms[SIDES[limb[k] - 1]], int(self._joint[k])
            shoulders[k] = arm.shoulder
            reach[k] = np.linalg.norm(ends[k] - poses[joint][:3, 3], axis=1).max()
            while joint and self.robot.full_names[joint - 1] not in arm.joints[:2]:
                parent = self.robot.parents[joint]
                reach[k] += float(np.linalg.norm(poses[joint][:3, 3] - poses[parent][:3, 3]))
                joint = parent
            carrier[k] = self.robot.parents[joint]
        mixed = (limb[pairs] > 0).sum(1) == 1
        order = np.argsort(limb[pairs] > 0, axis=1, kind="stable")
        other, arms = np.take_along_axis(pairs, order, 1).T
        squared, _, _ = segment_distances(shoulders[arms], shoulders[arms], ends[other, 0], ends[other, 1])
        gap = np.sqrt(squared) - self.radius[other] - self.radius[arms]
        same = self._joint[other] == carrier[arms]
        return ~mixed | (gap < np.where(same, reach[arms] + 0.03, 1.3 * reach[arms] + 0.1))


def _floor(robot_map: RobotMap) -> Capsule | None:
    """The floor, where the map knows it."""
    if robot_map.floor is None:
        return None
    centre = (robot_map.floor - _GLOBE) * robot_map.body[:, 2]
    return Capsule("floor", 0, centre, centre, _GLOBE)


def limb_of_joints(robot: RobotModel, robot_map: RobotMap) -> np.ndarray:
    """0 for the root and every joint outside the arms, 1 + side for joints of an arm or its hand. Shape [M + 1]."""
    limb = np.zeros(robot.model.njoints, int)
    for side, name in enumerate(SIDES):
        arm = robot_map.arms.get(name)
        if arm is None:
            continue
        first = robot.model.getJointId(arm.joints[0])
        limb[first] = 1 + side
        for joint in range(1, robot.model.njoints):
            ancestor = joint
            while ancestor and ancestor != first:
                ancestor = robot.parents[ancestor]
            if ancestor == first:
                limb[joint] = 1 + side
    return limb
