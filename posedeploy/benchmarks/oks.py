"""Precision and recall by object keypoint similarity, as COCO counts them: pycocotools does it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from posedeploy.benchmarks.annotations import Person
from posedeploy.benchmarks.detections import Detection, Keypoints
from posedeploy.types import Array

THRESHOLDS = tuple((np.arange(50, 100, 5) / 100).tolist())
"""The OKS from which on a detection is the person, each in turn."""

MAX_DETECTIONS = 20
"""Detections of an image that count, the best ones."""

PERSON = 1


def counts(person: Person, common: Keypoints, min_height: float = 0.0) -> bool:
    """Whether a person has to be found: no crowd, a labeled keypoint among those scored, and high enough."""
    labeled = bool((person.keypoints[common.annotated, 2] > 0).any())
    return labeled and not person.crowd and person.height >= min_height


def precision_and_recall(
    people: Sequence[Person], detections: Sequence[Detection], common: Keypoints, min_height: float = 0.0
) -> tuple[Array, Array]:
    """(10,) the precision, mean over COCO's 101 recalls, and (10,) the recall, at each of ``THRESHOLDS``.

    Both empty where no person counts. ``min_height`` (over the image's) is what an area range is to COCO:
    smaller people need not be found, though who finds them is not wrong, and of detections that are nobody
    only those whose own box is as high are wrong.
    """
    numbers = _numbers([*(each.image_id for each in people), *(each.image_id for each in detections)])
    truths = [
        _entry(numbers[person.image_id], person.keypoints, common)
        | {
            "bbox": person.box,
            "area": person.area,
            "iscrowd": int(person.crowd),
            # COCO's word for "need not be found".
            "num_keypoints": int(counts(person, common, min_height)),
        }
        for person in people
    ]
    if not any(truth["num_keypoints"] for truth in truths):
        return np.zeros(0), np.zeros(0)
    found = [
        _entry(numbers[detection.image_id], detection.keypoints, common)
        # Not a size, which a detection's OKS does not ask for, but the side of the range's bound.
        | {"score": detection.score, "area": 1.0 if detection.height >= min_height else -1.0}
        for detection in detections
    ]
    with redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_coco(truths), _coco(found), "keypoints")
        parameters = evaluation.params
        parameters.imgIds = sorted({entry["image_id"] for entry in (*truths, *found)})
        parameters.catIds = [PERSON]
        parameters.iouThrs = np.array(THRESHOLDS)
        parameters.maxDets = [MAX_DETECTIONS]
        parameters.areaRng = [[0.0, np.inf]]
        parameters.areaRngLbl = ["all"]
        parameters.kpt_oks_sigmas = common.sigmas
        evaluation.evaluate()
        evaluation.accumulate()
    precision: Array = evaluation.eval["precision"][:, :, 0, 0, 0]
    recall: Array = evaluation.eval["recall"][:, 0, 0, 0]
    return precision.mean(axis=1), recall


def _numbers(ids: Sequence[int | str]) -> dict[int | str, int]:
    """Whole numbers in the order of the ids, which may be texts."""
    ordered = sorted(set(ids), key=lambda each: (isinstance(each, str), each))
    return {each: number for number, each in enumerate(ordered, start=1)}


def _entry(image: int, keypoints: Array, common: Keypoints) -> dict[str, Any]:
    scored = keypoints[common.annotated].ravel().tolist()
    return {"image_id": image, "category_id": PERSON, "keypoints": scored}


def _coco(entries: list[dict[str, Any]]) -> Any:
    """An index of annotations or results, without the file; ids from 1, since 0 means unmatched inside."""
    made = COCO()
    made.dataset = {
        "images": [{"id": image} for image in sorted({entry["image_id"] for entry in entries})],
        "categories": [{"id": PERSON}],
        "annotations": [entry | {"id": number} for number, entry in enumerate(entries, start=1)],
    }
    made.createIndex()
    return made
