"""simcc: one person in a box, from a vector for x and one for y of each keypoint.

Sources: Li et al., "SimCC: a Simple Coordinate Classification Perspective for Human Pose Estimation"
(arXiv:2107.03332); Jiang et al., "RTMPose" (arXiv:2303.07399). The score is that of rtmlib.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
import numpy as np

from posedeploy.decoding_options import options_of
from posedeploy.errors import InputError
from posedeploy.poses import top_down
from posedeploy.poses.refinement import refine_cells
from posedeploy.types import Array, Camera, InputContract, ModelSpec, Placement, Poses, Tensors

JOINT_SETS = top_down.JOINT_SETS
CONTRACT = top_down.CONTRACT
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "px"
ROLES = ("simcc_x", "simcc_y")
NEEDED_ROLES = ROLES
PEAK_ROLES = ROLES
DECISION_ROLES = ()
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("simcc_x", 0, 1)
AXES = ("width", "height")

_Ratio: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=64)]


@dataclass(frozen=True)
class SimccOptions:
    """split_ratio: the elements of a vector for each px of the input."""

    split_ratio: _Ratio = 2.0


OPTIONS = SimccOptions


def count_keypoints(spec: ModelSpec) -> int | None:
    """Return the number of vectors for x."""
    return spec.channels_of("simcc_x")


def unit_of(spec: ModelSpec) -> Literal["px"]:
    """Return the unit of the poses."""
    return "px"


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return the message about a network whose number of keypoints is unknown."""
    return top_down.describe_unknown_keypoints(spec)


def check(spec: ModelSpec, where: str) -> None:
    """Check that each vector has ``split_ratio`` elements for each px of the input.

    Raises:
        InputError: an output is missing, has other axes or another length.
    """
    if not spec.inputs or not spec.outputs:
        return
    ratio = options_of(SimccOptions, spec).split_ratio
    for role, axis, pixels in zip(ROLES, AXES, reversed(spec.inputs[0].image_size), strict=True):
        tensor = spec.output_of(role)
        if tensor is None or len(tensor.shape) != 3:
            raise InputError(
                f"{where}: {role} is {tensor or 'missing'}; simcc expects two outputs, (1, keypoints, "
                f"{ratio:g} x width) and (1, keypoints, {ratio:g} x height); name them under [outputs] as "
                "simcc_x and simcc_y"
            )
        _check_length(tensor.shape[2], pixels, ratio, f"{where}: {role}", axis)
    count, other = (spec.channels_of(role) for role in ROLES)
    if None not in (count, other) and count != other:
        raise InputError(
            f"{where}: simcc_x has {count} keypoints, but simcc_y has {other}; expected the same number; "
            "correct [outputs]"
        )


def _check_length(length: int | str, pixels: int | str, ratio: float, where: str, axis: str) -> None:
    if isinstance(length, int) and isinstance(pixels, int) and length != pixels * ratio:
        raise InputError(
            f"{where} has {length} elements for an input {axis} of {pixels} px, a split ratio of "
            f"{length / pixels:.6g}, but split_ratio is {ratio:g}, which requires {pixels * ratio:g}; "
            "correct split_ratio under [decoding], or exchange simcc_x and simcc_y under [outputs]"
        )


def decode(
    outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera, *, refine: bool = False
) -> Poses:
    """Return the person of a box, from (1, keypoints, split_ratio x width) and the same for height.

    A position is the index of the highest element of each vector. A score is the mean of both elements. A
    keypoint whose score is not above 0 is missing.

    Args:
        refine: move positions by up to half an element (``refinement.py``).

    Raises:
        InputError: an output is missing or has another shape, or the keypoints are unknown.
    """
    ratio = options_of(SimccOptions, spec).split_ratio
    axes = []
    for role, axis, pixels in zip(ROLES, AXES, placement.input_size, strict=True):
        vectors = _select(outputs, spec, role)
        _check_length(vectors.shape[1], pixels, ratio, role, axis)
        axes.append(_locate(vectors, refine=refine))
    (x, scores_x), (y, scores_y) = axes
    fractions = np.stack([x, y], axis=1) / (np.array(placement.input_size) * ratio)
    scores = (scores_x + scores_y) / 2
    return top_down.to_poses(top_down.in_image(fractions, spec, placement), scores, scores > 0)


def _select(outputs: Tensors, spec: ModelSpec, role: str) -> Array:
    """Return (keypoints, elements) float32."""
    array = top_down.select_output(outputs, spec, role)
    expected = (1, len(spec.keypoint_names))
    if array.ndim != 3 or array.shape[:2] != expected:
        raise InputError(
            f"{role} ({spec.roles[role]!r}) has shape {array.shape}; expected {expected} and a length: one "
            "box, and the keypoints of the spec"
        )
    vectors: Array = array[0].astype(np.float32, copy=False)
    return vectors


def _locate(vectors: Array, *, refine: bool) -> tuple[Array, Array]:
    """Return the positions in elements, (keypoints,) float64, and the values there."""
    indices = vectors.argmax(axis=1)
    rows = np.arange(len(vectors))
    positions = indices.astype(np.float64)
    if refine:
        cells = np.stack([indices, np.zeros_like(indices)], axis=1)
        positions = refine_cells(vectors[:, None], rows, cells)[:, 0]
    return positions, vectors[rows, indices]
