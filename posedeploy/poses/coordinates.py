"""coordinates: one person in a box or an image, from the coordinates of each keypoint.

Sources: Toshev and Szegedy, "DeepPose" (arXiv:1312.4659); Bazarevsky et al., "BlazePose"
(arXiv:2006.10204); for MoveNet, its model card.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import numpy as np

from posedeploy.decoding_options import options_of
from posedeploy.errors import InputError
from posedeploy.poses import body_scale, top_down
from posedeploy.poses.cameras import check_no_camera
from posedeploy.poses.scores import Activation, activate
from posedeploy.printable import counted
from posedeploy.types import Array, Camera, InputContract, ModelSpec, Placement, Poses, Tensors, TensorSpec

JOINT_SETS = top_down.JOINT_SETS
CONTRACT = top_down.CONTRACT
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "px"
ROLES = ("keypoints", "world", "presence")
NEEDED_ROLES = ("keypoints",)
PEAK_ROLES = ()
DECISION_ROLES = ()
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("keypoints", 0, 1)
MM_PER_UNIT = {"m": 1000.0, "mm": 1.0}

Column: TypeAlias = Literal["x", "y", "z", "score", "unused"]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1024)]


@dataclass(frozen=True)
class CoordinatesOptions:
    """The meaning of the numbers.

    columns: the values of a keypoint, in their order. A visibility or confidence is a ``score``.
    normalized: x and y are fractions of the width and height of the input (and z of its width), not px.
    activation: applied to the scores.
    auxiliary: the number of keypoints at the end that are no part of the pose.
    world_unit: the unit of the output ``world``.
    """

    columns: tuple[Column, ...] = ("x", "y")
    normalized: bool = True
    activation: Activation = "none"
    auxiliary: _Count = 0
    world_unit: Literal["m", "mm"] = "m"

    def __post_init__(self) -> None:
        used = [column for column in self.columns if column != "unused"]
        if not {"x", "y"} <= set(used) or len(set(used)) < len(used):
            raise ValueError(
                f"columns is {', '.join(self.columns) or 'empty'}; expected x and y once, "
                "and z and score at most once"
            )


OPTIONS = CoordinatesOptions


def count_keypoints(spec: ModelSpec) -> int | None:
    """Return the number of keypoints without the auxiliary ones."""
    options = options_of(CoordinatesOptions, spec)
    values = _count_values(spec.output_of("keypoints"))
    if values is None or values % len(options.columns):
        return None
    return max(values // len(options.columns) - options.auxiliary, 0)


def _count_values(tensor: TensorSpec | None) -> int | None:
    """Return the number of values for one person; None if it is dynamic."""
    lengths = [] if tensor is None else [length for length in tensor.shape[1:] if isinstance(length, int)]
    return math.prod(lengths) if tensor is not None and len(lengths) == len(tensor.shape) - 1 else None


def unit_of(spec: ModelSpec) -> Literal["px", "mm"]:
    """Return mm for a network with 3D positions."""
    has_depth = "world" in spec.roles or "z" in options_of(CoordinatesOptions, spec).columns
    return "mm" if has_depth else "px"


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return the message on keypoints that decoding needs, also for the scale of z; None if none is
    missing."""
    if missing := top_down.describe_unknown_keypoints(spec):
        return missing
    if "z" not in options_of(CoordinatesOptions, spec).columns or "world" in spec.roles:
        return None
    if body_scale.find_roots(spec.keypoint_names) and body_scale.find_bones(spec.keypoint_names):
        return None
    return (
        f"the scale of z is unknown: the keypoints of this {spec.family} network have no pelvis or hips, or "
        "no limb between two keypoints such as l_hip and l_knee; name them with keypoint_set or "
        'keypoint_names, or write "unused" instead of "z" in columns under [decoding]'
    )


def check(spec: ModelSpec, where: str) -> None:
    """Check that the outputs have the values of the columns for each keypoint.

    Raises:
        InputError: they have other shapes.
    """
    options, keypoints = options_of(CoordinatesOptions, spec), spec.output_of("keypoints")
    if keypoints is None:
        return
    each, values = len(options.columns), _count_values(keypoints)
    is_flat = len(keypoints.shape) <= 2
    if (not is_flat and keypoints.shape[-1] != each and isinstance(keypoints.shape[-1], int)) or (
        values is not None and values % each
    ):  # fmt: skip
        raise InputError(
            f"{where}: keypoints is {keypoints}, but columns has {each} values for each keypoint "
            f"({', '.join(options.columns)}); correct columns under [decoding]"
        )
    total = len(spec.keypoint_names) + options.auxiliary
    for role, expected in (("world", 3 * total), ("presence", 1)):
        actual = _count_values(spec.output_of(role))
        if actual not in (None, expected):
            raise InputError(
                f"{where}: {role} is {spec.output_of(role)}; expected {counted(expected, 'value')}; "
                "correct the name under [outputs], or remove it"
            )


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """Return the person of an input, from (1, keypoints, columns) or the same values with other axes.

    The score of a keypoint is 1 without a column for it. A keypoint with a negative score is missing: 0 is
    the rounded result of a sigmoid, and the position is still an estimate.
    The person's score is the output ``presence``, from 0 to 1, or the mean of the scores. The 3D
    positions are those of the output ``world``, relative to the network's origin (BlazePose: the midpoint of
    the hips). Without that output, they are x, y and z relative to the pelvis or the midpoint of the hips,
    scaled to a person of 1.8 m (``body_scale.py``).

    Raises:
        InputError: an output is missing or has another shape, the keypoints are unknown, or the camera of a
            network with 3D positions has parameters, which are not used.
    """
    if unit_of(spec) == "mm":
        check_no_camera(camera, spec.family)
    if missing := find_missing_description(spec):
        raise InputError(missing)
    options = options_of(CoordinatesOptions, spec)
    values = _select(outputs, spec, "keypoints", options, len(options.columns))
    columns = {name: values[:, place] for place, name in enumerate(options.columns)}
    xy = np.stack([columns["x"], columns["y"]], axis=1)
    pixels = top_down.in_image(xy, spec, placement) if options.normalized else placement.to_image(xy)
    scores = activate(columns["score"], options.activation) if "score" in columns else np.ones(len(xy))
    poses = top_down.to_poses(pixels, scores, scores >= 0)
    if "presence" in spec.roles and len(poses):
        presence = top_down.select_output(outputs, spec, "presence")
        poses = replace(poses, scores=presence.astype(np.float64).reshape(-1)[:1])
    if "world" in spec.roles:
        points = _select(outputs, spec, "world", options, 3) * MM_PER_UNIT[options.world_unit]
        return _with_depth(poses, points)
    if "z" in columns:
        return _with_depth(poses, _scale_to_mm(xy, columns["z"], spec, placement, options))
    return poses


def _scale_to_mm(
    xy: Array, z: Array, spec: ModelSpec, placement: Placement, options: CoordinatesOptions
) -> Array:
    width, height = placement.input_size
    scale = (width, height, width) if options.normalized else (1, 1, 1)
    points = np.concatenate([xy, z[:, None]], axis=1) * scale
    names = spec.keypoint_names
    return body_scale.scale_to_mm(body_scale.relative_to_root(points, names), names)


def _with_depth(poses: Poses, points_mm: Array) -> Poses:
    """Return the poses with the (keypoints, 3) positions of the only person; unchanged without one."""
    joints = np.concatenate(
        [np.repeat(points_mm[None], len(poses), axis=0), poses.keypoints[..., 2:]], axis=2
    )
    return replace(poses, keypoints_3d=joints, root_relative=True)


def _select(outputs: Tensors, spec: ModelSpec, role: str, options: CoordinatesOptions, each: int) -> Array:
    """Return (keypoints, each) float64."""
    array, count = top_down.select_output(outputs, spec, role), len(spec.keypoint_names)
    total = (count + options.auxiliary) * each
    if array.size != total or array.shape[0] != 1:
        raise InputError(
            f"{role} ({spec.roles[role]!r}) has shape {array.shape}; expected one person of {total} values: "
            f"{count + options.auxiliary} keypoints of {each}"
        )
    values: Array = array.astype(np.float64).reshape(-1, each)[:count]
    return values
