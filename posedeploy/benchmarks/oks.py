"""Precision and recall by object keypoint similarity, computed by pycocotools."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from posedeploy.benchmarks.annotations import AnnotatedPerson
from posedeploy.benchmarks.detections import Detection, Keypoints
from posedeploy.types import Array

THRESHOLDS = tuple((np.arange(50, 100, 5) / 100).tolist())
"""The OKS thresholds above which a detection matches a person."""

MAX_DETECTIONS = 20
"""The number of detections per image that count, the best first."""

PERSON = 1


def is_scored(person: AnnotatedPerson, common: Keypoints, min_height: float = 0.0) -> bool:
    """Return whether a person is scored: single, tall enough, and with a label for a scored keypoint."""
    labeled = bool((person.keypoints[common.annotated, 2] > 0).any())
    return labeled and not person.crowd and person.height >= min_height


def compute_precision_recall(
    people: Sequence[AnnotatedPerson],
    detections: Sequence[Detection],
    common: Keypoints,
    min_height: float = 0.0,
) -> tuple[Array, Array]:
    """Return (10,) the precision, averaged over COCO's 101 recalls, and (10,) the recall, per threshold.

    Both are empty if no person is scored. ``min_height`` (relative to the height of the image) acts like an
    area range of COCO: shorter people are ignored, matched or not, and an unmatched detection is only a false
    positive if its box has at least that height.
    """
    numbers = _number_ids([*(each.image_id for each in people), *(each.image_id for each in detections)])
    truths = [
        _entry(numbers[person.image_id], person.keypoints, common)
        | {
            "bbox": person.box,
            "area": person.area,
            "iscrowd": int(person.crowd),
            # COCO ignores a person with 0.
            "num_keypoints": int(is_scored(person, common, min_height)),
        }
        for person in people
    ]
    if not any(truth["num_keypoints"] for truth in truths):
        return np.zeros(0), np.zeros(0)
    results = [
        _entry(numbers[detection.image_id], detection.keypoints, common)
        # OKS does not use a detection's area. Its sign puts the detection inside or outside the range.
        | {"score": detection.score, "area": 1.0 if detection.height >= min_height else -1.0}
        for detection in detections
    ]
    with redirect_stdout(io.StringIO()):
        evaluation = COCOeval(_index_entries(truths), _index_entries(results), "keypoints")
        parameters = evaluation.params
        parameters.imgIds = sorted({entry["image_id"] for entry in (*truths, *results)})
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


def _number_ids(ids: Sequence[int | str]) -> dict[int | str, int]:
    """Return integers in the order of the ids, some of which may be strings."""
    ordered = sorted(set(ids), key=lambda each: (isinstance(each, str), each))
    return {each: number for number, each in enumerate(ordered, start=1)}


def _entry(image: int, keypoints: Array, common: Keypoints) -> dict[str, Any]:
    scored = keypoints[common.annotated].ravel().tolist()
    return {"image_id": image, "category_id": PERSON, "keypoints": scored}


def _index_entries(entries: list[dict[str, Any]]) -> Any:
    """Return pycocotools' index of annotations or results; ids start at 1, because 0 means unmatched."""
    index = COCO()
    index.dataset = {
        "images": [{"id": image} for image in sorted({entry["image_id"] for entry in entries})],
        "categories": [{"id": PERSON}],
        "annotations": [entry | {"id": number} for number, entry in enumerate(entries, start=1)],
    }
    index.createIndex()
    return index
