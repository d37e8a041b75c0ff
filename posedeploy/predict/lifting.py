"""Lift 2D joints, from a detector or a file, to 3D poses."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from posedeploy.errors import InputError
from posedeploy.families import poses_of
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.joint_mapping import MappedPeople, describe_position, map_joints
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.predict.chain import Predictor, check_finite, concatenate_poses
from posedeploy.predict.frames import Frame
from posedeploy.predict.poses_json import Producer
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Camera, ModelSpec, PlacedJoints, Poses

Find: TypeAlias = Callable[[Iterable[Frame], list[str] | None], Iterator[tuple[Frame, MappedPeople]]]
"""Yields each frame with the joints of its people. The reason why a frame cannot be used is appended to the
list, or raised if there is none."""


@dataclass(frozen=True)
class JointSource:
    """A source of people's 2D joints.

    name: the name of the file or artifact of the joints. producer: the detector; None for a file. remarks:
    messages on the joints; complete before the first frame.
    """

    name: str
    find: Find
    producer: Producer | None = None
    remarks: tuple[str, ...] = ()


def joints_from_detector(
    detector: Predictor, name: str, spec: ModelSpec, producer: Producer | None = None
) -> JointSource:
    """Return the people that another network detects, with keypoints mapped to the joint set of ``spec``.

    Raises:
        InputError: that network's keypoints cannot be mapped to the joint set.
    """
    joint_set, names = joint_set_of(spec), detector.spec.keypoint_names
    try:
        map_joints(np.zeros((0, len(names), 3)), names, joint_set)
    except InputError as error:
        raise InputError(f"`detector={name}`: {error}") from error

    def find(frames: Iterable[Frame], rejected: list[str] | None) -> Iterator[tuple[Frame, MappedPeople]]:
        for frame, poses in detector.stream(frames, rejected):
            yield frame, _usable(map_joints(poses.keypoints, names, joint_set), spec)

    return JointSource(name, find, producer)


def _usable(mapped: MappedPeople, spec: ModelSpec) -> MappedPeople:
    """Leave out people whose joints the network cannot take, such as joints that all lie on one line."""
    kept, left_out = [], list(mapped.warnings)
    for row, person in enumerate(mapped.joints):
        try:
            prepare_joints(person, with_any_batch(spec))
            kept.append(row)
        except InputError as error:
            reason = str(error).removeprefix("person 0: ")
            left_out.append(f"the person {describe_position(person)} is left out: {reason}")
    return MappedPeople(mapped.joints[kept], tuple(left_out))


class Lifter:
    """A loaded network that lifts the 2D joints of people to 3D. The caller closes the runner.

    remarks: messages on people that are left out; complete after the last frame.
    """

    def __init__(self, runner: Runner, spec: ModelSpec, find: Find | None = None) -> None:
        tensor = spec.inputs[0]
        batch = tensor.shape[0]
        limits = runner.ranges.get(tensor.name)
        minimum, maximum = (limits[0][0], limits[1][0]) if limits else (1, None)
        if isinstance(batch, int):
            minimum = maximum = batch
        self._min_batch, self._max_batch = minimum, maximum
        self.spec = spec
        self.remarks: list[str] = []
        self.sigmas: tuple[float, ...] = joint_set_of(spec).sigmas
        self._runner = adapt_runner(runner, spec)
        self._find = find
        self._decode = poses_of(spec.family).decode

    def stream(
        self, frames: Iterable[Frame], rejected: list[str] | None = None
    ) -> Generator[tuple[Frame, Poses], None, None]:
        """Yield each frame with its people, in order. A detector runs ahead of the caller.

        Args:
            rejected: if given, a frame that cannot be used is left out, and the reason is appended to this
                list.

        Raises:
            InputError: a frame cannot be used, and ``rejected`` is None.
        """
        assert self._find is not None, "the caller has a source of joints"
        for frame, mapped in self._find(frames, rejected):
            self.remarks += [f"{frame.label}: {reason}" for reason in mapped.warnings]
            yield frame, self.lift(mapped.joints)

    def lift(self, joints: Array) -> Poses:
        """Return the 3D people of (people, joints, 3) x px, y px and score.

        The network takes as many people at once as its batch allows. A last batch that is too small is padded
        with copies of its last person.

        Raises:
            InputError: the joints belong to another set, or cannot be lifted.
            ArtifactError: an output of the network is not finite.
        """
        if not len(joints):
            count = len(self.sigmas)
            return Poses(np.zeros((0, count, 3)), np.zeros(0), np.zeros((0, count, 4)))
        tensors, placed = prepare_joints(joints, with_any_batch(self.spec))
        name = self.spec.inputs[0].name
        size = self._max_batch or len(joints)
        parts = []
        for start in range(0, len(joints), size):
            batch, people = tensors[name][start : start + size], placed.joints[start : start + size]
            batch = np.pad(batch, ((0, max(0, self._min_batch - len(batch))), (0, 0), (0, 0)), mode="edge")
            outputs = {each: array[: len(people)] for each, array in self._runner.run({name: batch}).items()}
            poses = self._decode(check_finite(outputs, self.spec), self.spec, PlacedJoints(people), Camera())
            parts.append(poses)
        return concatenate_poses(parts)


def with_any_batch(spec: ModelSpec) -> ModelSpec:
    """Return the spec with a dynamic number of people."""
    tensor = spec.inputs[0]
    return replace(spec, inputs=(replace(tensor, shape=("people", *tensor.shape[1:])), *spec.inputs[1:]))
