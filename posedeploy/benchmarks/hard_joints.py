"""People that reveal wrong exports of networks on 2D joints: joints missing, far away or on a line."""

from __future__ import annotations

import numpy as np

from posedeploy.benchmarks.inputs import SEED, NetworkInput, generate_people
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.types import Array, ModelSpec, PlacedJoints

TINY_PX, HUGE_PX = 3.0, 1e5
"""The shorter side of the box of a tiny person, and of a huge one."""


def generate_hard_people(spec: ModelSpec) -> dict[str, Array]:
    """Return (joints, 3) x px, y px and score for each kind of person, the same in every run.

    Joints that lie at one point or on a line along an axis are not included, because ``prepare_joints``
    refuses them.
    """
    random = np.random.RandomState(SEED)
    points = generate_people(joint_set_of(spec), 5, random)
    points = np.concatenate([points, np.ones((*points.shape[:2], 1))], axis=2)
    one, missing, apart, tiny, huge = points
    missing[::2] = 0
    apart[1:, :2] = apart[0, :2]
    apart[-1, :2] += (120, -90)
    line = one.copy()
    line[:, :2] = np.linspace(0, 1, len(line))[:, None] * (100, 300)
    size = np.ptp(points[..., :2], axis=1).min(axis=1)
    tiny[:, :2] *= TINY_PX / size[3]
    huge[:, :2] *= HUGE_PX / size[4]
    huge[:, :2] -= HUGE_PX
    return {
        "one person": one,
        "missing joints at (0, 0) with a score of 0": missing,
        "all joints but one at one point": apart,
        "joints on a line": line,
        "a tiny person": tiny,
        "a huge person outside the image": huge,
    }


def build_hard_joint_inputs(spec: ModelSpec, batches: tuple[int, int]) -> list[NetworkInput]:
    """Return the inputs of all kinds of people for a network on 2D joints.

    Args:
        batches: the smallest and the largest batch. The largest also has the same person in each place.
    """
    people = list(generate_hard_people(spec).items())
    smallest, largest = batches
    inputs = [
        _build_input(spec, [people[(start + place) % len(people)] for place in range(smallest)])
        for start in range(0, len(people), smallest)
    ]
    if largest > smallest:
        inputs.append(_build_input(spec, [people[place % len(people)] for place in range(largest)]))
    if largest > 1:
        inputs.append(_build_input(spec, [people[0]] * largest))
    return inputs


def _build_input(spec: ModelSpec, people: list[tuple[str, Array]]) -> NetworkInput:
    names = list(dict.fromkeys(name for name, _ in people))
    name = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    if len(people) > 1:
        name = f"batch of {len(people)}: {name}{' in each place' if len(names) == 1 else ''}"
    tensors, placed = prepare_joints(np.stack([each for _, each in people]), spec)
    placements = tuple(PlacedJoints(placed.joints[index : index + 1]) for index in range(len(people)))
    return NetworkInput(name, tensors, placements)
