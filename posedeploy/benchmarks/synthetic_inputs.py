"""Synthetic people as inputs of networks: images of them, and their 2D joints."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_up
from typing import NamedTuple

import numpy as np

from posedeploy.benchmarks.input_shapes import NO_RANGES, clamp_shape, get_image_size
from posedeploy.benchmarks.inputs import SEED, NetworkInput, generate_people
from posedeploy.joint_sets import JointSet
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.crops import BOX_FITS
from posedeploy.poses.joint_mapping import find_unmappable, map_joints
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.synthetic import MAX_SIDE, MIN_SIDE, generate_keypoints, generate_scene
from posedeploy.types import Array, ModelSpec, PlacedJoints, Ranges

RANDOM_JOINTS = (
    "random 2D joints, because the joints of this network cannot be computed from those of synthetic people; "
    "check the poses of your own joints with `posedeploy predict`"
)
"""The end of a warning about a network whose joints are random."""


class NamedImage(NamedTuple):
    """A name, an (H, W, 3) uint8 image, and (4,) px the box of a person in it; None for the whole image."""

    name: str
    image: Array
    box: Array | None = None


def takes_one_person(spec: ModelSpec) -> bool:
    """Return whether a network takes the image of one person, cut out by a box."""
    return spec.contract is not None and spec.contract.fit in BOX_FITS


def generate_images(
    spec: ModelSpec, count: int, seed: int, size: tuple[int, int] | None = None
) -> Iterator[NamedImage]:
    """Yield images of synthetic people; for a single-person network, with the box of one who is recognizable.

    Args:
        size: (width, height) in px of all images; None for various sizes.
    """
    yielded, is_single = 0, takes_one_person(spec)
    for index in count_up():
        if yielded == count:
            return
        scene = generate_scene(seed, index, size)
        boxes = [person.box for person in scene.people if person.is_recognizable]
        if is_single and not boxes:
            continue
        yielded += 1
        yield NamedImage(f"synthetic {index}", scene.image, np.array(boxes[-1]) if is_single else None)


def generate_images_of_input_size(spec: ModelSpec, count: int) -> list[NamedImage]:
    """Return images of synthetic people: for a network on whole images, of the input size within the limits
    of the generator; for a network on one person, of various sizes, with a box."""
    width, height = (min(max(MIN_SIDE, length), MAX_SIDE) for length in get_image_size(spec)[::-1])
    return list(generate_images(spec, count, SEED, None if takes_one_person(spec) else (width, height)))


def has_synthetic_joints(joint_set: JointSet) -> bool:
    """Return whether a joint set can be computed from the keypoints of synthetic people."""
    return not find_unmappable(KEYPOINT_NAMES, joint_set)


def generate_joints(joint_set: JointSet, count: int, seed: int) -> Array:
    """Return (count, joints, 3) x px, y px and score of synthetic people, or of random ones for a joint set
    that those do not have.

    Args:
        seed: inputs that judge a network need another one than those that calibrate it.
    """
    is_synthetic = has_synthetic_joints(joint_set)
    if is_synthetic:
        people = np.stack([generate_keypoints(seed, index) for index in range(count)])
    else:
        people = generate_people(joint_set, count, np.random.RandomState(seed))
    people = np.pad(people, ((0, 0), (0, 0), (0, 1)), constant_values=1.0)
    return map_joints(people, KEYPOINT_NAMES, joint_set).joints if is_synthetic else people


def build_people_inputs(
    spec: ModelSpec, count: int, ranges: Ranges = NO_RANGES, *, seed: int
) -> list[NetworkInput]:
    """Return inputs of the people of ``generate_joints`` for a network on 2D joints.

    A dynamic batch is 1, 3, 5, ... people, within ``ranges``.
    """
    tensor = spec.inputs[0]
    if isinstance(tensor.shape[0], int):
        batches = [tensor.shape[0]] * count
    else:
        joints = tuple(map(int, tensor.shape[1:]))
        batches = [clamp_shape((1 + 2 * number, *joints), tensor, ranges)[0] for number in range(count)]
    joint_set = joint_set_of(spec)
    kind = "synthetic" if has_synthetic_joints(joint_set) else "random"
    people = generate_joints(joint_set, sum(batches), seed)
    inputs = []
    for number, batch in enumerate(batches):
        start = sum(batches[:number])
        tensors, placed = prepare_joints(people[start : start + batch], spec)
        placements = tuple(PlacedJoints(each[None]) for each in placed.joints)
        inputs.append(NetworkInput(f"{batch} {kind} people {number}", tensors, placements))
    return inputs
