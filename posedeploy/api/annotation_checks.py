"""Checks of annotations for implausible values, with their likely causes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from posedeploy.benchmarks.annotations import AnnotatedPerson, Annotations
from posedeploy.benchmarks.detections import Keypoints
from posedeploy.errors import InputError
from posedeploy.predict.box_files.box_content import MEANINGS, Box, Size
from posedeploy.predict.box_files.box_geometry import doubt_format
from posedeploy.predict.joint_files.pixels import are_normalized
from posedeploy.types import Array, ModelSpec

MARGIN = 0.05
"""Maximum distance of a keypoint outside the image, relative to the image's sides."""
MAX_OUTSIDE = 0.5
"""Maximum share of keypoints outside their images; above it, they are likely those of other images."""

MIN_BOXES = 3
"""Minimum number of boxes from which another format is inferred; fewer may reach beyond their image."""


def check_annotations(annotations: Annotations) -> list[str]:
    """Return warnings about annotations that are implausible but can be scored; all images have sizes.

    Raises:
        InputError: the keypoints are normalized, or the boxes are in another format than COCO's, so that the
            scores would be wrong.
    """
    sizes = {image.id: (image.width, image.height) for image in annotations.images}
    pairs = [(_labeled_points(person), sizes[person.image_id]) for person in annotations.people]
    points = np.concatenate([np.zeros((0, 2)), *(labeled for labeled, _ in pairs)])
    if are_normalized(points):
        raise InputError(
            f"{annotations.path}: x and y of the keypoints are from {points.min():.3g} to "
            f"{points.max():.3g}, so they are normalized; expected px: multiply x by the width of the image "
            "and y by its height"
        )
    return [*_check_boxes(annotations, sizes), *_check_outside(pairs, len(points))]


def _check_boxes(annotations: Annotations, sizes: dict[int | str, Size]) -> Iterator[str]:
    boxes = [
        (Box(person.box, f"the person {index} of image {person.image_id}"), sizes[person.image_id])
        for index, person in enumerate(annotations.people)
        if min(person.box[2:]) > 0
    ]
    doubt = doubt_format(boxes, "xywh")
    if doubt is None:
        return
    if doubt.likely and len(boxes) < MIN_BOXES:
        yield f"{doubt.shown}; check that each bbox is {MEANINGS['xywh']}"
        return
    if not doubt.likely:
        yield f"{doubt.shown}; the heights of people come from these boxes; use the boxes of these images"
        return
    likely = " or ".join(f"{each} ({MEANINGS[each]})" for each in doubt.likely)
    raise InputError(
        f"{annotations.path}: {doubt.shown}; the boxes fit as {likely}; write each bbox as "
        f"{MEANINGS['xywh']}, as in COCO files"
    )


def _check_outside(pairs: list[tuple[Array, Size]], count: int) -> Iterator[str]:
    outside = sum(
        int(
            ((points < -MARGIN * np.array(size)) | (points > (1 + MARGIN) * np.array(size))).any(axis=1).sum()
        )
        for points, size in pairs
    )
    if outside > MAX_OUTSIDE * count:
        yield (
            f"{outside} of {count} labeled keypoints lie outside their images, which may have another size "
            "than the annotated ones, or x and y are swapped; use keypoints in px of these images"
        )


def _labeled_points(person: AnnotatedPerson) -> Array:
    points: Array = person.keypoints[person.keypoints[:, 2] > 0, :2]
    return points


def warn_of_unmatched(annotations: Annotations, spec: ModelSpec, common: Keypoints) -> Iterator[str]:
    """Yield a warning if fewer than half of the annotated keypoints are scored."""
    if 2 * len(common.names) < len(annotations.keypoint_names):
        yield (
            f"only {len(common.names)} of the {len(annotations.keypoint_names)} annotated keypoints match "
            f"the network's by name, so AP covers only {', '.join(common.names)}. Annotated: "
            f"{', '.join(annotations.keypoint_names)}; network: {', '.join(spec.keypoint_names)}"
        )
