"""Detections in COCO's form: keypoints in the order of the annotations, and a score for the ranking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from posedeploy.benchmarks.annotations import AnnotatedImage
from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.types import Array, Poses


@dataclass(frozen=True)
class Keypoints:
    """The keypoints that both the annotations and the network have. Only these are scored.

    names: COCO's, in the order of the annotations. annotated, network: (n,) their indices in the annotations,
    of ``total`` keypoints, and in the network. sigmas: (n,) of the OKS. left_out: keypoints of only one of
    the two.
    """

    names: tuple[str, ...]
    annotated: Array
    network: Array
    sigmas: Array
    left_out: tuple[str, ...]
    total: int


@dataclass(frozen=True)
class Detection:
    """A detected person.

    keypoints: (K, 3) x px, y px, 1, in the order of the annotations; 0, 0, 0 where missing or not scored.
    score: for COCO's ranking. height: of the box around all keypoints, relative to the height of the image.
    """

    image_id: int | str
    keypoints: Array = field(repr=False)
    score: float
    height: float


def common_keypoints(annotated: Sequence[str], network: Sequence[str], sigmas: Sequence[float]) -> Keypoints:
    """Match the keypoints of annotations and network by name.

    Args:
        sigmas: of the network's keypoints, in their order.

    Raises:
        InputError: they have none in common, one has a name twice, or the network has another number of names
            than its family decodes.
    """
    if len(network) != len(sigmas):
        raise InputError(
            f"the contract has {len(network)} keypoint_names, expected {len(sigmas)}, the number that "
            "the family decodes; name all of them or none"
        )
    ours, theirs = _by_name(network, "network"), _by_name(annotated, "annotations")
    names = tuple(name for name in theirs if name in ours)
    if not names:
        raise InputError(
            f"the annotations and the network have no keypoint in common: the annotations have "
            f"{', '.join(theirs)}, and the network has {', '.join(ours)}; rename them with keypoint_names in "
            "a `contract` file"
        )
    indices = np.array([ours[name] for name in names])
    return Keypoints(
        names,
        np.array([theirs[name] for name in names]),
        indices,
        np.array(sigmas)[indices],
        tuple(name for name in (*ours, *theirs) if (name in ours) != (name in theirs)),
        len(annotated),
    )


def _by_name(names: Sequence[str], side: str) -> dict[str, int]:
    """Return the indices of keypoints by COCO's names."""
    indices: dict[str, int] = {}
    for index, name in enumerate(names):
        if (key := coco_name(name)) in indices:
            raise InputError(
                f"the keypoints {names[indices[key]]!r} and {name!r} of the {side} are both {key} in COCO; "
                "rename one of them"
            )
        indices[key] = index
    return indices


def detections(poses: Poses, image: AnnotatedImage, common: Keypoints) -> Iterator[Detection]:
    """Yield the detections of an image; people without any of the common keypoints are skipped.

    The score is that of Lightweight OpenPose's published evaluation (``val.py``): the decoder's score, times
    the number of keypoints less one for the neck. That evaluation also shifts each keypoint by half a pixel;
    these are the keypoints of ``predict``, unshifted.
    """
    is_present = poses.keypoints[..., 2] >= 0
    scores = poses.scores * np.maximum(is_present.sum(axis=1) - 1, 0)
    heights = poses.boxes[:, 3] / image.height
    for person in np.flatnonzero(is_present[:, common.network].any(axis=1)):
        keypoints = np.zeros((common.total, 3))
        seen = is_present[person, common.network]
        keypoints[common.annotated[seen], :2] = poses.keypoints[person, common.network[seen], :2]
        keypoints[common.annotated[seen], 2] = 1
        yield Detection(image.id, keypoints, float(scores[person]), float(heights[person]))
