"""COCO keypoints files of known people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from posedeploy.types import Array

NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
    "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
OURS = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
"""The index of each keypoint in lightweight-openpose-2d."""


def person(image: int, keypoints: Array, height: float | None = None, **fields: Any) -> dict[str, Any]:
    """Return an annotation of (K, 3) keypoints, -1 if missing. ``height`` replaces the height of its box."""
    found = keypoints[:, 2] >= 0
    low, high = keypoints[found, :2].min(axis=0), keypoints[found, :2].max(axis=0)
    box = [*low.tolist(), *(high - low).tolist()]
    box[3] = box[3] if height is None else height
    marked = np.where(found[:, None], np.column_stack([keypoints[:, :2], np.full(len(keypoints), 2)]), 0)
    annotations = {
        "image_id": image,
        "category_id": 1,
        "keypoints": marked.ravel().tolist(),
        "num_keypoints": int(found.sum()),
        "bbox": box,
        "area": box[2] * box[3],
        "iscrowd": 0,
    }
    return annotations | fields


def write(
    path: Path,
    images: dict[str, tuple[int, int]],
    people: list[dict[str, Any]],
    names: tuple[str, ...] = NAMES,
    /,
    **fields: Any,
) -> Path:
    """Write annotations of images, which map names to (width, height) and have ids from 1."""
    document = {
        "info": {"description": "for tests"},
        "images": [
            {"id": number, "file_name": name, "width": width, "height": height, "license": 1}
            for number, (name, (width, height)) in enumerate(images.items(), start=1)
        ],
        "annotations": [{"id": number} | annotation for number, annotation in enumerate(people, start=1)],
        "categories": [{"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2]]}],
    }
    path.write_text(json.dumps(document | fields))
    return path
