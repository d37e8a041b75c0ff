"""2D joints of people, from a detector or a file, go through a network that lifts them to 3D."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from posedeploy.errors import InputError
from posedeploy.families import poses_of
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.joint_mapping import Mapped, map_joints, whereabouts
from posedeploy.poses.preprocess_joints import prepare_joints
from posedeploy.predict.chain import Predictor, finite, joined
from posedeploy.predict.frames import Frame
from posedeploy.predict.poses_json import MadeBy
from posedeploy.runtimes.adapted import adapt_runner
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Camera, ModelSpec, PlacedJoints, Poses

Find: TypeAlias = Callable[[Iterable[Frame], list[str] | None], Iterator[tuple[Frame, Mapped]]]
"""Gives each frame with its people's joints; a frame that cannot be used goes into the list, where there is
one."""


@dataclass(frozen=True)
class People:
    """Gives the people of frames. name: the file or artifact that they come from. made_by: the detector.

    remarks: what the user must know of them, before any frame.
    """

    name: str
    find: Find
    made_by: MadeBy | None = None
    remarks: tuple[str, ...] = ()


def detected_people(detector: Predictor, name: str, spec: ModelSpec, made_by: MadeBy | None = None) -> People:
    """The people that another network finds, their keypoints mapped to the joint set of ``spec``.

    Raises:
        InputError: the set cannot be made of that network's keypoints.
    """
    joint_set, names = joint_set_of(spec), detector.spec.keypoint_names
    try:
        map_joints(np.zeros((0, len(names), 3)), names, joint_set)
    except InputError as error:
        raise InputError(f"`detector={name}`: {error}") from error

    def find(frames: Iterable[Frame], refused: list[str] | None) -> Iterator[tuple[Frame, Mapped]]:
        for frame, poses in detector.stream(frames, refused):
            yield frame, _usable(map_joints(poses.keypoints, names, joint_set), spec)

    return People(name, find, made_by)


def _usable(mapped: Mapped, spec: ModelSpec) -> Mapped:
    """The same without people whose joints a network cannot take, such as all of them in one line."""
    kept, left_out = [], list(mapped.left_out)
    for row, person in enumerate(mapped.joints):
        try:
            prepare_joints(person, of_any_number(spec))
            kept.append(row)
        except InputError as error:
            why = str(error).removeprefix("person 0: ")
            left_out.append(f"the person {whereabouts(person)} is left out: {why}")
    return Mapped(mapped.joints[kept], tuple(left_out))


class Lifter:
    """Lifts the people of frames with a network that is loaded. The runner stays its owner's to close.

    remarks: who was left out and why, a sentence each; complete when the frames are through.
    """

    def __init__(self, runner: Runner, spec: ModelSpec, people: Find) -> None:
        tensor = spec.inputs[0]
        batch = tensor.shape[0]
        limits = runner.ranges.get(tensor.name)
        least, most = (limits[0][0], limits[1][0]) if limits else (1, None)
        if isinstance(batch, int):
            least = most = batch
        self._least, self._most = least, most
        self.spec = spec
        self.remarks: list[str] = []
        self.sigmas: tuple[float, ...] = joint_set_of(spec).sigmas
        self._runner = adapt_runner(runner, spec)
        self._people = people
        self._decode = poses_of(spec.family).decode

    def stream(
        self, frames: Iterable[Frame], refused: list[str] | None = None
    ) -> Generator[tuple[Frame, Poses], None, None]:
        """The people of each frame, in order; what finds them runs ahead, where it can.

        Args:
            refused: where it is given, a frame that cannot be used is left out and the reason put here.

        Raises:
            InputError: a frame cannot be used, and ``refused`` is not given.
        """
        for frame, mapped in self._people(frames, refused):
            at = frame.name if frame.time_s is None else f"{frame.name}, frame {frame.index}"
            self.remarks += [f"{at}: {reason}" for reason in mapped.left_out]
            yield frame, self.lift(mapped.joints)

    def lift(self, joints: Array) -> Poses:
        """People of (people, joints, 3) x px, y px and score: as many at once as the network takes. Where it
        takes no fewer than are left, the last of them fills the other places.

        Raises:
            InputError: the joints are of another set, or cannot be lifted.
            ArtifactError: what the network gives is not finite.
        """
        if not len(joints):
            count = len(self.sigmas)
            return Poses(np.zeros((0, count, 3)), np.zeros(0), np.zeros((0, count, 4)))
        tensors, placed = prepare_joints(joints, of_any_number(self.spec))
        name = self.spec.inputs[0].name
        size = self._most or len(joints)
        found = []
        for at in range(0, len(joints), size):
            given, people = tensors[name][at : at + size], placed.joints[at : at + size]
            given = np.pad(given, ((0, max(0, self._least - len(given))), (0, 0), (0, 0)), mode="edge")
            outputs = {each: array[: len(people)] for each, array in self._runner.run({name: given}).items()}
            poses = self._decode(finite(outputs, self.spec), self.spec, PlacedJoints(people), Camera())
            found.append(poses)
        return joined(found)


def of_any_number(spec: ModelSpec) -> ModelSpec:
    """Return the spec for any number of people."""
    tensor = spec.inputs[0]
    return replace(spec, inputs=(replace(tensor, shape=("people", *tensor.shape[1:])), *spec.inputs[1:]))
