"""Read the boxes, scores and keypoints of all anchors from the outputs of a one-stage network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from posedeploy.errors import InputError
from posedeploy.poses import top_down
from posedeploy.types import Array, ModelSpec, Tensors

WIDTHS: Mapping[str, int] = {"box": 4, "score": 1, "unused": 1, "keypoints": 0}
"""The number of values of each column of an anchor; that of keypoints depends on the network."""


class AnchorLayout(Protocol):
    """The columns of an anchor and of a keypoint, as in the options of the family one-stage."""

    @property
    def columns(self) -> Sequence[str]: ...

    @property
    def keypoint_columns(self) -> Sequence[str]: ...


@dataclass(frozen=True, eq=False)
class Anchors:
    """The values of all anchors, in float64.

    boxes: (anchors, 4). scores: factors of (anchors,). keypoints: (anchors, keypoints, values).
    """

    boxes: Array
    scores: tuple[Array, ...]
    keypoints: Array


def count_values(spec: ModelSpec, layout: AnchorLayout) -> int:
    """Return the number of values of an anchor in the detections."""
    keypoints = len(spec.keypoint_names) * len(layout.keypoint_columns)
    return sum(keypoints if column == "keypoints" else WIDTHS[column] for column in layout.columns)


def read_anchors(outputs: Tensors, spec: ModelSpec, layout: AnchorLayout) -> Anchors:
    """Return the values of all anchors.

    Raises:
        InputError: an output is missing or has another shape, or the keypoints are unknown.
    """
    detections = top_down.select_output(outputs, spec, "detections")
    axes = () if detections.ndim == 2 else (1,)
    rows = _read_rows(detections, axes, count_values(spec, layout), spec)
    count, each = len(spec.keypoint_names), len(layout.keypoint_columns)
    parts: dict[str, list[Array]] = {column: [] for column in WIDTHS}
    start = 0
    for column in layout.columns:
        width = count * each if column == "keypoints" else WIDTHS[column]
        parts[column].append(rows[:, start : start + width])
        start += width
    lead = (*axes, len(rows))
    keypoints = parts["keypoints"] or [
        _read_output(outputs, spec, "keypoints", ((*lead, count, each), (*lead, count * each)))
    ]
    scores = parts["score"] or [_read_output(outputs, spec, "scores", (lead, (*lead, 1)))]
    return Anchors(
        parts["box"][0],
        tuple(part.reshape(len(rows)) for part in scores),
        keypoints[0].reshape(len(rows), count, each),
    )


def _read_rows(detections: Array, axes: tuple[int, ...], values: int, spec: ModelSpec) -> Array:
    """Return the (anchors, values) detections. axes: the lengths of the axes before the anchors."""
    if detections.shape[: len(axes)] != axes or detections.ndim != len(axes) + 2 or (
        values not in detections.shape[len(axes) :]
    ):  # fmt: skip
        raise InputError(
            f"detections ({spec.roles['detections']!r}) has shape {detections.shape}; expected (1, anchors, "
            f"{values}), (1, {values}, anchors) or (anchors, {values}): one image, and the keypoints of the "
            "spec"
        )
    table = detections.reshape(detections.shape[len(axes) :])
    rows: Array = (table if table.shape[1] == values else table.T).astype(np.float64)
    return rows


def _read_output(outputs: Tensors, spec: ModelSpec, role: str, shapes: Sequence[tuple[int, ...]]) -> Array:
    """Return the output for ``scores`` or ``keypoints``, and check that it has one of these shapes."""
    array = top_down.select_output(outputs, spec, role)
    if array.shape not in shapes:
        raise InputError(
            f"{role} ({spec.roles[role]!r}) has shape {array.shape}; expected {shapes[0]}: {role} for each "
            "anchor of the detections"
        )
    values: Array = array.astype(np.float64)
    return values
