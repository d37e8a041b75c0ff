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
    of ``total`` keypoints, and in the network. sigmas: (n,) of the OKS. unscored: keypoints that only the
    annotations or only the network has.
    """

    names: tuple[str, ...]
    annotated: Array
    network: Array
    sigmas: Array
    unscored: tuple[str, ...]
    total: int


@dataclass(frozen=True)
class Detection:
    """A detected person.

    keypoints: (K, 3) x px, y px, 1, in the order of the annotations; 0, 0, 0 where missing or not scored.
    score: for COCO's ranking. height: the height of the box around all keypoints, relative to the height of
    the image.
    """

    image_id: int | str
    keypoints: Array = field(repr=False)
    score: float
    height: float


def match_keypoints(annotated: Sequence[str], network: Sequence[str], sigmas: Sequence[float]) -> Keypoints:
    """Match the keypoints of annotations and network by name.

    Args:
        sigmas: the OKS sigmas of the network's keypoints, in their order.

    Raises:
        InputError: no keypoint is in both, a name occurs twice, or the network has another number of names
            than its family decodes.
    """
    if len(network) != len(sigmas):
        raise InputError(
            f"the contract has {len(network)} keypoint_names, expected {len(sigmas)}, the number that "
            "the family decodes; name all of them or none"
        )
    in_network = _index_by_name(network, "network")
    in_annotations = _index_by_name(annotated, "annotations")
    names = tuple(name for name in in_annotations if name in in_network)
    if not names:
        raise InputError(
            f"the annotations and the network have no keypoint in common: the annotations have "
            f"{', '.join(in_annotations)}, and the network has {', '.join(in_network)}; rename them with "
            "keypoint_names in a `contract` file"
        )
    indices = np.array([in_network[name] for name in names])
    return Keypoints(
        names,
        np.array([in_annotations[name] for name in names]),
        indices,
        np.array(sigmas)[indices],
        tuple(name for name in (*in_network, *in_annotations) if name not in names),
        len(annotated),
    )


def _index_by_name(names: Sequence[str], side: str) -> dict[str, int]:
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


def to_detections(poses: Poses, image: AnnotatedImage, common: Keypoints) -> Iterator[Detection]:
    """Yield the detections of an image; people without any of the common keypoints are skipped.

    The score is that of Lightweight OpenPose's published evaluation (``val.py``): score x (n - 1), where
    score is the decoder's and n is the number of keypoints found. That evaluation also shifts each keypoint
    by half a pixel; these keypoints are not shifted.
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
