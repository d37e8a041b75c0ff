"""one-stage: all people in an image, from a box, a score and keypoints for each anchor.

Sources: Maji et al., "YOLO-Pose" (arXiv:2204.06806); Lu et al., "RTMO" (arXiv:2312.07526). The layouts are
the published descriptions of exported files. No upstream code was read.
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
from posedeploy.poses.anchors import WIDTHS, count_values, read_anchors
from posedeploy.poses.boxes_nms import suppress_overlaps
from posedeploy.poses.scores import Activation, activate
from posedeploy.types import Array, Camera, InputContract, ModelSpec, Placement, Poses, Tensors

JOINT_SETS = top_down.JOINT_SETS
CONTRACT = InputContract(
    height=640, width=640, mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0), color_order="RGB",
    fit="letterbox", multiple=32, padding=114,
)  # fmt: skip
CONTRACTS: Mapping[int, InputContract] = {}
UNIT: Final = "px"
ROLES = ("detections", "scores", "keypoints")
NEEDED_ROLES = ("detections",)
PEAK_ROLES = ()
DECISION_ROLES = ("detections", "scores")
"""Noise decides which of two overlapping anchors of nearly the same score is kept."""
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("detections", 0, 1)

Column: TypeAlias = Literal["box", "score", "unused", "keypoints"]
KeypointColumn: TypeAlias = Literal["x", "y", "score", "unused"]

_Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10000)]


@dataclass(frozen=True)
class OneStageOptions:
    """The layout of an anchor, and which anchors are people.

    columns: the values of an anchor, in their order: a ``box`` of 4 values, ``score`` (several are
    multiplied) and ``keypoints``. The last two are missing if they are outputs ``scores`` and ``keypoints``.
    keypoint_columns: the values of a keypoint.
    box: ``center`` is x and y of the center, width and height; ``corners`` is left, top, right and bottom.
    normalized: boxes and keypoints are fractions of the width and height of the input, not px.
    activation: applied to all scores.
    nms: keep only the best of overlapping boxes; false if the model file does that.
    iou_threshold: the intersection over union above which boxes overlap.
    min_score: the minimum score of a person.
    max_people: the maximum number of people.
    """

    columns: tuple[Column, ...] = ("box", "score", "keypoints")
    keypoint_columns: tuple[KeypointColumn, ...] = ("x", "y", "score")
    box: Literal["center", "corners"] = "center"
    normalized: bool = False
    activation: Activation = "none"
    nms: bool = True
    iou_threshold: _Share = 0.7
    min_score: _Share = 0.25
    max_people: _Count = 300

    def __post_init__(self) -> None:
        if self.columns.count("box") != 1 or self.columns.count("keypoints") > 1:
            raise ValueError(
                f"columns is {', '.join(self.columns) or 'empty'}; expected one box and at most one keypoints"
            )
        used = [column for column in self.keypoint_columns if column != "unused"]
        if not {"x", "y"} <= set(used) or len(set(used)) < len(used):
            raise ValueError(
                f"keypoint_columns is {', '.join(self.keypoint_columns) or 'empty'}; expected x and y "
                "once, and score at most once"
            )

    @property
    def other_values(self) -> int:
        """The number of values of an anchor besides its keypoints."""
        return sum(WIDTHS[column] for column in self.columns)


OPTIONS = OneStageOptions


def count_keypoints(spec: ModelSpec) -> int | None:
    """Return the number of keypoints of an anchor: that of the description if it fits an axis, or of a known
    set, or the smallest."""
    options, detections = options_of(OneStageOptions, spec), spec.output_of("detections")
    if detections is None:
        return None
    each = len(options.keypoint_columns)
    if "keypoints" not in options.columns:
        return _count_in_own_output(spec, len(detections.shape), each)
    counts = [
        (length - options.other_values) // each
        for length in detections.shape[len(detections.shape) - 2 :]
        if isinstance(length, int) and length > options.other_values
        and (length - options.other_values) % each == 0
    ]  # fmt: skip
    preferred = (len(spec.keypoint_names), *JOINT_SETS)
    return next((count for count in preferred if count in counts), min(counts, default=None))


def _count_in_own_output(spec: ModelSpec, rank: int, each: int) -> int | None:
    """Return the number of keypoints in the output ``keypoints``, whose values may be an axis of their own.

    Args:
        rank: that of the detections.
        each: the number of values of a keypoint.
    """
    tensor = spec.output_of("keypoints")
    if tensor is None or not 2 <= rank <= len(tensor.shape):
        return None
    values = tensor.shape[rank - 1]
    if not isinstance(values, int):
        return None
    return values if len(tensor.shape) > rank else values // each


def unit_of(spec: ModelSpec) -> Literal["px"]:
    """Return the unit of the poses."""
    return "px"


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return the message about a network whose number of keypoints is unknown."""
    return top_down.describe_unknown_keypoints(spec)


def check(spec: ModelSpec, where: str) -> None:
    """Check that an axis of the detections has the values of an anchor.

    Raises:
        InputError: the outputs have other shapes, or the scores or the keypoints are in none or two of them.
    """
    options, detections = options_of(OneStageOptions, spec), spec.output_of("detections")
    if detections is None:
        return
    _check_source("keypoints", "keypoints", spec, options, where)
    _check_source("scores", "score", spec, options, where)
    known = [length for length in detections.shape if isinstance(length, int)]
    has_axis = bool(spec.keypoint_names) and count_values(spec, options) in known
    if len(detections.shape) not in (2, 3) or (known and not has_axis):
        values = [f"{options.other_values} values ({', '.join(options.columns)})"]
        if "keypoints" in options.columns:
            values.append(f"{len(options.keypoint_columns)} for each keypoint")
        raise InputError(
            f"{where}: detections is {detections}; expected (1, anchors, values), (1, values, anchors) or "
            f"(anchors, values) with {' and '.join(values)}; correct [decoding]"
        )


def _check_source(role: str, column: Column, spec: ModelSpec, options: OneStageOptions, where: str) -> None:
    """Check that either an output or the detections have the scores or the keypoints."""
    if (column in options.columns) != (role in spec.roles):
        return
    if role not in spec.roles:
        remedy = f'name the output under [outputs] as {role}, or add "{column}" to columns under [decoding]'
    else:
        left = ", ".join(f'"{each}"' for each in options.columns if each != column)
        remedy = f"write columns = [{left}] under [decoding], or remove {role} under [outputs]"
    raise InputError(
        f"{where}: the {role} must be either an output of their own or a column of the detections; {remedy}"
    )


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """Return the people in an image, the best first.

    The detections are (1, anchors, values) or (1, values, anchors), an output ``scores`` is (1, anchors) or
    (1, anchors, 1), and an output ``keypoints`` is (1, anchors, keypoints, values) or the same with the last
    two axes as one. All may lack the first axis. An anchor is a person if its score is at least
    ``min_score``, its values are finite, and no better box overlaps it. The score of a keypoint is 1 without
    a column for it. A keypoint with a negative score is missing.

    Raises:
        InputError: an output is missing or has another shape, or the keypoints are unknown.
    """
    options = options_of(OneStageOptions, spec)
    anchors = read_anchors(outputs, spec, options)
    scores = np.ones(len(anchors.boxes))
    for factor in anchors.scores:
        scores *= activate(factor, options.activation)
    is_finite = np.isfinite(anchors.boxes).all(axis=1) & np.isfinite(anchors.keypoints).all(axis=(1, 2))
    rows = np.flatnonzero(is_finite & (scores >= options.min_score))
    corners = _to_corners(anchors.boxes[rows], options.box)
    threshold = options.iou_threshold if options.nms else 1.0
    rows = rows[suppress_overlaps(corners, scores[rows], threshold, options.max_people)]
    return _to_poses(anchors.keypoints[rows], scores[rows], spec, placement, options)


def _to_corners(boxes: Array, kind: Literal["center", "corners"]) -> Array:
    if kind == "corners":
        return boxes
    center, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([center - half, center + half], axis=1)


def _to_poses(
    values: Array, scores: Array, spec: ModelSpec, placement: Placement, options: OneStageOptions
) -> Poses:
    columns = {name: values[..., place] for place, name in enumerate(options.keypoint_columns)}
    xy = np.stack([columns["x"], columns["y"]], axis=2)
    pixels = placement.to_image(xy * placement.input_size if options.normalized else xy)
    own = activate(columns["score"], options.activation) if "score" in columns else np.ones(xy.shape[:2])
    keypoints = np.concatenate([pixels, own[..., None]], axis=2)
    keypoints[own < 0] = -1
    is_person = (own >= 0).any(axis=1)
    return Poses(keypoints[is_person], scores[is_person])
