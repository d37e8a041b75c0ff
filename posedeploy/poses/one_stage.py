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
ROLES = ("detections", "keypoints")
NEEDED_ROLES = ("detections",)
PEAK_ROLES = ()
DECISION_ROLES = ("detections",)
"""Noise decides which of two overlapping anchors of nearly the same score is kept."""
DEPTH_ROLE: Final = None
MESH_ROLE: Final = None
CHANNELS: Mapping[str, int] = {}
KEYPOINTS_OF = ("detections", 0, 1)

Column: TypeAlias = Literal["box", "score", "unused", "keypoints"]
KeypointColumn: TypeAlias = Literal["x", "y", "score", "unused"]
WIDTHS = {"box": 4, "score": 1, "unused": 1, "keypoints": 0}
_Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10000)]


@dataclass(frozen=True)
class OneStageOptions:
    """The layout of an anchor, and which anchors are people.

    columns: the values of an anchor, in their order: a ``box`` of 4 values, ``score`` (several are
    multiplied) and ``keypoints``, which are missing if they are the output ``keypoints``.
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
        if (
            self.columns.count("box") != 1
            or "score" not in self.columns
            or self.columns.count("keypoints") > 1
        ):
            raise ValueError(
                f"columns is {', '.join(self.columns) or 'empty'}; expected one box, a score and at most one "
                "keypoints"
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
    options = options_of(OneStageOptions, spec)
    each = len(options.keypoint_columns)
    tensor = spec.output_of("keypoints" if "keypoints" not in options.columns else "detections")
    if tensor is None:
        return None
    if "keypoints" not in options.columns:
        lengths = tensor.shape[2:3] if len(tensor.shape) == 4 else tensor.shape[-1:]
        values = lengths[0] if lengths else None
        if not isinstance(values, int):
            return None
        return values if len(tensor.shape) == 4 else values // each
    counts = [
        (length - options.other_values) // each
        for length in tensor.shape[1:]
        if isinstance(length, int) and length > options.other_values
        and (length - options.other_values) % each == 0
    ]  # fmt: skip
    preferred = (len(spec.keypoint_names), *JOINT_SETS)
    return next((count for count in preferred if count in counts), min(counts, default=None))


def unit_of(spec: ModelSpec) -> Literal["px"]:
    """Return the unit of the poses."""
    return "px"


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return the message about a network whose number of keypoints is unknown."""
    return top_down.describe_unknown_keypoints(spec)


def check(spec: ModelSpec, where: str) -> None:
    """Check that an axis of the detections has the values of an anchor.

    Raises:
        InputError: the outputs have other shapes, or none or two of them hold keypoints.
    """
    options, detections = options_of(OneStageOptions, spec), spec.output_of("detections")
    if detections is None:
        return
    if ("keypoints" in options.columns) == ("keypoints" in spec.roles):
        remedy = (
            'name the output under [outputs] as keypoints, or add "keypoints" to columns under [decoding]'
            if "keypoints" not in spec.roles
            else 'write columns = ["box", "score"] under [decoding], or remove keypoints under [outputs]'
        )
        raise InputError(
            f"{where}: the keypoints must be either an output of their own or columns of the detections; "
            f"{remedy}"
        )
    known = [length for length in detections.shape[1:] if isinstance(length, int)]
    has_axis = bool(spec.keypoint_names) and _count_values(spec, options) in known
    if len(detections.shape) != 3 or (known and not has_axis):
        raise InputError(
            f"{where}: detections is {detections}; expected (1, anchors, values) or (1, values, anchors) "
            f"with {options.other_values} values ({', '.join(options.columns)}) and "
            f"{len(options.keypoint_columns)} for each keypoint ({', '.join(options.keypoint_columns)}); "
            "correct [decoding]"
        )


def _count_values(spec: ModelSpec, options: OneStageOptions) -> int:
    keypoints = len(spec.keypoint_names) if "keypoints" in options.columns else 0
    return options.other_values + keypoints * len(options.keypoint_columns)


def decode(outputs: Tensors, spec: ModelSpec, placement: Placement, camera: Camera) -> Poses:
    """Return the people in an image, the best first.

    The detections are (1, anchors, values) or (1, values, anchors), and an output ``keypoints`` is
    (1, anchors, keypoints, values) or the same with the last two axes as one. An anchor is a person if its
    score is at least ``min_score``, its values are finite, and no better box overlaps it. The score of a
    keypoint is 1 without a column for it. A keypoint with a negative score is missing.

    Raises:
        InputError: an output is missing or has another shape, or the keypoints are unknown.
    """
    options = options_of(OneStageOptions, spec)
    anchors = _read_anchors(outputs, spec, options)
    scores = np.ones(len(anchors.boxes))
    for factor in anchors.scores:
        scores *= activate(factor, options.activation)
    is_finite = np.isfinite(anchors.boxes).all(axis=1) & np.isfinite(anchors.keypoints).all(axis=(1, 2))
    rows = np.flatnonzero(is_finite & (scores >= options.min_score))
    corners = _to_corners(anchors.boxes[rows], options.box)
    threshold = options.iou_threshold if options.nms else 1.0
    rows = rows[suppress_overlaps(corners, scores[rows], threshold, options.max_people)]
    return _to_poses(anchors.keypoints[rows], scores[rows], spec, placement, options)


@dataclass(frozen=True, eq=False)
class _Anchors:
    """boxes: (anchors, 4). scores: (anchors,) factors. keypoints: (anchors, keypoints, values). All are
    float64."""

    boxes: Array
    scores: tuple[Array, ...]
    keypoints: Array


def _read_anchors(outputs: Tensors, spec: ModelSpec, options: OneStageOptions) -> _Anchors:
    rows, count, each = (
        _read_rows(outputs, spec, options),
        len(spec.keypoint_names),
        len(options.keypoint_columns),
    )
    parts: dict[str, list[Array]] = {column: [] for column in WIDTHS}
    start = 0
    for column in options.columns:
        width = count * each if column == "keypoints" else WIDTHS[column]
        parts[column].append(rows[:, start : start + width])
        start += width
    values = parts["keypoints"][0] if parts["keypoints"] else _read_keypoints(outputs, spec, len(rows), each)
    scores = tuple(part[:, 0] for part in parts["score"])
    return _Anchors(parts["box"][0], scores, values.reshape(len(rows), count, each))


def _read_rows(outputs: Tensors, spec: ModelSpec, options: OneStageOptions) -> Array:
    """Return the (anchors, values) detections."""
    array, values = top_down.select_output(outputs, spec, "detections"), _count_values(spec, options)
    if array.ndim != 3 or array.shape[0] != 1 or values not in array.shape[1:]:
        raise InputError(
            f"detections ({spec.roles['detections']!r}) has shape {array.shape}; expected (1, anchors, "
            f"{values}) or (1, {values}, anchors): one image, and the keypoints of the spec"
        )
    rows: Array = (array[0] if array.shape[2] == values else array[0].T).astype(np.float64)
    return rows


def _read_keypoints(outputs: Tensors, spec: ModelSpec, anchors: int, each: int) -> Array:
    """Return the output with the keypoints of all anchors."""
    array, count = top_down.select_output(outputs, spec, "keypoints"), len(spec.keypoint_names)
    if array.shape not in ((1, anchors, count, each), (1, anchors, count * each)):
        raise InputError(
            f"keypoints ({spec.roles['keypoints']!r}) has shape {array.shape}; expected (1, {anchors}, "
            f"{count}, {each}): the keypoints of {anchors} anchors"
        )
    values: Array = array.astype(np.float64)
    return values


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
