"""Checks and conversions of the arguments of a ``PoseEstimator``."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np

from posedeploy.errors import InputError
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.file_joint_sets import find_set
from posedeploy.poses.preprocess import to_bgr
from posedeploy.predict.frames import Frame
from posedeploy.predict.images import read_picture
from posedeploy.predict.joint_files.map_joints import find_lacking_joints, to_set
from posedeploy.types import Array, ModelSpec, StrPath

Numbers: TypeAlias = "Array | Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]"
"""An array, or nested lists of numbers."""


def to_frame(image: StrPath | Array) -> Frame:
    """Return the image of a path or array.

    Raises:
        InputError: the image cannot be read, or has another type.
    """
    if isinstance(image, (str, PathLike)):
        path = Path(image)
        return Frame(path.name, read_picture(path).pixels, 0)
    if not isinstance(image, np.ndarray):
        raise InputError(f"an image of type {type(image).__name__}; expected a path or a NumPy array")
    return Frame("image", to_bgr(image), 0)


def to_people(numbers: Numbers, what: str, shape: tuple[int, ...] | None) -> Array:
    """Return the numbers of one or several people as a (people, ...) float64 array.

    Args:
        shape: that of one person; None for joints.

    Raises:
        InputError: the values are not numbers, or have another shape.
    """
    try:
        array = np.asarray(numbers, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not an array of numbers ({error})") from error
    if shape is not None and array.shape == (0,):
        return array.reshape(0, *shape)  # an empty list of people
    axes = 1 if shape is not None else 2
    array = array[None] if array.ndim == axes else array
    is_right = array.ndim == axes + 1 and (array.shape[1:] == shape if shape else array.shape[2] in (2, 3))
    if not is_right:
        wanted = "(people, 4)" if shape is not None else "(people, joints, 2 or 3)"
        raise InputError(f"{what} of shape {array.shape}; expected {wanted}")
    return array


def to_joint_set(people: Array, name: str | None, spec: ModelSpec) -> Array:
    """Return (people, joints, 3) in the joint set of the network.

    Raises:
        InputError: a joint of that set cannot be computed from these.
    """
    if people.shape[2] == 2:
        people = np.concatenate([people, np.ones((*people.shape[:2], 1))], axis=2)
    if name is None:
        return people
    own, wanted = find_set(name, people.shape[1]), joint_set_of(spec)
    if lacking := find_lacking_joints(own, wanted):
        raise InputError(
            f"joint_set {name}: this network takes {wanted.name}, which cannot be computed from it: "
            f"{', '.join(lacking)} missing"
        )
    mapped = [to_set(person, own, wanted) for person in people]
    for number, person in enumerate(mapped):
        if isinstance(person, tuple):
            raise InputError(f"joints of person {number}: {', '.join(person)} missing; leave the person out")
    return np.array(mapped).reshape(-1, len(wanted), 3)


def explain_missing_joints(spec: ModelSpec) -> str:
    """Return the message for a network on joints that is called without joints."""
    return (
        f"{spec.family} takes the 2D joints of people, not images; pass joints, or load it with a detector "
        "for images"
    )
