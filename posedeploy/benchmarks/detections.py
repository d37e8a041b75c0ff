"""Poses become detections of COCO: the annotations' keypoints in their order, and a score to rank by."""

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
    """The keypoints that annotations and network both have, which alone are scored.

    names: COCO's, in the annotations' order. annotated, network: (n,) where each is in the annotations' order
    of ``total`` keypoints, and in the network's. sigmas: (n,) of the OKS. left_out: those that only one of
    the two has.
    """

    names: tuple[str, ...]
    annotated: Array
    network: Array
    sigmas: Array
    left_out: tuple[str, ...]
    total: int


@dataclass(frozen=True)
class Detection:
    """A person whom the network found.

    keypoints: (K, 3) x px, y px, 1, in the annotations' order; 0, 0, 0 where not found or not scored. score:
    what COCO ranks by. height: of the box around everything found, over the image's.
    """

    image_id: int | str
    keypoints: Array = field(repr=False)
    score: float
    height: float


def common_keypoints(annotated: Sequence[str], network: Sequence[str], sigmas: Sequence[float]) -> Keypoints:
    """Match the two sides' keypoints by name.

    Args:
        sigmas: of the network's keypoints, in their order.

    Raises:
        InputError: they have none in common, a side has one twice, or the network has other than its
            family's.
    """
    if len(network) != len(sigmas):
        raise InputError(
            f"the network has {len(network)} keypoint names and its family decodes {len(sigmas)} keypoints; "
            "name them all in the contract, or none"
        )
    ours, theirs = _by_name(network, "network"), _by_name(annotated, "annotations")
    names = tuple(name for name in theirs if name in ours)
    if not names:
        raise InputError(
            f"the annotations and the network have no keypoint in common: annotated are {', '.join(theirs)}, "
            f"and the network finds {', '.join(ours)}"
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
    """The places of keypoints by COCO's names for them."""
    places: dict[str, int] = {}
    for index, name in enumerate(names):
        if (key := coco_name(name)) in places:
            raise InputError(
                f"the keypoints {names[places[key]]!r} and {name!r} of the {side} have one name, {key}; give "
                "each a name of its own"
            )
        places[key] = index
    return places


def detections(poses: Poses, image: AnnotatedImage, common: Keypoints) -> Iterator[Detection]:
    """The people found in an image; one who has none of the common keypoints is left out.

    The score is that of Lightweight OpenPose's published evaluation (``val.py``): the decoder's, times the
    number of keypoints found less one, the neck. That evaluation also moves each keypoint by half a pixel;
    here they are scored as ``predict`` gives them.
    """
    found = poses.keypoints[..., 2] >= 0
    scores = poses.scores * np.maximum(found.sum(axis=1) - 1, 0)
    heights = poses.boxes[:, 3] / image.height
    for person in np.flatnonzero(found[:, common.network].any(axis=1)):
        keypoints = np.zeros((common.total, 3))
        seen = found[person, common.network]
        keypoints[common.annotated[seen], :2] = poses.keypoints[person, common.network[seen], :2]
        keypoints[common.annotated[seen], 2] = 1
        yield Detection(image.id, keypoints, float(scores[person]), float(heights[person]))
