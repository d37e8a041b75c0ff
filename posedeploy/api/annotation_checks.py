"""What is implausible about annotations, and which mistake in them is the likely one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from posedeploy.benchmarks.annotations import Annotations, Person
from posedeploy.benchmarks.detections import Keypoints
from posedeploy.errors import InputError
from posedeploy.predict.box_files.box_content import MEANINGS, Box, Size
from posedeploy.predict.box_files.box_geometry import doubt_format
from posedeploy.predict.joint_files.pixels import are_normalized
from posedeploy.types import Array, ModelSpec

MARGIN = 0.05
"""How far a keypoint may lie beyond the image, over its sides."""
MAX_OUTSIDE = 0.5
"""Share of keypoints beyond their images from which on they are likely of other images."""


def check_annotations(annotations: Annotations) -> list[str]:
    """Return warnings about annotations, whose images have sizes, that are implausible but can be scored.

    Raises:
        InputError: the keypoints are normalized, or the boxes are in another format than COCO's, so that the
            scores would be wrong.
    """
    sizes = {image.id: (image.width, image.height) for image in annotations.images}
    pairs = [(_labeled(person), sizes[person.image_id]) for person in annotations.people]
    points = np.concatenate([np.zeros((0, 2)), *(found for found, _ in pairs)])
    if are_normalized(points):
        raise InputError(
            f"{annotations.path}: the x and y of its keypoints are from {points.min():.3g} to "
            f"{points.max():.3g}: normalized, and expected in px; multiply x by the width of the image "
            "and y by its height"
        )
    return [*_boxes(annotations, sizes), *_outside(pairs, len(points))]


def _boxes(annotations: Annotations, sizes: dict[int | str, Size]) -> Iterator[str]:
    boxes = [
        (Box(person.box, f"the person {index} of image {person.image_id}"), sizes[person.image_id])
        for index, person in enumerate(annotations.people)
        if min(person.box[2:]) > 0
    ]
    doubt = doubt_format(boxes, "xywh")
    if doubt is None:
        return
    if not doubt.likely:
        yield f"{doubt.shown}; heights of people are taken from these boxes, so give boxes of these images"
        return
    likely = " or ".join(f"{each} ({MEANINGS[each]})" for each in doubt.likely)
    raise InputError(
        f"{annotations.path}: {doubt.shown}; the boxes fit as {likely}: write each bbox as "
        f"{MEANINGS['xywh']}, as COCO does"
    )


def _outside(pairs: list[tuple[Array, Size]], count: int) -> Iterator[str]:
    outside = sum(
        int(((found < -MARGIN * np.array(size)) | (found > (1 + MARGIN) * np.array(size))).any(axis=1).sum())
        for found, size in pairs
    )
    if outside > MAX_OUTSIDE * count:
        yield (
            f"{outside} of {count} labeled keypoints lie outside their images, as those of images of another "
            "size do, or with x and y exchanged; give keypoints in px of these images"
        )


def _labeled(person: Person) -> Array:
    found: Array = person.keypoints[person.keypoints[:, 2] > 0, :2]
    return found


def unmatched(annotations: Annotations, spec: ModelSpec, common: Keypoints) -> Iterator[str]:
    """Yield a warning where fewer than half of the annotated keypoints are scored."""
    if 2 * len(common.names) < len(annotations.keypoint_names):
        yield (
            f"only {len(common.names)} of the {len(annotations.keypoint_names)} annotated keypoints match "
            f"the network's by name, so AP covers only {', '.join(common.names)}; annotated are "
            f"{', '.join(annotations.keypoint_names)}, and the network finds {', '.join(spec.keypoint_names)}"
        )
