"""Drawn images as files: PNGs, and one file of annotations as COCO has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from posedeploy import files
from posedeploy.errors import InputError
from posedeploy.joint_names import coco_name
from posedeploy.poses import coco_keypoints
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES
from posedeploy.synthetic.body import JOINTS
from posedeploy.synthetic.scene import Person, Scene, draw

NAME = "annotations.json"
CAMERA = "pinhole: x right, y down, z ahead, in mm; its axis goes through (width / 2, height / 2)"
_ORDER = [[coco_name(name) for name in KEYPOINT_NAMES].index(name) for name in coco_keypoints.KEYPOINTS]


def write_images(
    folder: Path,
    count: int,
    seed: int,
    size: tuple[int, int] | None = None,
    people: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Path, ...]:
    """Draw images 0 to ``count - 1`` of a seed into a folder, with ``annotations.json``; the files' paths.

    The annotations are COCO's "person_keypoints" (17 keypoints, visibility 0 to 2, bbox, area), and beside
    them for each person ``joints_mm``, (28, 3) in the order of ``info.joints``, in the coordinates of a
    pinhole camera whose ``focal_length_px`` the image has and whose axis goes through its center, and
    ``keypoints_18``, x, y and visibility of ``info.keypoints_18``, which are OpenPose's. A person who cannot
    be recognized is annotated without COCO's keypoints.

    Args:
        size, people: as for ``draw``.

    Raises:
        InputError: ``count`` is under 1, or an argument is none that ``draw`` takes.
        OutputError: the folder cannot be written; what stood there before is as it was.
    """
    if count < 1:
        raise InputError(f"{count} images: it should be at least 1")
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with files.staged(folder) as stage:
        for index in range(count):
            scene = draw(seed, index, size, people)
            name = f"{index:06d}.png"
            _, encoded = cv2.imencode(".png", scene.image)
            (stage / name).write_bytes(encoded.tobytes())
            images.append(_image(scene, index, name))
            for person in scene.people:
                annotations.append(_annotation(person, len(annotations) + 1, index))
            on_progress(index + 1, count)
        document = {
            "info": {
                "description": "people drawn by posedeploy",
                "seed": seed,
                "joints": JOINTS,
                "keypoints_18": KEYPOINT_NAMES,
                "camera": CAMERA,
            },
            "images": images,
            "annotations": annotations,
            "categories": [
                {
                    "id": 1,
                    "name": "person",
                    "supercategory": "person",
                    "keypoints": coco_keypoints.KEYPOINTS,
                    "skeleton": coco_keypoints.SKELETON,
                }
            ],
        }
        (stage / NAME).write_bytes(msgspec.json.encode(document))
    return (folder / NAME, *(folder / image["file_name"] for image in images))


def _image(scene: Scene, index: int, name: str) -> dict[str, Any]:
    height, width = scene.image.shape[:2]
    return {
        "id": index,
        "file_name": name,
        "width": width,
        "height": height,
        "focal_length_px": scene.focal_length,
    }


def _annotation(person: Person, number: int, image: int) -> dict[str, Any]:
    visibility = person.visibility[_ORDER] if person.recognizable else np.zeros(len(_ORDER), int)
    points = np.where(visibility[:, None] > 0, person.keypoints[_ORDER], 0.0)
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "keypoints": np.column_stack([points, visibility]).ravel().tolist(),
        "num_keypoints": int((visibility > 0).sum()),
        "bbox": person.box,
        "area": float(person.area),
        "iscrowd": 0,
        "share_seen": round(person.share, 4),
        "joints_mm": person.joints_mm.tolist(),
        "keypoints_18": np.column_stack([person.keypoints, person.visibility]).ravel().tolist(),
    }
